"""SHA-256 thumbprints of certificates in the notations that tools and people use. Pure.

Forms, actions, the import and the search all read thumbprints with this module.
"""

import base64
import re
import unicodedata

DIGITS = 64  # hex digits of SHA-256
SHA1_DIGITS = 40

# What remains of "SHA256 Fingerprint=", "sha-256:", "Thumbprint:" and "0x" after whitespace and dashes were removed.
_PREFIX = re.compile(
    r"(?:x509|x\.509|certificate|cert)?(?:fingerprint|thumbprint)?\(?(?P<hash>sha256|sha1)?\)?(?:fingerprint|thumbprint)?"
    r"(?:\((?:hex|sha256|sha1)\))?[:=]*\\?(?:0?x)?"
)
_HEX = re.compile(r"[0-9a-f]+")
# Among other words, as certutil and `openssl dgst` print it; and in base64, as x5t#S256 of a JSON Web Key.
_PAIRS = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{2}(?P<between>[ \t:.\u2236]?)(?:[0-9a-f]{2}(?P=between)){14,62}[0-9a-f]{2}(?![0-9a-f])",
    re.IGNORECASE,
)
_HASH_NAME = re.compile(r"sha-?(?:2-)?(?:1|224|256|384|512)|md5", re.IGNORECASE)
_SHA1 = re.compile(r"sha-?1(?![0-9])", re.IGNORECASE)
_BASE64 = re.compile(r"(?:.*[\s:=/\"'])?([A-Za-z0-9+/_-]{43})=?[\"']?", re.DOTALL)
_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)}
_QUOTES = "\"'`“”„‘’«»"
_IGNORED_CATEGORIES = {"Cf", "Pd"}  # invisible marks such as U+200B, U+200E and U+FEFF; dashes


class ThumbprintError(ValueError):
    """Raised when text is not a SHA-256 thumbprint.

    Attributes: `code` ("sha1", "not-hex" or "length"); `sentence` (what is wrong and what to paste instead).
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def thumbprint_digits(text: str) -> str:
    """Return a thumbprint, or the beginning of one, in lower case without its notation.

    Removes a prefix such as "SHA256 Fingerprint=" or "0x", colons, dashes, whitespace, quotes and invisible marks, and
    turns full-width characters into ASCII. Does not check that hex digits remain.
    """
    digits = _split(text)[1]
    return digits if not digits or _HEX.fullmatch(digits) else _among_words(text) or digits


def normalize_thumbprint(text: str) -> str:
    """Return the 64 lower-case hex digits of a SHA-256 thumbprint in any notation.

    Raises `ThumbprintError`: `sha1` for a SHA-1 thumbprint, by its prefix or its 40 digits, `not-hex` for other
    characters and for none, `length` for any other number of digits.
    """
    named_hash, digits = _split(text)
    is_hex = _HEX.fullmatch(digits) is not None
    if not is_hex and (found := _among_words(text)):
        named_hash, digits, is_hex = "sha1" if _SHA1.search(text) else "", found, True
    if named_hash == "sha1" or (is_hex and len(digits) == SHA1_DIGITS):
        raise ThumbprintError(
            "sha1",
            f"This is a SHA-1 thumbprint. Azure compares SHA-256: paste the {DIGITS} digits of "
            "“openssl x509 -fingerprint -sha256” or “step certificate fingerprint”.",
        )
    if not is_hex:
        raise ThumbprintError(
            "not-hex", "A thumbprint has only the digits 0–9 and a–f, with or without colons and spaces."
        )
    if len(digits) != DIGITS:
        raise ThumbprintError("length", f"A SHA-256 thumbprint has {DIGITS} hex digits; this one has {len(digits)}.")
    return digits


def grouped_thumbprint(thumbprint: str) -> str:
    """Return the hex digits in groups of four, so that people can compare them."""
    return " ".join(thumbprint[start : start + 4] for start in range(0, len(thumbprint), 4))


def _split(text: str) -> tuple[str, str]:
    """Return the hash that the prefix names ("sha1", "sha256" or ""), and the characters after the prefix."""
    kept = "".join(
        character
        for character in text.translate(_FULL_WIDTH).lower()
        if not character.isspace() and character not in _QUOTES and not _is_ignored(character)
    )
    prefix = _PREFIX.match(kept)
    assert prefix is not None  # every part of it is optional
    digits = kept[prefix.end() :].strip("{}[]()").removeprefix("0x")
    for sign in (":", ",", ";", ".", "0x", "\\x"):  # between bytes, and before each one in source code
        digits = digits.replace(sign, "")
    return prefix["hash"] or "", digits


def _among_words(text: str) -> str:
    """Return the digits of the only thumbprint in a line of a tool, or "" where there is none or more than one."""
    plain = "".join(each for each in text.translate(_FULL_WIDTH) if unicodedata.category(each) != "Cf").strip()
    runs = [found[0] for found in _PAIRS.finditer(_HASH_NAME.sub("#", plain))]
    if len(runs) == 1:
        return re.sub(r"[^0-9a-f]", "", runs[0].lower())
    encoded = _BASE64.fullmatch(plain)
    if encoded is None or encoded[1].islower() or encoded[1].isupper():  # a word of 43 letters
        return ""
    return base64.b64decode(encoded[1].translate({0x2D: 0x2B, 0x5F: 0x2F}) + "=").hex()


def _is_ignored(character: str) -> bool:
    return unicodedata.category(character) in _IGNORED_CATEGORIES
