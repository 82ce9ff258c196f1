"""Private keys in JSON from outside are masked by their hash, and everything else stays."""

import hashlib
import json
from typing import Any

import pytest

from certificates.x509.key_masking import holds_a_mask, mask_of, masked, masked_text, with_originals
from tests.certificates.uploads import LINE, SENSOR
from tests.certificates.x509.key_notations import NOTATIONS
from tests.certificates.x509.written_keys import Written, keys

KEY = keys()[1]


def resource(value: Any) -> dict[str, Any]:
    return {
        "id": "/subscriptions/x/clients/press-1",
        "properties": {"description": "of line 4", "attributes": {"a": value, "b": "fine", "c": [1, 2]}, "other": [{"x": value}]},
    }  # fmt: skip


def test_the_mask_has_the_hash_of_the_text() -> None:
    digest = hashlib.sha256(KEY.pem.encode()).hexdigest()
    assert masked_text(KEY.pem) == mask_of(KEY.pem)
    assert digest[:16] in mask_of(KEY.pem)
    assert masked_text(mask_of(KEY.pem)) == mask_of(KEY.pem)


@pytest.mark.parametrize("key", keys(), ids=lambda key: str(key.kind))
@pytest.mark.parametrize(
    "name", ["PEM", "hex", "JSON Web Key", "JSON array of lines", "Node.js buffer", "decimal array", "PuTTY"]
)
def test_only_the_key_is_masked_and_the_original_is_found_again(name: str, key: Written) -> None:
    value: Any = NOTATIONS[name](key)
    if name.startswith(("JSON", "Node", "decimal")):
        value = json.loads(value)
    original = resource(value)
    shown = masked(original)
    assert not any(secret in json.dumps(shown) for secret in key.secrets)
    assert holds_a_mask(shown)
    assert shown["properties"]["description"] == "of line 4"
    assert shown["properties"]["attributes"] | {"a": ""} == {"a": "", "b": "fine", "c": [1, 2]}
    assert masked(shown) == shown
    assert with_originals(shown, original) == original
    changed = {**shown["properties"]["attributes"], "b": "changed"}
    assert with_originals(changed, original["properties"]["attributes"])["a"] == value


def test_a_name_of_a_member_that_is_a_key_is_masked() -> None:
    shown = masked({KEY.pem: 1, "b": 2})
    assert shown == {mask_of(KEY.pem): 1, "b": 2}
    assert with_originals(shown, {KEY.pem: 1, "b": 2}) == {KEY.pem: 1, "b": 2}


def test_values_without_keys_are_returned_as_they_are() -> None:
    original = resource({"cert": LINE.pem.decode(), "thumbprint": SENSOR.thumbprint})
    assert masked(original) is original
    assert not holds_a_mask(original)


def test_a_mask_of_another_text_stays() -> None:
    assert with_originals(mask_of("a"), "b") == mask_of("a")
    assert with_originals([mask_of("a")], ["b", "c"]) == [mask_of("a")]
