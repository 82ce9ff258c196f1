"""Shorten untrusted text from certificates, and keep it on one line. Pure."""

import re

MAX_SENTENCE = 1000
MAX_VALUE = 2000
MAX_VALUES = 50


def shortened(text: str, limit: int = MAX_SENTENCE) -> str:
    """Return at most `limit` characters of the text, ending in "…" when cut. Names in a certificate may have 64 KB."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def shortened_values(values: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return at most `MAX_VALUES` of the (name, value) pairs, each value at most `MAX_VALUE` characters long."""
    return tuple((name, shortened(value, MAX_VALUE)) for name, value in values[:MAX_VALUES])


# Control characters, line and paragraph separators, invisible characters, and those that change the text direction.
# The joiners U+200C and U+200D stay: some writing systems need them.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def one_line(text: str) -> str:
    """Return the text with JSON escapes for invisible characters, which could forge a log line or reverse its direction."""
    return _INVISIBLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
