"""What a client reads before its first call: cloud metadata, OpenID configuration, and the token endpoint."""

import base64
import time
from binascii import Error as Base64Error
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from emulator.credentials import TOKEN_LIFETIME, Credentials


def origin(request: web.Request) -> str:
    """`https://host:port` as the client wrote it, so that links in answers lead back the same way."""
    return f"https://{request.host}"


def cloud_metadata(request: web.Request) -> web.Response:
    """`GET /metadata/endpoints`, which `az cloud register` reads."""
    base = origin(request)
    return web.json_response(
        {
            "name": "Emulator",
            "portal": base,
            "resourceManager": base + "/",
            "authentication": {
                "loginEndpoint": base,
                "audiences": [
                    base,
                    base + "/",
                    "https://management.core.windows.net/",
                    "https://management.azure.com/",
                ],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "suffixes": {},
        }
    )


def openid_configuration(request: web.Request, tenant: str) -> web.Response:
    base = f"{origin(request)}/{tenant}"
    return web.json_response(
        {
            "issuer": f"{base}/v2.0",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, section 2.2


def managed_identity_token(request: web.Request, credentials: Credentials) -> web.Response:
    """`GET /msi/token`, the endpoint that App Service and Container Apps give to what they run (IDENTITY_ENDPOINT).

    https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    """
    if not credentials.accepts_identity_header(request.headers.get("X-IDENTITY-HEADER", "")):
        return _refusal(401, "unauthorized", "The header X-IDENTITY-HEADER is missing or wrong. The ready file has it.")
    client_id = request.query.get("client_id", credentials.client_id)
    if client_id != credentials.client_id:
        return _refusal(400, "invalid_request", "There is no identity with this client id. The ready file names it.")
    answer = {
        "access_token": credentials.issue_token(),
        "expires_on": str(int(time.time()) + TOKEN_LIFETIME),
        "resource": request.query.get("resource", ""),
        "token_type": "Bearer",
        "client_id": client_id,
    }
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


def _refusal(status: int, error: str, description: str) -> web.Response:
    headers = {"WWW-Authenticate": "Basic"} if status == 401 else {}
    return web.json_response({"error": error, "error_description": description}, status=status, headers=headers)


def _client_of(request: web.Request, form: dict[str, str]) -> tuple[str, str]:
    """Client id and secret from the form or from basic authentication (RFC 6749 section 2.3.1)."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() == "basic":
        try:
            client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            return "", ""
        return unquote_plus(client_id), unquote_plus(secret)
    return form.get("client_id", ""), form.get("client_secret", "")


async def token(request: web.Request, tenant: str, credentials: Credentials) -> web.Response:
    """`POST /{tenant}/oauth2/v2.0/token`: a bearer token for the service principal, by client credentials."""
    try:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    except (ValueError, LookupError):  # no boundary, an unknown charset
        return _refusal(400, "invalid_request", "The form in the request cannot be read.")
    if form.get("grant_type") != "client_credentials":
        return _refusal(400, "unsupported_grant_type", "Only the grant type 'client_credentials' is supported here.")
    if tenant.casefold() != credentials.tenant:
        return _refusal(400, "invalid_request", f"Tenant '{tenant[:100]}' not found. The ready file names the tenant.")
    client_id, secret = _client_of(request, form)
    if form.get("client_assertion_type"):
        accepted = form["client_assertion_type"] == JWT_BEARER and credentials.accepts_assertion(
            client_id, form.get("client_assertion", "")
        )
        if not accepted:
            return _refusal(401, "invalid_client", "Unknown client id or federated token. The ready file has both.")
    elif not credentials.accepts(client_id, secret):
        return _refusal(401, "invalid_client", "Unknown client id or wrong client secret. The ready file has both.")
    answer: dict[str, Any] = {
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME,
        "ext_expires_in": TOKEN_LIFETIME,
        "access_token": credentials.issue_token(),
    }
    return web.json_response(answer, headers={"Cache-Control": "no-store"})
