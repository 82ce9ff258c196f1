"""Settings out of environment variables, with an error that names the variable and says what it may be."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def text(name: str, default: str = "") -> str:
    """The value of a variable without blanks around it; the default where it is not set or empty."""
    return os.environ.get(name, "").strip() or default


def secret(name: str, default: str = "") -> str:
    """A secret: the value of NAME, or the content of the file that NAME_FILE names.

    Raises:
        ImproperlyConfigured: both are set, or the file cannot be read. The message never contains the secret.
    """
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    if text(name):
        raise ImproperlyConfigured(f"Both {name} and {name}_FILE are set. Set one of them.")
    try:
        return Path(path).read_text(encoding="utf-8").strip() or default
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {why}.") from None


def flag(name: str, default: bool) -> bool:
    """A switch.

    Raises:
        ImproperlyConfigured: the value is none of true, false, yes, no, on, off, 1, 0.
    """
    value = text(name, str(default)).lower()
    if value in YES:
        return True
    if value in NO:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}. Use true or false.")


def words(name: str, default: str = "") -> list[str]:
    """A list with commas, without blanks around its items and without empty ones."""
    return [each.strip() for each in text(name, default).split(",") if each.strip()]


def whole_number(name: str, default: int) -> int:
    """A whole number that is not negative.

    Raises:
        ImproperlyConfigured: the value is something else.
    """
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 12):
        raise ImproperlyConfigured(f"{name} is {value[:40]!r}. Use a whole number.")
    return int(value)


def seconds(name: str, default: float) -> float:
    """A time in seconds, fractions allowed.

    Raises:
        ImproperlyConfigured: the value is no number, negative, or not finite.
    """
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise ImproperlyConfigured(f"{name} is {value[:40]!r}. Use a number of seconds, such as 2.5.")
    return number
