"""What a proxy changes in the identity provider's answers on their way."""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.certificates.seeded_keys import rsa_key
from tests.support.servers.identity_provider import CLIENTS
from tests.support.servers.tls_proxy import Message, Tampering

AUTHORIZE, TOKEN, KEYS = "/identity/o/authorize", "/identity/o/api/token", "/.well-known/jwks.json"
USERINFO, GRAPH, DISCOVERY = "/identity/o/api/userinfo", "/v1.0/me/getMemberGroups", "/.well-known/openid-configuration"


class Changed(Tampering):
    """Changes requests and responses of one path."""

    def __init__(
        self,
        path: str,
        *,
        request: Callable[[Message], None] = lambda message: None,
        response: Callable[[Message], None] = lambda message: None,
    ) -> None:
        self._path, self._request, self._response = path, request, response

    def request(self, path: str, message: Message) -> None:
        if path == self._path:
            self._request(message)

    def response(self, path: str, message: Message) -> None:
        if path == self._path:
            self._response(message)


class Away(Tampering):
    """Closes the connection for the paths that begin so."""

    def __init__(self, beginning: str) -> None:
        self._beginning = beginning

    def is_away(self, path: str) -> bool:
        return path.startswith(self._beginning)


class Together(Tampering):
    def __init__(self, *parts: Tampering) -> None:
        self._parts = parts

    def request(self, path: str, message: Message) -> None:
        for part in self._parts:
            part.request(path, message)


def in_url(pattern: str, replacement: str) -> Callable[[Message], None]:
    """Change the first line of a request."""

    def change(message: Message) -> None:
        message.start, count = re.subn(pattern, replacement, message.start, count=1)
        assert count or "GET" not in message.start

    return change


def in_location(pattern: str, replacement: str) -> Callable[[Message], None]:
    def change(message: Message) -> None:
        message.set_header("Location", re.sub(pattern, replacement, message.header("Location")))

    return change


def in_json(change: Callable[[dict[str, Any]], None]) -> Callable[[Message], None]:
    def changed(message: Message) -> None:
        content = json.loads(message.body)
        change(content)
        message.body = json.dumps(content).encode()

    return changed


def with_token(change: Callable[[str], str]) -> Tampering:
    def changed(content: dict[str, Any]) -> None:
        content["id_token"] = change(content["id_token"])

    return Changed(TOKEN, response=in_json(changed))


def encoded(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def as_another_user(token: str) -> str:
    """Keep header and signature, and name another user."""
    header, _, signature = token.split(".")
    return ".".join([header, encoded(claims_of(token) | {"sub": "2"}), signature])


def unsigned(token: str) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims_of(token))}."


def signed_with_secret(token: str) -> str:
    secret = CLIENTS[0]["secret"]
    return jwt.encode(claims_of(token), f"{secret}".ljust(32, "-"), algorithm="HS256", headers=header_of(token))


def signed_with_public_key(token: str) -> str:
    """The confusion of algorithms: the provider's public key as the secret of HS256."""
    public = rsa_key(2048, "identity provider").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = f"{encoded({'alg': 'HS256', **header_of(token)})}.{encoded(claims_of(token))}"
    mac = hmac.new(pem, head.encode(), hashlib.sha256).digest()
    return f"{head}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def signed_by_another_key(token: str) -> str:
    return jwt.encode(claims_of(token), rsa_key(2048, "attacker"), algorithm="RS256", headers=header_of(token))


def signed_with_own_key_inside(token: str) -> str:
    """A header that brings its own key, which must not be used."""
    key = rsa_key(2048, "attacker")
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    header = {"jwk": own, "jku": "https://evil.example/jwks.json", "kid": "evil"}
    return jwt.encode(claims_of(token), key, algorithm="RS256", headers=header)


def header_of(token: str) -> dict[str, Any]:
    return {"kid": jwt.get_unverified_header(token)["kid"]}


def from_another_issuer(message: Message) -> None:
    message.set_header("X-Forwarded-Host", "evil.example")


def as_another_client(message: Message) -> None:
    message.body = message.body.replace(b"client_id=portal", b"client_id=other")
    message.body = re.sub(rb"client_secret=[^&]*", f"client_secret={CLIENTS[1]['secret']}".encode(), message.body)


def without_keys(content: dict[str, Any]) -> None:
    content["keys"] = []


def not_an_object(message: Message) -> None:
    message.body = b"[1, 2"


def insecure(content: dict[str, Any]) -> None:
    content["token_endpoint"] = "http://portal.example/token"


def other_issuer(content: dict[str, Any]) -> None:
    content["issuer"] = "https://evil.example"
