"""How often passwords may be tried, counted in a store that all web processes share.

An attempt is counted before its password is checked, so that parallel attempts cannot outrun the count, and uncounted when
it succeeds. A refused attempt never reaches the password hash, so guessing costs other users nothing.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from django.conf import settings
from django.core.cache import cache

SHORT, LONG = 300, 900  # seconds
SLOWED = 30  # seconds for one attempt from unknown browsers, once an account has too many failures


class RateLimitError(Exception):
    """The attempt is refused. It may be repeated after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class _Limit:
    name: str
    most: int
    seconds: int
    of: tuple[str, ...]

    def key(self, now: float) -> str:
        counted = hashlib.sha256("\0".join(self.of).encode()).hexdigest()[:40]
        return f"sign-in:{self.name}:{counted}:{int(now // self.seconds)}"

    def remaining(self, now: float) -> int:
        """Return the seconds until the count starts again, at least 1."""
        return max(1, int(self.seconds - now % self.seconds) + 1)


@dataclass
class Attempt:
    """An attempt that is counted. `forget` takes it back, after the right password."""

    _keys: list[str] = field(default_factory=list)

    def forget(self) -> None:
        for key in self._keys:
            with suppress(ValueError):  # the count has expired
                cache.incr(key, -1)
        self._keys.clear()


def begin_attempt(account: str, network: str, device: str, now: float | None = None) -> Attempt:
    """Count an attempt to sign in to `account` from `network`, by a browser that is known there as `device` or "".

    Raises:
        RateLimitError: it is refused, and no limit but the one it met counts it.
    """
    now = clock() if now is None else now
    limits = list(_limits(account, network, device))
    for limit in limits:  # only read at first: an attempt that is refused anyway must not write
        if limit.name != "account" and int(cache.get(limit.key(now), 0)) >= limit.most:
            raise RateLimitError(limit.remaining(now))
    attempt = Attempt()
    for limit in limits:
        key = limit.key(now)
        count = _increase(key, limit.seconds)
        attempt._keys.append(key)
        if count > limit.most and not _slowly(limit, account, now):
            attempt.forget()
            raise RateLimitError(SLOWED if limit.name == "account" else limit.remaining(now))
    return attempt


def slowed_accounts(accounts: Iterable[str], now: float | None = None) -> dict[str, int]:
    """Return the accounts among these that unknown browsers may try only once in a while, each with its failures."""
    now = clock() if now is None else now
    most = settings.SIGN_IN_FAILURES_PER_ACCOUNT
    keys = {_Limit("account", most, LONG, (account,)).key(now): account for account in accounts}
    counts = cache.get_many(list(keys))
    return {keys[key]: int(count) for key, count in counts.items() if int(count) >= most}


def clock() -> float:
    """Return the time that windows are counted by, in seconds since 1970."""
    return time.time()


def _limits(account: str, network: str, device: str) -> Iterator[_Limit]:
    if device:  # neither the address nor what others do with the account locks out its owner
        yield _Limit("device", 2 * settings.SIGN_IN_FAILURES_PER_ACCOUNT_AND_ADDRESS, SHORT, (account, device))
        return
    yield _Limit("address", settings.SIGN_IN_FAILURES_PER_ADDRESS, SHORT, (network,))
    yield _Limit("both", settings.SIGN_IN_FAILURES_PER_ACCOUNT_AND_ADDRESS, SHORT, (account, network))
    yield _Limit("account", settings.SIGN_IN_FAILURES_PER_ACCOUNT, LONG, (account,))


def _slowly(limit: _Limit, account: str, now: float) -> bool:
    """Return whether an account that is being guessed may be tried once more: once in a while, by all together."""
    slot = f"sign-in:slowed:{account}:{int(now // SLOWED)}"
    return limit.name == "account" and bool(cache.add(slot, 1, SLOWED))


def _increase(key: str, seconds: int) -> int:
    cache.add(key, 0, seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # it expired in between
        return 1
