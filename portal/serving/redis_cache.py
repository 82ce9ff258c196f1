"""A cache in Redis, which all web processes share; while Redis is away, the database takes its place.

Rate limits count in it. If sign-in depended on Redis, nobody could sign in during an outage; if an outage suspended the
limits, passwords could be guessed during it. Counts begin again when the place changes.
"""

import logging
import time
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from portal.serving.shared_cache import SharedCache

logger = logging.getLogger(__name__)
PAUSE = 5.0  # seconds until Redis is tried again, so that an outage does not delay each request
_away: dict[str, float] = {}  # location → when to try again, by time.monotonic(); in the whole process


class RedisOrDatabaseCache(BaseCache):
    """Django's Redis cache, with the portal's database cache as a substitute."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._location = location
        self._redis, self._database = RedisCache(location, params), SharedCache(location, params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._call("get", key, default, version)

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        found: dict[Any, Any] = self._call("get_many", list(keys), version)
        return found

    def set(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._call("set", key, value, timeout, version)

    def add(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._call("add", key, value, timeout, version))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return int(self._call("incr", key, delta, version))

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._call("touch", key, timeout, version))

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(self._call("delete", key, version))

    def clear(self) -> None:
        self._call("clear")
        self._database.clear()

    def ping(self) -> str:
        """Return why Redis cannot be used now, "" when it can."""
        try:
            self._redis.get("ping")
        except RedisError as fault:
            return str(fault)
        return ""

    def _call(self, name: str, *arguments: Any) -> Any:
        until = _away.get(self._location, 0.0)
        if time.monotonic() >= until:
            try:
                answer = getattr(self._redis, name)(*arguments)
            except RedisError as fault:
                if not until:
                    logger.error(
                        "Redis does not answer, so rate limits count in the database: %s", type(fault).__name__
                    )
                _away[self._location] = time.monotonic() + PAUSE
            else:
                if _away.pop(self._location, None):
                    logger.warning("Redis answers again, so rate limits count in it.")
                return answer
        return getattr(self._database, name)(*arguments)
