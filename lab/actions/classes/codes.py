"""Codes that open a seat: the join code of a class, and the return code of each seat.

Each has 40 random bits. Guesses are counted for each class, because a whole room may come from one address: 300 in five
minutes find one of 2^40 codes in some 30,000 years.
"""

import secrets
from contextlib import suppress
from typing import NamedTuple

from django.core.cache import cache
from django.utils.crypto import constant_time_compare, salted_hmac

from portal.sign_in import rate_limits
from portal.sign_in.encryption import UnreadableSecretError, decrypt, encrypt

# Base 32 without letters that look like digits (Crockford): eight characters are 40 bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_LENGTH = 8
LONGEST_CODE = 40  # characters, as typed
JOIN_CODE = "lab.join_code"  # the purpose of its encryption key
MOST_GUESSES, SECONDS = 300, 300
_LOOK_ALIKE = str.maketrans("OIL", "011")


class TooManyGuessesError(Exception):
    """Codes of this class are not checked for some `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Code(NamedTuple):
    """A code as it was typed: the class and the seat that it names (0 in a join code), and its secret."""

    training: int
    seat: int
    secret: str


def new_secret() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))


def shown(secret: str, training: int, seat: int = 0) -> str:
    """Return a code as people read and type it: class, seat and secret."""
    place = f"{training}-{seat:02}" if seat else str(training)
    return f"{place}-{secret[:4]}-{secret[4:]}"


def read_join_code(typed: str) -> Code | None:
    """Return the parts of a join code, or None where it cannot be one. Case, blanks and hyphens do not matter."""
    place, secret = _split(typed)
    return Code(int(place), 0, secret) if place else None


def read_return_code(typed: str) -> Code | None:
    """Return the parts of a return code, or None where it cannot be one."""
    place, secret = _split(typed)
    return Code(int(place[:-2]), int(place[-2:]), secret) if len(place) > 2 else None


def _split(typed: str) -> tuple[str, str]:
    """Return the digits before the secret, and the secret; two empty texts where it is no code."""
    if len(typed) > LONGEST_CODE:
        return "", ""
    text = "".join(char for char in typed.upper() if char.isascii() and char.isalnum()).translate(_LOOK_ALIKE)
    place, secret = text[:-SECRET_LENGTH], text[-SECRET_LENGTH:]
    is_code = place.isdigit() and len(place) <= 12 and all(char in ALPHABET for char in secret)
    return (place, secret) if is_code else ("", "")


def sealed(secret: str) -> str:
    """Return a join code for the database."""
    return encrypt(secret, JOIN_CODE)


def opened(stored: str) -> str:
    """Return a join code from the database; "" where the portal's key has changed: then the trainer makes a new one."""
    try:
        return decrypt(stored, JOIN_CODE) if stored else ""
    except UnreadableSecretError:
        return ""


def return_hash(secret: str, seat_pk: int) -> str:
    """Return what is stored of a return code. It takes the portal's key: 40 bits alone could be found by trying."""
    return salted_hmac("lab.return_code", f"{seat_pk}:{secret}", algorithm="sha256").hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compare in constant time. Nothing equals the empty text."""
    return bool(one) and constant_time_compare(one, other)


class Guess:
    """One attempt with a code of a class, counted before it is checked. `was_right` takes it back."""

    def __init__(self, training: int) -> None:
        """Count it. Raise TooManyGuessesError."""
        now = rate_limits.clock()
        self._key = f"class-code:{training}:{int(now // SECONDS)}"
        if int(cache.get(self._key, 0)) >= MOST_GUESSES or self._increase() > MOST_GUESSES:
            raise TooManyGuessesError(max(1, int(SECONDS - now % SECONDS) + 1))

    def _increase(self) -> int:
        cache.add(self._key, 0, SECONDS)
        try:
            return int(cache.incr(self._key))
        except ValueError:  # it expired in between
            return 1

    def was_right(self) -> None:
        with suppress(ValueError):
            cache.incr(self._key, -1)
