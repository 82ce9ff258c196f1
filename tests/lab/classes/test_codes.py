"""Codes of classes and seats: how they are typed, and that they are what they should be."""

import pytest

from lab.actions.classes.codes import ALPHABET, SECRET_LENGTH, new_secret, read_join_code, read_return_code, shown


def test_a_code_has_40_random_bits() -> None:
    assert len(set(ALPHABET)) == 32
    assert SECRET_LENGTH * 5 == 40
    assert all(set(new_secret()) <= set(ALPHABET) and len(new_secret()) == SECRET_LENGTH for _ in range(50))


@pytest.mark.parametrize("typed", ["12-K7PM-4Q2X", "12k7pm4q2x", " 12 – k7pm 4q2x ", "I2-K7PM-4Q2X"])
def test_a_join_code_is_read_however_it_is_typed(typed: str) -> None:
    assert read_join_code(typed) == (12, 0, "K7PM4Q2X")


@pytest.mark.parametrize("typed", ["12-07-O1IL-4Q2X", "120701114q2x", "12-07 oiil-4Q2X"])
def test_a_return_code_is_read_however_it_is_typed(typed: str) -> None:
    assert read_return_code(typed) == (12, 7, "01114Q2X")


@pytest.mark.parametrize("typed", ["", "K7PM-4Q2X", "-", "12-K7PM-4Q2U", "A-K7PM-4Q2X", "1" * 41, "1" * 30, "12-K7PM"])
def test_what_is_no_code_is_refused(typed: str) -> None:
    assert read_join_code(typed) is None
    assert read_return_code(typed) is None


def test_codes_are_shown_as_they_are_read() -> None:
    for number in (1, 7, 60):
        secret = new_secret()
        assert read_return_code(shown(secret, 123, number)) == (123, number, secret)
        assert read_join_code(shown(secret, 123)) == (123, 0, secret)
