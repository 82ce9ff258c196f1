"""The rules of a client's fields, as forms and actions meet them."""

from typing import Any

import pytest

from namespaces.rules.clients import (
    check_attributes,
    check_authentication_name,
    check_client_name,
    check_resource_name,
    client_problems,
    parse_thumbprints,
)
from namespaces.rules.errors import RuleError

PRINT = "0123456789abcdef" * 4


@pytest.mark.parametrize("name", ["a", "A-1:b.c_d", "x" * 128, "...", "-"])
def test_a_client_name_of_the_allowed_letters_passes(name: str) -> None:
    check_client_name(name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "required"),
        ("x" * 129, "too-long"),
        ("a b", "charset"),
        ("ünit", "charset"),
        ("a/b", "charset"),
        ("a\n", "charset"),
        ("a\x00", "charset"),
        (".", "path-step"),
        ("..", "path-step"),
    ],
)
def test_a_client_name_that_azure_or_a_url_would_refuse_is_refused(name: str, code: str) -> None:
    with pytest.raises(RuleError) as refusal:
        check_client_name(name)
    assert (refusal.value.field, refusal.value.code) == ("name", code)


@pytest.mark.parametrize("name", ["ab", "x" * 51, "a_b", "a.b", "abc\n", ""])
def test_a_resource_name_outside_the_pattern_is_refused(name: str) -> None:
    with pytest.raises(RuleError):
        check_resource_name(name)


@pytest.mark.parametrize("name", ["sensor 1", "fabrik-süd/größe", "spiffe://a/b", "x" * 128])
def test_an_authentication_name_may_have_any_visible_letters(name: str) -> None:
    check_authentication_name(name)


@pytest.mark.parametrize("name", ["", "   ", "x" * 129, "a\x00b", "a\nb", "a\ud800"])
def test_an_authentication_name_that_cannot_be_shown_or_stored_is_refused(name: str) -> None:
    with pytest.raises(RuleError) as refusal:
        check_authentication_name(name)
    assert refusal.value.field == "authentication_name"


@pytest.mark.parametrize(
    ("given", "scheme", "code"),
    [
        ([], "ThumbprintMatch", "required"),
        (["", " "], "ThumbprintMatch", "required"),
        ([PRINT, "1" * 64, "2" * 64], "ThumbprintMatch", "too-many"),
        ([PRINT, PRINT.upper()], "ThumbprintMatch", "same-twice"),
        (["a" * 40], "ThumbprintMatch", "sha1"),
        (["a" * 63], "ThumbprintMatch", "length"),
        (["primary"], "ThumbprintMatch", "not-hex"),
        ([PRINT], "SubjectMatchesAuthenticationName", "not-with-this-scheme"),
    ],
)
def test_thumbprints_that_do_not_fit_the_scheme_are_refused(given: list[str], scheme: str, code: str) -> None:
    with pytest.raises(RuleError) as refusal:
        parse_thumbprints(given, scheme)
    assert refusal.value.code == code


def test_attributes_of_the_three_types_pass() -> None:
    check_attributes({"floor": 2, "room": "press", "tags": ["a", "b"], "none": []})


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"on": True}, "type"),
        ({"t": 1.5}, "type"),
        ({"t": None}, "type"),
        ({"t": {"a": 1}}, "type"),
        ({"t": ["a", 1]}, "array-of-strings"),
        ({"t": 2**63}, "integer-range"),
        ({"a b": "x"}, "key"),
        ({"": "x"}, "key"),
        ({"t": "a\x00"}, "nul"),
        ({"t": "x" * 4096}, "too-large"),
    ],
)
def test_attributes_of_another_type_or_size_are_refused(attributes: dict[str, Any], code: str) -> None:
    with pytest.raises(RuleError) as refusal:
        check_attributes(attributes)
    assert (refusal.value.field, refusal.value.code) == ("attributes", code)


def test_what_azure_holds_against_the_rules_is_said_in_sentences() -> None:
    problems = client_problems(
        name="ok",
        authentication_name="ok",
        validation_scheme="ThumbprintMatch",
        thumbprints=["primary"],
        attributes={"on": True},
        description="",
    )
    assert len(problems) == 2
