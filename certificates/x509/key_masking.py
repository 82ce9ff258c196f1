"""Replace private keys in what comes from outside, such as Azure's resources and the broker's log, by the hash of the text. Pure.

The hash shows whether two texts are the same, without storing either.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from certificates.x509.private_keys import SHORTEST_KEY, holds_a_private_key

HASH_DIGITS = 16
_MASK = re.compile(r"\[private key removed, SHA-256 [0-9a-f]{16}…\]")


def mask_of(text: str) -> str:
    """Return what is shown instead of a text with a private key."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"[private key removed, SHA-256 {digest[:HASH_DIGITS]}…]"


def masked_text(text: str) -> str:
    """Return the text, or its mask when there is a private key in it."""
    return mask_of(text) if holds_a_private_key(text) else text


def masked(value: Any) -> Any:
    """Return the JSON value with a mask for each text in which there is a private key. A value without keys is returned as it is.

    A key may also be spread over the members of an object, as a JSON Web Key is, or over the items of a list, as lines or bytes:
    then all texts of the innermost of these are masked. A member whose name is a key has a mask for a name.
    """
    if isinstance(value, str):
        return masked_text(value)
    if not isinstance(value, Mapping | list | tuple) or not _holds_a_key(value):
        return value
    if isinstance(value, Mapping):
        members = {masked_text(str(name)): masked(member) for name, member in value.items()}
        return _with_masked_texts(members) if _holds_a_key(members) else members
    has_texts = any(isinstance(item, str) for item in value)
    items = [_with_masked_texts(item) if isinstance(item, str) else masked(item) for item in value]
    return items if has_texts or not _holds_a_key(items) else [mask_of(_text_of(value))]


def _holds_a_key(value: Any) -> bool:
    return holds_a_private_key("\n".join(_lines_of(value)))


def _lines_of(value: Any, name: str = "") -> Iterator[str]:
    """Yield a line for each text in the value, with the name of its member. Nothing is escaped, which makes the search fast."""
    if isinstance(value, Mapping):
        for each, member in value.items():
            yield from _lines_of(member, str(each))
    elif isinstance(value, list | tuple) and all(isinstance(item, int | float) for item in value):
        yield f"{name}: {', '.join(map(str, value))}"
    elif isinstance(value, list | tuple):
        yield f"{name}:"
        for item in value:
            yield from _lines_of(item)
    else:
        yield f"{name}: {value}" if name else str(value)


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _with_masked_texts(value: Any) -> Any:
    """Mask each text that is long enough to be a part of a key."""
    if isinstance(value, str):
        return value if _MASK.fullmatch(value) or len(value) < SHORTEST_KEY else mask_of(value)
    if isinstance(value, Mapping):
        return {name: _with_masked_texts(member) for name, member in value.items()}
    return [_with_masked_texts(item) for item in value] if isinstance(value, list | tuple) else value


def holds_a_mask(value: Any) -> bool:
    """Return whether there is a mask in a JSON value."""
    if isinstance(value, Mapping):
        return any(holds_a_mask(member) or holds_a_mask(name) for name, member in value.items())
    if isinstance(value, list | tuple):
        return any(map(holds_a_mask, value))
    return isinstance(value, str) and _MASK.fullmatch(value) is not None


def with_originals(value: Any, original: Any) -> Any:
    """Return the value with what `original` holds in the place of those of its masks that stand for it."""
    if isinstance(value, str):
        return original if _MASK.fullmatch(value) and value == mask_of(_text_of(original)) else value
    if isinstance(value, Mapping) and isinstance(original, Mapping):
        originals = {masked_text(str(name)): (name, member) for name, member in original.items()}
        pairs = ((originals.get(name, (name, None)), member) for name, member in value.items())
        return {name: with_originals(member, former) for (name, former), member in pairs}
    if not isinstance(value, list) or not isinstance(original, list):
        return value
    if len(value) == len(original):
        return [with_originals(item, former) for item, former in zip(value, original, strict=True)]
    if value == [mask_of(_text_of(original))]:
        return original
    by_mask = {mask_of(item): item for item in original if isinstance(item, str)}
    return [by_mask.get(item, item) if isinstance(item, str) else item for item in value]
