"""Read settings from environment variables. Errors name the variable and the accepted values."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def text(name: str, default: str = "") -> str:
    """Return the value of a variable without surrounding spaces, or the default when it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def secret(name: str, default: str = "") -> str:
    """Return a secret: the value of NAME, or the content of the file in NAME_FILE.

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
    """Return a switch.

    Raises:
        ImproperlyConfigured: the value is not true, false, yes, no, on, off, 1 or 0.
    """
    value = text(name, str(default)).lower()
    if value in YES:
        return True
    if value in NO:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}. Use true or false.")


def words(name: str, default: str = "") -> list[str]:
    """Return the items of a comma-separated list, without surrounding spaces and empty items."""
    return [each.strip() for each in text(name, default).split(",") if each.strip()]


def whole_number(name: str, default: int) -> int:
    """Return a whole number, 0 or greater.

    Raises:
        ImproperlyConfigured: the value is not such a number.
    """
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 12):
        raise ImproperlyConfigured(f"{name} is {value[:40]!r}. Use a whole number.")
    return int(value)


def seconds(name: str, default: float) -> float:
    """Return a number of seconds, which may have a fraction.

    Raises:
        ImproperlyConfigured: the value is not a number, negative or infinite.
    """
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise ImproperlyConfigured(f"{name} is {value[:40]!r}. Use a number of seconds, such as 2.5.")
    return number
