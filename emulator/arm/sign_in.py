"""The endpoints that clients use to sign in: cloud metadata, OpenID configuration, published keys, tokens."""

import asyncio
import base64
import time
from binascii import Error as Base64Error
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from emulator.credentials import EVENT_GRID_AUDIENCE, TOKEN_LIFETIME, Credentials, audience_meant
from emulator.token_issuer import Identity, TokenIssuer

ARM_AUDIENCES = frozenset({"https://management.azure.com", "https://management.core.windows.net"})


def origin(request: web.Request) -> str:
    """Return `https://host:port` as the client wrote it, so that links in responses lead back the same way."""
    return f"https://{request.host}"


def cloud_metadata(request: web.Request) -> web.Response:
    """Respond to `GET /metadata/endpoints`, which `az cloud register` reads. Source: recorded traffic."""
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
    """Respond to `GET /{tenant}/v2.0/.well-known/openid-configuration`.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
    """
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


async def published_keys(issuer: TokenIssuer) -> web.Response:
    """Respond to `GET /{tenant}/discovery/v2.0/keys` with the keys that sign tokens, as a JSON Web Key Set (RFC 7517)."""
    return web.json_response({"keys": await asyncio.to_thread(issuer.published)})


async def _access_token(request: web.Request, wish: str, credentials: Credentials, issuer: TokenIssuer) -> str:
    """Return a token for the service principal: opaque for ARM and HTTP publish, signed for any other application."""
    meant = audience_meant(wish)
    if not meant or meant in ARM_AUDIENCES or meant in (EVENT_GRID_AUDIENCE, origin(request), issuer.base):
        return credentials.issue_token(audience=wish)
    identity = Identity(credentials.object_id, credentials.client_id)
    return await asyncio.to_thread(issuer.issue, audience=meant, identity=identity)


JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, section 2.2


async def managed_identity_token(request: web.Request, credentials: Credentials, issuer: TokenIssuer) -> web.Response:
    """Respond to `GET /msi/token`, the managed identity endpoint of App Service and Container Apps (IDENTITY_ENDPOINT).

    Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
    """
    if not credentials.accepts_identity_header(request.headers.get("X-IDENTITY-HEADER", "")):
        return _oauth_error(
            401,
            "unauthorized",
            "The header X-IDENTITY-HEADER is missing or wrong. See identity_header in the ready file.",
        )
    client_id = request.query.get("client_id", credentials.client_id)
    if client_id != credentials.client_id:
        return _oauth_error(400, "invalid_request", "No identity has this client id. See client_id in the ready file.")
    resource = request.query.get("resource", "")
    body = {
        "access_token": await _access_token(request, resource, credentials, issuer),
        "expires_on": str(int(time.time()) + TOKEN_LIFETIME),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": client_id,
    }
    return web.json_response(body, headers={"Cache-Control": "no-store"})


def _oauth_error(status: int, error: str, description: str) -> web.Response:
    headers = {"WWW-Authenticate": "Basic"} if status == 401 else {}
    return web.json_response({"error": error, "error_description": description}, status=status, headers=headers)


def _client_credentials(request: web.Request, form: dict[str, str]) -> tuple[str, str]:
    """Return client id and secret, from the form or from basic authentication (RFC 6749 section 2.3.1)."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() == "basic":
        try:
            client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            return "", ""
        return unquote_plus(client_id), unquote_plus(secret)
    return form.get("client_id", ""), form.get("client_secret", "")


async def token(request: web.Request, tenant: str, credentials: Credentials, issuer: TokenIssuer) -> web.Response:
    """Respond to `POST /{tenant}/oauth2/v2.0/token` with a bearer token for the service principal.

    It takes a client secret or a federated token. Errors are those of RFC 6749 section 5.2.

    Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """
    try:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    except (ValueError, LookupError):  # a multipart form without a boundary, an unknown charset
        return _oauth_error(400, "invalid_request", "The form cannot be read.")
    if form.get("grant_type") != "client_credentials":
        return _oauth_error(400, "unsupported_grant_type", "Only the grant type 'client_credentials' is supported.")
    if tenant.casefold() != credentials.tenant:
        return _oauth_error(400, "invalid_request", f"Tenant '{tenant[:100]}' not found. See tenant in the ready file.")
    client_id, secret = _client_credentials(request, form)
    if form.get("client_assertion_type"):
        accepted = form["client_assertion_type"] == JWT_BEARER and credentials.accepts_assertion(
            client_id, form.get("client_assertion", "")
        )
        if not accepted:
            return _oauth_error(
                401,
                "invalid_client",
                "Unknown client id or federated token. See client_id and federated_token_file in the ready file.",
            )
    elif not credentials.accepts(client_id, secret):
        return _oauth_error(
            401,
            "invalid_client",
            "Unknown client id or wrong client secret. See client_id and client_secret in the ready file.",
        )
    wish = form.get("scope") or form.get("resource", "")
    body: dict[str, Any] = {
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME,
        "ext_expires_in": TOKEN_LIFETIME,
        "access_token": await _access_token(request, wish, credentials, issuer),
    }
    return web.json_response(body, headers={"Cache-Control": "no-store"})
