"""Verify an ID token: signature, issuer, audience, times and nonce (OpenID Connect Core 1.0, section 3.1.3.7).

allauth checks neither the signature nor the nonce of a token that it has fetched itself.
"""

import hmac
import time
from typing import Any

import jwt

from portal.single_sign_on.configuration import SingleSignOn
from portal.single_sign_on.refusals import Refusal

ALGORITHM = "RS256"
FEWEST_BITS = 2048
LONGEST_TOKEN = 200_000  # characters
# Times are checked below, with the tolerance of the settings; issuer and audience below too, each with its own reason.
_SIGNATURE_ONLY = {
    f"verify_{name}": False for name in ("exp", "iat", "nbf", "aud", "iss", "sub", "jti")
} | {"verify_signature": True}  # fmt: skip


def clock() -> float:
    """Return the time that tokens are checked at, in seconds since 1970."""
    return time.time()


def verify(token: Any, keys: dict[str, Any], configuration: SingleSignOn, *, nonce: str, at: float) -> dict[str, Any]:
    """Return the claims of an ID token.

    Args:
        token: as the provider sent it.
        keys: the JWK set of the provider.
        nonce: what this sign-in was started with.
        at: the time, in seconds since 1970.

    Raises:
        Refusal: the token is not the provider's answer to this sign-in.
    """
    claims = _signed_claims(token, keys)
    if claims.get("iss") != configuration.issuer:
        raise Refusal("issuer")
    _check_audience(claims, configuration.client_id)
    _check_times(claims, at, configuration.clock_skew)
    given = claims.get("nonce")
    if not nonce or not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise Refusal("nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise Refusal("answer", "it names no user")
    return claims


def _signed_claims(token: Any, keys: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        raise Refusal("answer", "it has no ID token")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Refusal("answer", "its ID token is malformed") from None
    if header.get("alg") != ALGORITHM:  # also “none”, and HS256 with a public key or the client's secret
        raise Refusal("algorithm")
    key = _key(keys, header.get("kid"))
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)  # type: ignore[arg-type]
    except jwt.PyJWTError:
        raise Refusal("signature") from None
    return dict(claims)


def _key(keys: dict[str, Any], key_id: Any) -> jwt.PyJWK:
    """Return the provider's RSA key of this id. Without an id, its only RSA key."""
    held = keys.get("keys")
    candidates = [
        each
        for each in (held if isinstance(held, list) else [])
        if isinstance(each, dict)
        and each.get("kty") == "RSA"
        and each.get("use", "sig") == "sig"
        and each.get("alg", ALGORITHM) == ALGORITHM
        and (key_id is None or each.get("kid") == key_id)
    ]
    if len(candidates) != 1:
        raise Refusal("signature")
    try:
        key = jwt.PyJWK.from_dict(candidates[0], algorithm=ALGORITHM)
    except jwt.PyJWTError:
        raise Refusal("signature") from None
    if getattr(key.key, "key_size", 0) < FEWEST_BITS or hasattr(key.key, "private_numbers"):
        raise Refusal("signature")
    return key


def _check_audience(claims: dict[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not client_id or client_id not in audiences:
        raise Refusal("audience")
    party = claims.get("azp", client_id if len(audiences) == 1 else None)
    if party != client_id:
        raise Refusal("audience")


def _check_times(claims: dict[str, Any], at: float, skew: float) -> None:
    expires, issued, begins = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in (expires, issued, begins)):
        raise Refusal("answer", "its ID token has no times")
    if at >= float(expires or 0) + skew or at < float(issued or 0) - skew or at < float(begins) - skew:
        raise Refusal("clock")
