"""A cache in the portal's database, which all web processes share.

Rate limits count in it, so guessing passwords is limited as a whole and not per process. Unlike Django's database cache it
stores JSON instead of pickles, adds a value in one atomic statement, and never evicts a value before its time: an attacker
could otherwise push counts out by filling it.
"""

import json
import time
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection

from portal.models import CachedValue

_NEVER = 1e12  # seconds since 1970
_INSERT = (
    "INSERT INTO portal_cachedvalue (key, value, expires_at) VALUES (%s, %s, %s) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at"
)
_UNLESS_CURRENT = f"{_INSERT} WHERE portal_cachedvalue.expires_at <= %s"
_INCREASE = (
    "UPDATE portal_cachedvalue SET value = CAST(CAST(value AS bigint) + %s AS text) WHERE key = %s AND expires_at > %s"
)


class SharedCache(BaseCache):
    """Values are JSON. Expired ones are deleted by `delete_expired`, which a worker runs."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        row = CachedValue.objects.filter(pk=self._key(key, version), expires_at__gt=time.time()).first()
        return default if row is None else json.loads(row.value)

    def set(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        _execute(_INSERT, self._key(key, version), json.dumps(value), self._expiry(timeout))

    def add(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store the value unless the key has a current one, and return whether it was stored. Atomic."""
        parameters = (self._key(key, version), json.dumps(value), self._expiry(timeout), time.time())
        return _execute(_UNLESS_CURRENT, *parameters) == 1

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a whole number and return it, including what others add meanwhile. Raise ValueError if it is missing."""
        if _execute(_INCREASE, delta, self._key(key, version), time.time()) == 0:
            raise ValueError(f"Key {key!r} not found")
        return int(self.get(key, delta, version))

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        rows = CachedValue.objects.filter(pk=self._key(key, version), expires_at__gt=time.time())
        return rows.update(expires_at=self._expiry(timeout)) == 1

    def delete(self, key: str, version: int | None = None) -> bool:
        return CachedValue.objects.filter(pk=self._key(key, version)).delete()[0] > 0

    def clear(self) -> None:
        CachedValue.objects.all().delete()

    def _key(self, key: str, version: int | None) -> str:
        made = self.make_key(key, version)
        self.validate_key(made)
        return made

    def _expiry(self, timeout: float | None) -> float:
        return _NEVER if (at := self.get_backend_timeout(timeout)) is None else at


def delete_expired(now: float) -> None:
    """Delete what expired before `now` (seconds since 1970)."""
    CachedValue.objects.filter(expires_at__lte=now).delete()


def _execute(statement: str, *parameters: str | float) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
