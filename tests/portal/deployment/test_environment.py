"""Environment variables: blanks, files for secrets, and errors that name the variable and never the secret."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.deployment.environment import flag, seconds, secret, text, whole_number, words

NAME = "PORTAL_TEST_VARIABLE"


def test_blanks_around_a_value_and_empty_values_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert text(NAME, "default") == "default"
    monkeypatch.setenv(NAME, "  ")
    assert text(NAME, "default") == "default"
    monkeypatch.setenv(NAME, " value ")
    assert text(NAME, "default") == "value"


def test_a_list_is_split_at_commas_and_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " a.example , b.example,, ")
    assert words(NAME, "localhost") == ["a.example", "b.example"]


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("ON", True), ("1", True), ("no", False), ("", True)])
def test_a_switch_is_read(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv(NAME, value)
    assert flag(NAME, True) is expected


@pytest.mark.parametrize(
    ("read", "value"), [(lambda: flag(NAME, True), "maybe"), (lambda: whole_number(NAME, 1), "-1"),
                        (lambda: whole_number(NAME, 1), "9" * 5000), (lambda: seconds(NAME, 1.0), "soon"),
                        (lambda: seconds(NAME, 1.0), "nan"), (lambda: seconds(NAME, 1.0), "-2")]
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, read: object, value: str) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        read()  # type: ignore[operator]


def test_a_secret_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret-value\n", encoding="utf-8")
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert secret(NAME) == "s3cret-value"


def test_a_secret_that_is_set_twice_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one", encoding="utf-8")
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    monkeypatch.setenv(NAME, "hidden-two")
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}_FILE") as raised:
        secret(NAME)
    assert "hidden-two" not in str(raised.value)


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "missing"))
    with pytest.raises(ImproperlyConfigured, match="missing"):
        secret(NAME)
