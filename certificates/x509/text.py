"""Text that carries what strangers wrote into certificates: no longer than people read, and on one line. Pure."""

import re

MAX_SENTENCE = 1000
MAX_VALUE = 2000
MAX_VALUES = 50


def shortened(text: str, limit: int = MAX_SENTENCE) -> str:
    """The text, or its beginning and "…" where it has more than `limit` characters. A certificate's names may have 64 KB."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def shortened_values(values: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The same values, each at most `MAX_VALUE` characters long, and at most `MAX_VALUES` of them."""
    return tuple((name, shortened(value, MAX_VALUE)) for name, value in values[:MAX_VALUES])


# Control characters, line and paragraph separators, and what turns the direction of the text beside it or cannot be seen.
# The joiners U+200C and U+200D stay: writing systems need them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def one_line(text: str) -> str:
    """The text with what would break, turn or forge a line of a log or a JSON string written as JSON would escape it."""
    return _UNSEEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
