"""Signed access tokens, as Microsoft Entra ID issues them: RS256, with the public keys published for whoever checks them.

They are for webhooks that decide each CONNECT, and for what calls such a webhook itself. ARM and HTTP publish have opaque tokens
of `emulator.credentials`.

Sources: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (tokens of version 1.0) and
https://learn.microsoft.com/entra/identity-platform/signing-key-rollover
"""

import base64
import hashlib
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.authority import AuthorityError, write_private
from emulator.credentials import TOKEN_LIFETIME, audience_meant

KEY_FILE = "emulator-token-key.pem"
KEY_BITS = 2048
MOST_KEYS = 3  # published at once: the one that signs, and those before it
RENEW_BEFORE = 300  # seconds before its end, a token is replaced
MOST_REMEMBERED = 1_000  # tokens
_END = "-----END PRIVATE KEY-----\n"


def derived_id(text: str) -> str:
    """Return the id that Entra would have given: the same for the same text, in any casing."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text.casefold()))


def application_id(resource_id: str) -> str:
    """Return the client id of a managed identity: that of a namespace, or a user-assigned one."""
    return derived_id(resource_id + " client")


@dataclass(frozen=True)
class Identity:
    """Who a token is for. `principal` is its object id (`oid`), `application` its client id (`appid`)."""

    principal: str
    application: str

    @classmethod
    def of_resource(cls, resource_id: str) -> "Identity":
        """Return the managed identity of this resource id: a namespace's own, or a user-assigned one."""
        return cls(derived_id(resource_id), application_id(resource_id))


class TokenIssuer:
    """Issues tokens for one tenant. Safe for threads.

    `folder` keeps the keys over restarts; None: they are lost at the end. `base` is the URL of the ARM endpoint, which is also the
    issuer's; set it before the first token. The first key is made when it is needed.
    """

    def __init__(self, folder: Path | None, tenant: str, *, clock: Callable[[], float] = time.time) -> None:
        self.tenant = tenant
        self.base = "https://localhost"
        self._path = folder / KEY_FILE if folder is not None else None
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: list[_SigningKey] = []  # the one that signs is first
        self._tokens: dict[tuple[str, Identity], tuple[str, float]] = {}

    @property
    def issuer(self) -> str:
        """The `iss` of every token."""
        return f"{self.base}/{self.tenant}/"

    def issue(self, *, audience: str, identity: Identity) -> str:
        """Return a token for an application, given by its client id, its application id URI or a scope of it.

        It is remembered, and valid for five minutes at least. Raise `AuthorityError` if the file of the keys is damaged.
        """
        with self._lock:
            now = self._clock()
            found = self._tokens.get((audience, identity))
            if found is not None and found[1] - RENEW_BEFORE > now:
                return found[0]
            key = self._all()[0]
            claims = self._claims(audience_meant(audience), identity, int(now))
            token = jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.kid})
            if len(self._tokens) >= MOST_REMEMBERED:
                self._tokens.clear()
            self._tokens[audience, identity] = token, claims["exp"]
            return token

    def _claims(self, audience: str, identity: Identity, now: int) -> dict[str, Any]:
        return {
            "aud": audience,
            "iss": self.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFETIME,
            "appid": identity.application,
            "appidacr": "2",
            "idp": self.issuer,
            "idtyp": "app",
            "oid": identity.principal,
            "sub": identity.principal,
            "tid": self.tenant,
            "uti": base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="),
            "ver": "1.0",
        }

    def forget(self, token: str) -> None:
        """Forget a remembered token, which its receiver does not take: the next one is new."""
        with self._lock:
            self._tokens = {key: found for key, found in self._tokens.items() if found[0] != token}

    # Keys

    def published(self) -> list[dict[str, str]]:
        """Return the public keys as JSON Web Keys (RFC 7517), the one that signs first."""
        with self._lock:
            return [key.published() for key in self._all()]

    def rotate(self, *, keep: bool = True) -> None:
        """Sign with a new key from now on. The keys before it stay published, unless not to `keep`."""
        fresh = _SigningKey(rsa.generate_private_key(65_537, KEY_BITS))
        with self._lock:
            self._store([fresh, *(self._all() if keep else ())][:MOST_KEYS])
            self._tokens.clear()

    def _all(self) -> list["_SigningKey"]:
        if not self._keys and self._path is not None and self._path.exists():
            self._keys = _read(self._path)
        if not self._keys:
            self._store([_SigningKey(rsa.generate_private_key(65_537, KEY_BITS))])
        return self._keys

    def _store(self, keys: list["_SigningKey"]) -> None:
        if self._path is not None:
            write_private(self._path, b"".join(key.pem() for key in keys))
        self._keys = keys


class _SigningKey:
    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self.private = private
        spki = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.kid = base64.urlsafe_b64encode(hashlib.sha256(spki).digest()[:20]).decode().rstrip("=")

    def published(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
        }

    def pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def _base64url(number: int) -> str:
    """Return a whole number as RFC 7518 writes it, section 6.3.1."""
    content = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _read(path: Path) -> list[_SigningKey]:
    keys = []
    try:
        for part in path.read_text(encoding="ascii").split(_END)[:-1]:
            private = serialization.load_pem_private_key((part + _END).encode(), password=None)
            if not isinstance(private, rsa.RSAPrivateKey):
                raise ValueError("it has a key that is not RSA")
            keys.append(_SigningKey(private))
    except (OSError, ValueError) as error:
        raise AuthorityError(f"Cannot read {path} ({error}). Delete it to sign tokens with a new key.") from error
    return keys
