"""Who asks: check the Entra token with which a namespace calls its webhook. Pure; keys and time are arguments.

The request of custom webhook authentication names no namespace, so a token counts only for the namespace whose URL was
called: its `oid` has to be the principal of the identity that ARM reports for that namespace. `appid` and `azp` name the
application, which several identities may share, and are never enough.

Sources: Microsoft identity platform "Access tokens" (v1.0 and v2.0 claims), RFC 7519, RFC 8725 (which algorithms, which
keys), Azure Event Grid "authenticate with namespaces using webhook authentication".
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from certificates.decisions.json_text import StrictJSONError, read_object

ALGORITHM = "RS256"
MAX_TOKEN = 16_384  # characters; Entra's tokens of managed identities have about 1,500
LEEWAY = timedelta(seconds=60)  # between Entra's clock and ours
MIN_KEY_BITS = 2048
DEFAULT_SCOPE = "/.default"  # of a scope that is configured where an audience belongs, as in Microsoft's example
ENTRA_V1, ENTRA_V2 = "https://sts.windows.net/{tenant}/", "https://login.microsoftonline.com/{tenant}/v2.0"

_PART = re.compile(r"[A-Za-z0-9_-]+")

TOKEN_REFUSALS: Mapping[str, str] = {
    "token-missing": "The request has no bearer token.",
    "token-too-long": f"The token has more than {MAX_TOKEN:,} characters.",
    "token-malformed": "The token is not a signed JSON Web Token.",
    "token-algorithm": f"The token is not signed with {ALGORITHM}.",
    "token-extension": "The token asks for an extension that this portal does not know.",
    "token-key-unknown": "The token is signed with a key that the tenant has not published.",
    "token-key-weak": f"The key of the token is not an RSA key of at least {MIN_KEY_BITS} bits.",
    "token-signature": "The signature of the token is wrong.",
    "token-claims": "A claim of the token is missing or has the wrong type.",
    "token-expired": "The token has expired.",
    "token-not-yet-valid": "The token is not valid yet.",
    "token-issuer": "The token was not issued by the tenant of this namespace.",
    "token-tenant": "The token is of another tenant.",
    "token-audience": "The token is for another application.",
    "token-principal": "The token is not of this namespace's identity.",
}


class TokenError(Exception):
    """The caller is not this namespace. `code` is a key of TOKEN_REFUSALS; neither it nor the sentence has a part of the token."""

    def __init__(self, code: str) -> None:
        super().__init__(TOKEN_REFUSALS[code])
        self.code = code
        self.sentence = TOKEN_REFUSALS[code]


class UnknownKeyError(TokenError):
    """No key with this id is known. The tenant may have changed its keys since they were read."""

    def __init__(self) -> None:
        super().__init__("token-key-unknown")


@dataclass(frozen=True)
class ExpectedCaller:
    """What the token of one namespace says.

    `tenant`: the directory's id. `audience`: `azureActiveDirectoryApplicationIdOrUri` as configured, an application id URI, a client
    id, or one of them with `/.default`. `client_id`: the application's client id, where it is known; a v2 token names no other
    audience. `principals`: the principal ids of the identity that ARM reports for the namespace. `v1_issuer`, `v2_issuer`: with
    `{tenant}` in place of the tenant.
    """

    tenant: str
    audience: str
    principals: frozenset[str]
    client_id: str = ""
    v1_issuer: str = ENTRA_V1
    v2_issuer: str = ENTRA_V2

    def issuer(self, version: str) -> str:
        return (self.v1_issuer if version == "1.0" else self.v2_issuer).format(tenant=self.tenant)

    def audiences(self, version: str) -> frozenset[str]:
        """Return the values of `aud` that are right. A v2 token has always the client id, which may be what is configured."""
        configured = self.audience.removesuffix(DEFAULT_SCOPE).removesuffix("/")
        every = {configured, f"{configured}/", self.client_id, f"api://{self.client_id}" if self.client_id else ""}
        if version == "2.0":
            every = {self.client_id or configured.removeprefix("api://")}
        return frozenset(every - {"", "/"})


@dataclass(frozen=True)
class CheckedToken:
    """What of a good token is kept for the log. Never the token."""

    principal: str
    version: str
    expires_at: int  # Unix seconds
    claims: Mapping[str, Any] = field(repr=False, default_factory=dict)


def bearer_token(header: str) -> str:
    """Return the token of an `Authorization` header. Raise TokenError where it has none."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenError("token-missing")
    return token.strip()


def check_token(
    token: str, *, keys: Mapping[str, RSAPublicKey], expected: ExpectedCaller, at: datetime
) -> CheckedToken:
    """Return what a token says, where it is the one that this namespace sends.

    Arguments: `token`, its compact form; `keys`, the tenant's published RSA keys by `kid`; `expected`, the caller; `at`, an aware
    datetime. Raises UnknownKeyError where `keys` lacks the token's key, else TokenError with the first rule that the token breaks.
    """
    header, claims = _parts(token)
    key = _key(header, keys)
    try:
        jwt.PyJWS(algorithms=[ALGORITHM]).decode(token, key, algorithms=[ALGORITHM])
    except jwt.PyJWTError as fault:
        raise TokenError("token-signature") from fault
    version = _version(claims)
    _check_times(claims, at)
    if _text(claims, "tid").lower() != expected.tenant.lower():
        raise TokenError("token-tenant")
    if _text(claims, "iss").lower() != expected.issuer(version).lower():
        raise TokenError("token-issuer")
    if _text(claims, "aud").lower() not in {each.lower() for each in expected.audiences(version)}:
        raise TokenError("token-audience")
    principal = _text(claims, "oid").lower()
    if principal not in {each.lower() for each in expected.principals}:
        raise TokenError("token-principal")
    return CheckedToken(principal, version, int(claims["exp"]), claims)


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims, read strictly: PyJWT would take the last of two claims with one name."""
    if len(token) > MAX_TOKEN:
        raise TokenError("token-too-long")
    parts = token.split(".")
    if len(parts) != 3 or not all(map(_PART.fullmatch, parts)):
        raise TokenError("token-malformed" if not token.endswith(".") else "token-algorithm")
    try:
        header, claims = (
            read_object(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_")) for part in parts[:2]
        )
    except (StrictJSONError, binascii.Error) as fault:
        raise TokenError("token-malformed") from fault
    return header, claims


def _key(header: Mapping[str, Any], keys: Mapping[str, RSAPublicKey]) -> RSAPublicKey:
    """Return the published key that the header names. Keys and addresses of keys inside the token are never used."""
    if header.get("alg") != ALGORITHM:
        raise TokenError("token-algorithm")
    if "crit" in header or "b64" in header or str(header.get("cty", "")).upper() == "JWT" or "enc" in header:
        raise TokenError("token-extension")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenError("token-malformed")
    key = keys.get(kid)
    if key is None:
        raise UnknownKeyError
    if key.key_size < MIN_KEY_BITS:
        raise TokenError("token-key-weak")
    return key


def _version(claims: Mapping[str, Any]) -> str:
    version = claims.get("ver")
    if version not in ("1.0", "2.0"):
        raise TokenError("token-claims")
    return str(version)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise TokenError("token-claims")
    return value


def _check_times(claims: Mapping[str, Any], at: datetime) -> None:
    """Check `exp`, `nbf` and `iat`, which Entra's tokens all have. Whole numbers: neither true nor 1e99 is one."""
    now, leeway = at.timestamp(), LEEWAY.total_seconds()
    for name in ("exp", "nbf", "iat"):
        if type(claims.get(name)) is not int:
            raise TokenError("token-claims")
    if now >= claims["exp"] + leeway:
        raise TokenError("token-expired")
    if now < claims["nbf"] - leeway or now < claims["iat"] - leeway:
        raise TokenError("token-not-yet-valid")
