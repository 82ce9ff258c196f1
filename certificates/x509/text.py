"""Shorten untrusted text from certificates, and keep it on one line. Pure."""

import re
import unicodedata

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


# Invisible characters outside the category Cf (Default_Ignorable_Code_Point of Unicode).
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


def is_invisible(letter: str) -> bool:
    """Return whether a character has no shape and no width, such as U+200B, a soft hyphen or a control character."""
    return unicodedata.category(letter) in {"Cf", "Cc"} or _IGNORABLE.match(letter) is not None


def without_hidden(text: str) -> str:
    """Return what a reader sees: no invisible characters, all spaces alike, single ones inside and none at the ends."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    seen = ("" if is_invisible(letter) and not letter.isspace() else letter for letter in text)
    return " ".join("".join(seen).split())


def visible(text: str) -> str:
    """Return the text with a sign for each character that a reader would not see: "press-1␠", "[U+200B]press-1"."""
    inner = text.strip(" ")
    at = len(text) - len(text.lstrip(" "))
    if not inner:
        return "␠" * len(text)
    if not (inner.isascii() and inner.isprintable()):
        inner = "".join(_sign(letter) for letter in inner)
    doubled = re.sub(" {2,}", lambda blanks: "␠" * len(blanks[0]), inner)
    return "␠" * at + doubled + "␠" * (len(text) - at - len(text.strip(" ")))


def _sign(letter: str) -> str:
    hidden = letter != " " and (is_invisible(letter) or unicodedata.category(letter) in {"Zs", "Zl", "Zp"})
    return f"[U+{ord(letter):04X}]" if hidden else letter


def hidden_difference(text: str, other: str) -> str:
    """Describe what `text` has that `other` has not where both look alike, such as "a blank at the end"; else ""."""
    if text == other or without_hidden(text).casefold() != without_hidden(other).casefold():
        return ""
    marks = sorted({letter for letter in text if letter != " " and _sign(letter) != letter})
    if marks:
        where = "in front" if text[0] in marks else "at the end" if text[-1] in marks else "inside"
        named = ", ".join(f"U+{ord(mark):04X}" for mark in marks[:3])
        return f"an invisible character {where} ({named})"
    if len(text) <= len(other):
        return ""
    return (
        "a blank in front"
        if text[:1] == " " != other[:1]
        else "a blank at the end"
        if text[-1:] == " "
        else "two blanks"
    )


# Letters of other alphabets that look like Latin ones, and signs that look like a hyphen (Unicode Technical Standard 39).
_CYRILLIC = "аеорсухіјѕԁһԛԝкмтвнАВЕКМНОРСТХУІЈЅԌ"
_AS_LATIN = "aeopcyxijsdhqwkmtbhABEKMHOPCTXYIJSG"
_GREEK = "ονρυικταΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"
_GREEK_AS_LATIN = "ovpuiktaABEZHIKMNOPTYX"
LATIN_LETTERS = str.maketrans(_CYRILLIC + _GREEK, _AS_LATIN + _GREEK_AS_LATIN)
DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹣－_"), "-")


def plain_letters(name: str) -> str:
    """Return a name without invisible characters, and with ASCII letters and hyphens for those that look like them."""
    seen = without_hidden(name)
    if seen.isascii():
        return seen
    return without_hidden(unicodedata.normalize("NFKC", seen).translate(LATIN_LETTERS).translate(DASHES))


def letter_difference(text: str, other: str) -> str:
    """Describe the letters of `text` that only look like those of `other`, such as an en dash for a hyphen; else ""."""
    if plain_letters(text).casefold() != plain_letters(other).casefold():
        return ""
    odd = dict.fromkeys(letter for letter in without_hidden(text) if not letter.isascii() and letter not in other)
    if not odd:
        return ""
    named = ", ".join(f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip() for letter in tuple(odd)[:3])
    return f"a letter that only looks the same ({named})"
