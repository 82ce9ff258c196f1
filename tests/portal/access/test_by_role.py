"""Every URL as every kind of user."""

import os
from collections.abc import Iterator

import pytest
from django.urls import reverse

from namespaces.models import Namespace
from tests.portal.access.place import ask, signed_in
from tests.portal.access.urls import url_arguments
from tests.portal.test_access_table import (
    AMONG_ROWS,
    HIDDEN,
    LEADS,
    MANAGES,
    NAMING_A_ROW,
    OF_EACH_TEAM,
    OF_TEAMS,
    PEOPLE,
    ROWS,
)

pytestmark = pytest.mark.django_db


def is_allowed(person: str, name: str, least: str) -> bool:
    """Whether a person may open a URL, by the weakest of PEOPLE with access."""
    if least == "everybody" or person == "disabled":
        return least == "everybody"
    if person in LEADS:
        return least == "stranger" or (least == "lead" and (person == LEADS[0] or name == "portal:team_list"))
    if least == "lead":
        return person == "admin"
    role, team = OF_TEAMS.get(person, (person, "Line 1"))
    if role in PEOPLE:
        is_strong = PEOPLE.index(role) >= PEOPLE.index(least)
    else:
        manages = least == "contributor" and (is_of(role, name) or name in AMONG_ROWS)
        is_strong = PEOPLE.index("reader") >= PEOPLE.index(least) or manages
    is_of_a_row = least == "contributor" and bool(NAMING_A_ROW & url_arguments()[name]) and name not in OF_EACH_TEAM
    return is_strong and (team == "Line 1" or not is_of_a_row)


def is_of(role: str, name: str) -> bool:
    return name.startswith(MANAGES[role]) and not name.startswith("namespaces:client_group")


def is_of_line_1(person: str) -> bool:
    return person == "contributor" or person.endswith("of Line 1")


REMOVES = (
    "_disconnect",
    "_delete",
    "_team",
    "client_import_discard",
    "change_authentication_name",
    "_member_remove",
    "invitation_revoke",
    "class_end",
    "blocked_name_release",
)  # a POST leaves nothing for the next person
ONE_OF_TEAMS = "client_manager of Line 2"  # the least of OF_TEAMS
ASKED = 1 if "FAKETIME" in os.environ else None  # no date changes what the others may do: tests/future.py


def cases() -> Iterator[tuple[str, str, str, tuple[str, ...], bool]]:
    """Yield each row of the table with the people who ask in turn, the strongest first, and whether the test is a long one.

    What the strong did must not help the weak. Where a row is nothing that a role of a team adds to, one of these is asked at
    once, and the others in the long tests.
    """
    for name, method, least in ROWS:
        everyone = (*PEOPLE[::-1], *OF_TEAMS, *LEADS, "disabled")
        if least != "contributor":
            yield name, method, least, tuple(OF_TEAMS), True
            everyone = (*PEOPLE[::-1], ONE_OF_TEAMS, *LEADS, "disabled")
        if method == "POST" and name.endswith(REMOVES):
            allowed = [person for person in everyone if is_allowed(person, name, least)]
            for person in allowed:
                yield name, method, least, (person,), False
            everyone = tuple(person for person in everyone if person not in allowed)
        yield name, method, least, everyone, False


CASES = [
    pytest.param(*row, marks=[pytest.mark.long] if is_long else [], id=f"{row[1]} {row[0]} as {row[3][0]}")
    for *row, is_long in cases()
]


@pytest.mark.parametrize(("name", "method", "least", "people"), CASES)
def test_access_by_role(
    place: Namespace, kept_numbers: None, name: str, method: str, least: str, people: tuple[str, ...]
) -> None:
    for person in people[:ASKED]:
        answer = ask(signed_in(person), name, method, place.pk)
        may = is_allowed(person, name, least)
        if may:
            assert answer.status_code in {200, 204, 286, 302, 422}, f"{person}: {answer.status_code}"
            assert not str(answer.headers.get("Location", "")).startswith(reverse("portal:sign_in") + "?next="), person
        elif person in {"anonymous", "disabled"}:
            assert answer.status_code == 302, person
            assert answer.headers["Location"].startswith(reverse("portal:sign_in")), person
        elif (name in HIDDEN and not is_of_line_1(person)) or (
            person in {"stranger", *LEADS} and "pk" in url_arguments()[name]
        ):
            assert answer.status_code == 404, person
        else:
            assert answer.status_code == 403, f"{person}: {answer.status_code}"
