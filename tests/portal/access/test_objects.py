"""Objects of another namespace, of other teams, and buttons for readers."""

import pytest
from django.urls import reverse

from namespaces.models import Namespace
from tests.portal.access.place import arguments, ask, body_of, signed_in
from tests.portal.access.urls import url_arguments
from tests.portal.test_access_table import OF_TEAMS, ROWS, TABLE
from tests.support.database.factories import make_namespace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept_numbers")]
# The second argument of client_create_check is a field, that of an export the kind of file: not an object.
OF_AN_OBJECT = sorted(
    name
    for name in TABLE
    if len(url_arguments()[name]) > 1
    and "pk" in url_arguments()[name]
    and name != "namespaces:client_create_check"
    and not name.endswith("_export")
)


@pytest.mark.parametrize("name", OF_AN_OBJECT)
def test_an_object_of_another_namespace_is_not_found(place: Namespace, name: str) -> None:
    other = make_namespace("elsewhere")
    answer = ask(signed_in("admin"), name, TABLE[name][0], other.pk)
    assert answer.status_code == 404


def test_a_reader_sees_no_buttons_that_change_anything(place: Namespace) -> None:
    reader, contributor = signed_in("reader"), signed_in("contributor")
    for name, (method, least) in TABLE.items():
        if method != "GET" or least != "reader" or name == "namespaces:change_set_edit":  # of the request that one made
            continue
        text = body_of(ask(reader, name, "GET", place.pk)).decode()
        for forbidden in (
            "create-client/",
            "upload-certificate/",
            "/update/",
            "/delete/",
            "/remove/",
            "add-role-assignment/",
            "/team/",
            "/other-teams/",
            "/grant/",
            "/decline/",
            "/retry/",
            "/disconnect/",
            "/release/",
            "/revoke/",
            "change-clients",
        ):
            assert forbidden not in text, f"{name} shows a Reader {forbidden}"
    assert "create-client/" in ask(contributor, "namespaces:client_list", "GET", place.pk).content.decode()
    assert (
        "upload-certificate/" in ask(contributor, "certificates:ca_certificate_list", "GET", place.pk).content.decode()
    )


# What a namespace can hide from other teams: the pages of one CA certificate or client of Line 1.
HIDEABLE = sorted(
    {
        (name, method)
        for name, method, _ in ROWS
        if "name" in url_arguments()[name]
        and name.startswith(("certificates:ca_certificate_", "certificates:client_", "namespaces:client_"))
        if not name.startswith("namespaces:client_group")
    }
)


@pytest.mark.parametrize("person", ["reader", *(each for each in OF_TEAMS if each.endswith("Line 2"))])
def test_hidden_rows_are_not_found_by_anyone_of_another_team(place: Namespace, person: str) -> None:
    Namespace.objects.update(hides_other_teams=True)
    browser = signed_in(person)
    for name, method in HIDEABLE:
        url = reverse(name, kwargs=arguments(name, place.pk))
        nowhere = reverse(name, kwargs=arguments(name, place.pk) | {"name": "nothing-here"})
        found, missing = (browser.get(each) if method == "GET" else browser.post(each) for each in (url, nowhere))
        assert found.status_code == missing.status_code, name
        assert found.status_code in {403, 404}, name  # 403: the role is too weak, whatever there is


@pytest.mark.parametrize("person", ["admin", "owner", "contributor", "certificate_uploader of Line 1"])
def test_hiding_takes_nothing_from_owners_and_the_own_team(place: Namespace, person: str) -> None:
    browser = signed_in(person)
    asked = [(name, method) for name, method in HIDEABLE if method == "GET"]
    before = [ask(browser, name, method, place.pk).status_code for name, method in asked]
    Namespace.objects.update(hides_other_teams=True)
    assert [ask(browser, name, method, place.pk).status_code for name, method in asked] == before
    assert 404 not in before
