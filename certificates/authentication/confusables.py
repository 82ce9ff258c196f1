"""Detect names that differ only in case or in letters that look the same. Pure.

Source: Unicode Technical Standard 39 (confusable skeletons), reduced to the Latin look-alikes of Cyrillic, Greek, full
width forms and digits, which is what turns up in device names.
"""

import unicodedata

from certificates.authentication.types import authentication_name_key
from certificates.x509.text import DASHES, LATIN_LETTERS

_SHAPES = str.maketrans("01|I", "olll")


def skeleton(name: str) -> str:
    """Return what a name looks like: equal for names that are easily confused."""
    text = unicodedata.normalize("NFKC", name)
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Mn", "Zs"})
    return text.translate(LATIN_LETTERS).translate(_SHAPES).translate(DASHES).casefold()


def is_case_twin(one: str, other: str) -> bool:
    """Return whether two different spellings are the same authentication name."""
    return one != other and authentication_name_key(one) == authentication_name_key(other)
