"""Detect names that differ only in case or in letters that look the same. Pure.

Source: Unicode Technical Standard 39 (confusable skeletons), reduced to the Latin look-alikes of Cyrillic, Greek, full
width forms and digits, which is what turns up in device names.
"""

import unicodedata

from certificates.authentication.types import authentication_name_key

_CYRILLIC = "аеорсухіјѕԁһԛԝкмтвнАВЕКМНОРСТХУІЈЅԌ"
_AS_LATIN = "aeopcyxijsdhqwkmtbhABEKMHOPCTXYIJSG"
_GREEK = "ονρυικταΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"
_GREEK_AS_LATIN = "ovpuiktaABEZHIKMNOPTYX"
_DIGITS = "01|"
_DIGITS_AS_LETTERS = "oll"
_LETTERS = str.maketrans(_CYRILLIC + _GREEK, _AS_LATIN + _GREEK_AS_LATIN)
_SHAPES = str.maketrans(_DIGITS + "I", _DIGITS_AS_LETTERS + "l")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−_"), "-")


def skeleton(name: str) -> str:
    """Return what a name looks like: equal for names that are easily confused."""
    text = unicodedata.normalize("NFKC", name)
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Mn", "Zs"})
    return text.translate(_LETTERS).translate(_SHAPES).translate(_DASHES).casefold()


def is_case_twin(one: str, other: str) -> bool:
    """Return whether two different spellings are the same authentication name."""
    return one != other and authentication_name_key(one) == authentication_name_key(other)
