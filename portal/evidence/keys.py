"""The keys of the seals. They are never in the database, so a person who can change every row cannot seal the change."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

SHORTEST = 32  # characters
_FILE = "activity-key"  # in the state folder, outside production


class KeyMissingError(Exception):
    """PORTAL_ACTIVITY_KEY is not set, so entries wait for their seals."""


def key_id(key: bytes) -> str:
    """Return what names a key in each link, without revealing it."""
    return hmac.digest(key, b"portal.activity key id", hashlib.sha256).hex()[:8]


def current_key() -> bytes:
    """Return the key that seals. Outside production, one is made in the state folder.

    Raises:
        KeyMissingError: production has none.
    """
    if settings.ACTIVITY_KEY:
        return str(settings.ACTIVITY_KEY).encode()
    if settings.PRODUCTION:
        raise KeyMissingError("PORTAL_ACTIVITY_KEY is not set. Set it, or PORTAL_ACTIVITY_KEY_FILE.")
    return _own_key(Path(settings.STATE_DIR) / _FILE)


def all_keys() -> Mapping[str, bytes]:
    """Return the current key and the former ones, by their ids."""
    keys = [current_key(), *(key.encode() for key in settings.ACTIVITY_KEY_FALLBACKS)]
    return {key_id(key): key for key in keys}


def _own_key(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(own, path)  # fails where another process was quicker, whose key then counts
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return path.read_bytes().strip()
