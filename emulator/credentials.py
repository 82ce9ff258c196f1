"""The credentials of the emulator: one service principal, generated in the state folder, and its tokens."""

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from emulator.authority import AuthorityError, write_private

TOKEN_LIFETIME = 3600  # seconds
EVENT_GRID_AUDIENCE = "https://eventgrid.azure.net"
MAX_AUDIENCE_LENGTH = 300


def audience_meant(wish: str) -> str:
    """Return the audience of a token: that of the first scope, or the resource that was asked for."""
    return (wish.split() or [""])[0].removesuffix("/.default").rstrip("/")[:MAX_AUDIENCE_LENGTH]


@dataclass(frozen=True)
class Credentials:
    """The service principal, its tenant, and the first subscription."""

    tenant: str
    client_id: str
    client_secret: str
    subscription: str  # the id of the subscription that exists from the start
    signing_key: str  # in hex; signs bearer tokens, so they stay valid over restarts

    @classmethod
    def load(cls, state_dir: Path, **chosen: str) -> "Credentials":
        """Return the credentials of a state folder, generated on first use. Raise `AuthorityError` if they are damaged.

        `chosen` replaces tenant, client_id, client_secret or subscription where not empty.
        """
        path = state_dir / "emulator-credentials.json"
        if not path.exists():
            fresh = cls(
                tenant=str(uuid.uuid4()),
                client_id=str(uuid.uuid4()),
                client_secret=secrets.token_hex(32),  # never starts with "-", which az would read as an option
                subscription=str(uuid.uuid4()),
                signing_key=secrets.token_hex(32),
            )
            write_private(path, json.dumps(asdict(fresh), indent=2).encode())
        given = {name: value if name == "client_secret" else value.lower() for name, value in chosen.items() if value}
        try:
            return replace(cls(**json.loads(path.read_text())), **given)
        except (OSError, TypeError, ValueError) as error:
            raise AuthorityError(f"Cannot read {path} ({error}). Delete it to generate new credentials.") from error

    def accepts(self, client_id: str, client_secret: str) -> bool:
        """Return whether these are the client id and secret of this state folder."""
        same_id = hmac.compare_digest(client_id.encode("utf-8", "replace"), self.client_id.encode())
        same_secret = hmac.compare_digest(client_secret.encode("utf-8", "replace"), self.client_secret.encode())
        return same_id and same_secret

    @property
    def identity_header(self) -> str:
        """The secret for the managed identity endpoint, as in App Service (X-IDENTITY-HEADER)."""
        return self._sign(b"managed identity").hex()

    @property
    def federated_token(self) -> str:
        """The content of the token file of a workload identity: opaque here, a signed JWT in Azure."""
        return self._sign(b"workload identity").hex()

    def accepts_assertion(self, client_id: str, assertion: str) -> bool:
        """Return whether these are the client id and federated token of this state folder."""
        same_id = hmac.compare_digest(client_id.encode("utf-8", "replace"), self.client_id.encode())
        same = hmac.compare_digest(assertion.encode("utf-8", "replace"), self.federated_token.encode())
        return same_id and same

    def accepts_identity_header(self, header: str) -> bool:
        """Return whether this is the secret for the managed identity endpoint."""
        return hmac.compare_digest(header.encode("utf-8", "replace"), self.identity_header.encode())

    @property
    def object_id(self) -> str:
        """The object id of the service principal in Entra, by which roles are assigned to it."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.tenant}/{self.client_id}"))

    def issue_token(self, now: float | None = None, *, audience: str = "") -> str:
        """Return an opaque bearer token that is valid for `TOKEN_LIFETIME` seconds from `now` (Unix time).

        Arguments: `audience`, the resource or the scope that was asked for, such as `https://eventgrid.azure.net/.default`.
        """
        expiry = int(time.time() if now is None else now) + TOKEN_LIFETIME
        meant = audience_meant(audience).encode("utf-8", "replace")
        payload = f"{expiry}.{secrets.token_hex(8)}.{_encoded(meant)}".encode()
        return _encoded(payload + b"." + self._sign(payload))

    def audience_of(self, token: str, now: float | None = None) -> str | None:
        """Return the audience of a token from `issue_token`, "" without one; None if it is not valid at `now`."""
        try:
            content = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
            if _encoded(content) != token:  # Python ignores characters that are not base64, and what follows the end
                return None
            payload, _, signature = content.rpartition(b".")
            expiry, *rest = payload.split(b".")
            lasts = int(expiry) > (time.time() if now is None else now)
        except ValueError:
            return None
        if not hmac.compare_digest(signature, self._sign(payload)) or not lasts:
            return None
        return base64.urlsafe_b64decode(rest[-1] + b"=" * (-len(rest[-1]) % 4)).decode() if len(rest) > 1 else ""

    def _sign(self, payload: bytes) -> bytes:
        return hmac.new(bytes.fromhex(self.signing_key), payload, hashlib.sha256).hexdigest().encode()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
