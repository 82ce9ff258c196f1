"""SHA-256 thumbprints in any notation."""

import pytest

from certificates.x509.thumbprints import ThumbprintError, normalize_thumbprint, thumbprint_digits
from tests.certificates.x509.thumbprint_notations import INVALID, NOTATIONS, SHA1_NOTATIONS, THUMBPRINT


@pytest.mark.parametrize("text", NOTATIONS.values(), ids=NOTATIONS)
def test_a_thumbprint_is_read_in_any_notation(text: str) -> None:
    assert normalize_thumbprint(text) == THUMBPRINT


@pytest.mark.parametrize("text", SHA1_NOTATIONS.values(), ids=SHA1_NOTATIONS)
def test_a_sha_1_thumbprint_is_refused_by_name(text: str) -> None:
    with pytest.raises(ThumbprintError) as refusal:
        normalize_thumbprint(text)
    assert refusal.value.code == "sha1"
    assert "SHA-256" in refusal.value.sentence


@pytest.mark.parametrize(("text", "code"), INVALID.items(), ids=ascii)
def test_other_text_is_not_a_thumbprint(text: str, code: str) -> None:
    with pytest.raises(ThumbprintError) as refusal:
        normalize_thumbprint(text)
    assert refusal.value.code == code


def test_the_beginning_of_a_thumbprint_loses_its_notation() -> None:
    assert thumbprint_digits("SHA-256 Fingerprint=AB:CD:E") == "abcde"
    assert thumbprint_digits("\u200eAB CD") == "abcd"
    assert thumbprint_digits("SHA256:") == ""
