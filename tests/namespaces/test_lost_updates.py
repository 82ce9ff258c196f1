"""Two people edit one object: the second sees what changed and by whom, chooses, and loses nothing typed."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.models import CACertificate
from namespaces.actions.clients import create_client, delete_client, update_client
from namespaces.models import Client, ClientGroup, Namespace, NamespaceConfiguration, PermissionBinding, TopicSpace
from portal.models import Activity, User
from sync.actions import retry
from sync.models import SyncedModel
from tests.support.browser.browsing import signed_in
from tests.support.browser.editions import edition
from tests.support.browser.form_rows import posted_rows
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_group,
    make_configuration,
    make_namespace,
    make_permission_binding,
    make_team,
    make_topic_space,
    make_user,
)

pytestmark = pytest.mark.django_db

SUBJECT = "SubjectMatchesAuthenticationName"
CLIENT = {"validation_scheme": SUBJECT, "state": "Enabled", **posted_rows("attributes", [])}
# For each type: the url, what its form posts unchanged, and a field with the value of each person.
FORMS: dict[str, tuple[str, dict[str, Any], str, str, str]] = {
    "client": ("namespaces:client_update", CLIENT, "description", "theirs", "mine"),
    "certificate": ("certificates:ca_certificate_update", {}, "description", "theirs", "mine"),
    "group": ("namespaces:client_group_update", {"description": ""}, "query", "attributes.a = 1", "attributes.b = 2"),
    "space": ("namespaces:topic_space_update", posted_rows("templates", [{"text": "m/#"}]), "description", "t", "m"),
    "binding": (
        "namespaces:permission_binding_update",
        {"client_group_name": "it", "topic_space_name": "it", "description": ""},
        "permission",
        "Subscriber",
        "Publisher",
    ),
    "configuration": (
        "namespaces:configuration_detail",
        {"enabled": "on", "max_expiry_hours": "1"},
        "max_sessions",
        "3",
        "5",
    ),
}
MODELS: dict[str, type[SyncedModel]] = {
    "client": Client,
    "certificate": CACertificate,
    "group": ClientGroup,
    "space": TopicSpace,
    "binding": PermissionBinding,
    "configuration": NamespaceConfiguration,
}
each_type = pytest.mark.parametrize("kind", list(FORMS))
each_deletable = pytest.mark.parametrize("kind", [kind for kind in FORMS if kind != "configuration"])


@pytest.fixture
def place(ada: User) -> Namespace:
    """A namespace of two contributors, Ada and Olga, with one row of each type."""
    team = make_team("Plant", ada, make_user("olga", first_name="Olga"))
    namespace = make_namespace(contributor=team)
    make_client(namespace, "it")
    make_ca_certificate(namespace, "it")
    make_client_group(namespace, "it")
    make_topic_space(namespace, "it", "m/#")
    make_permission_binding(namespace, "it", group="it", space="it", permission="Publisher", description="x")
    make_configuration(namespace)
    return namespace


@pytest.fixture(params=["plain", "htmx"])
def mine(request: pytest.FixtureRequest, ada: User, place: Namespace) -> Browser:
    browser = signed_in(ada)
    if request.param == "htmx":
        browser.defaults["HTTP_HX_REQUEST"] = "true"
    return browser


def url(place: Namespace, kind: str, action: str = "") -> str:
    name = FORMS[kind][0]
    name = name.replace("_update", f"_{action}") if action else name
    return reverse(name, args=[place.pk] if kind == "configuration" else [place.pk, "it"])


def row_of(kind: str) -> Any:
    return MODELS[kind]._default_manager.get()


def page(answer: Any) -> str:
    return on_one_line(unescape(answer.content.decode()))


def hidden(answer: Any) -> dict[str, list[str]]:
    """Return the hidden fields of the page."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page(answer)):
        found.setdefault(name, []).append(value)
    return found


def olga_saves(place: Namespace, kind: str) -> None:
    _, form, field, theirs, _ = FORMS[kind]
    sent = form | {field: theirs} | edition(row_of(kind))
    assert signed_in(User.objects.get(username="olga")).post(url(place, kind), sent).status_code == 302


def collide(mine: Browser, place: Namespace, kind: str) -> Any:
    """Ada opens the form, Olga saves, and Ada saves another value. Return what Ada is shown."""
    _, form, field, _, typed = FORMS[kind]
    opened = edition(row_of(kind))
    assert f'name="generation" value="{opened["generation"]}"' in page(mine.get(url(place, kind)))
    olga_saves(place, kind)
    return mine.post(url(place, kind), form | {field: typed} | opened)


@each_type
def test_the_second_sees_what_changed_and_by_whom_and_nothing_is_saved(
    mine: Browser, place: Namespace, kind: str
) -> None:
    _, _, field, theirs, typed = FORMS[kind]
    answer = collide(mine, place, kind)
    assert answer.status_code == 409
    assert str(row_of(kind).describe()[field]) == theirs
    (change,) = [each for each in answer.context["changes"].fields if each.name == field]
    assert (change.now, change.by, change.may_choose) == ((theirs,), "Olga", True)
    assert hidden(answer)[field] == [typed], "what was typed is kept"
    assert f'data-changed="{field}"' in page(answer)
    assert 'data-code="changed-meanwhile"' in page(answer)


@each_type
def test_the_second_takes_their_own_values(mine: Browser, place: Namespace, kind: str) -> None:
    _, _, field, _, typed = FORMS[kind]
    answer = collide(mine, place, kind)
    saved = mine.post(url(place, kind), hidden(answer) | {"resolve": "mine"})
    assert saved.status_code in {200, 302}
    assert str(row_of(kind).describe()[field]) == typed
    assert "HX-Redirect" in saved.headers or saved.status_code == 302


@each_type
def test_the_second_keeps_those_of_the_first(mine: Browser, place: Namespace, kind: str) -> None:
    _, _, field, theirs, _ = FORMS[kind]
    answer = collide(mine, place, kind)
    mine.post(url(place, kind), hidden(answer) | {"resolve": "chosen", f"choice-{field}": "theirs"})
    assert str(row_of(kind).describe()[field]) == theirs
    assert 'data-keep="theirs"' in page(answer)


def test_each_field_is_chosen_and_one_that_is_open_is_asked_again(mine: Browser, place: Namespace) -> None:
    row = row_of("client")
    opened, olga = edition(row), User.objects.get(username="olga")
    settings: dict[str, Any] = {"validation_scheme": SUBJECT, "thumbprints": []}
    update_client(olga, client=row, **settings, state="Disabled", description="theirs", attributes={"floor": 1})
    typed = (
        CLIENT | {"description": "mine"} | posted_rows("attributes", [{"key": "line", "type": "string", "value": "a"}])
    )
    answer = mine.post(url(place, "client"), typed | opened)
    choices = {each.name: each.choice for each in answer.context["changes"].fields}
    assert choices == {"state": "theirs", "description": "", "attributes": ""}
    chosen = hidden(answer) | {"resolve": "chosen", "choice-state": "theirs", "choice-attributes": "mine"}
    again = mine.post(url(place, "client"), chosen)
    assert (again.status_code, 'data-code="choose"' in page(again)) == (409, True)
    assert {each.name: each.choice for each in again.context["changes"].fields} == choices | {"attributes": "mine"}
    mine.post(url(place, "client"), hidden(again) | chosen | {"choice-description": "theirs"})
    row.refresh_from_db()
    assert (row.state, row.description, row.attributes) == ("Disabled", "theirs", {"line": "a"})


def test_a_choice_that_breaks_a_rule_is_asked_again(mine: Browser, place: Namespace) -> None:
    row = row_of("client")
    opened, olga = edition(row), User.objects.get(username="olga")
    thumbprints: dict[str, Any] = {"validation_scheme": "ThumbprintMatch", "thumbprints": ["a" * 64]}
    update_client(olga, client=row, **thumbprints, state="Enabled", description="", attributes={})
    answer = mine.post(url(place, "client"), CLIENT | {"description": "mine"} | opened)
    mixed = {f"choice-{name}": "mine" for name in ("thumbprints", "description")} | {
        "choice-validation_scheme": "theirs"
    }
    again = mine.post(url(place, "client"), hidden(answer) | {"resolve": "chosen"} | mixed)
    assert (again.status_code, 'data-code="not-saved"' in page(again)) == (409, True)
    assert row_of("client").description == ""
    mixed["choice-thumbprints"] = "theirs"
    mine.post(url(place, "client"), hidden(again) | {"resolve": "chosen"} | mixed)
    row.refresh_from_db()
    assert (row.validation_scheme, row.thumbprints, row.description) == ("ThumbprintMatch", ["a" * 64], "mine")


def test_a_third_change_during_the_choice_is_shown_too(mine: Browser, place: Namespace) -> None:
    answer = collide(mine, place, "client")
    row = row_of("client")
    update_client(
        User.objects.get(username="olga"),
        client=row,
        validation_scheme=SUBJECT,
        state="Disabled",
        description="newest",
        attributes={},
    )
    again = mine.post(url(place, "client"), hidden(answer) | {"resolve": "mine"})
    assert again.status_code == 409
    assert {each.name for each in again.context["changes"].fields} == {"state", "description"}
    assert row_of("client").description == "newest"


@each_type
@pytest.mark.parametrize(
    "sent", [{}, {"generation": ""}, {"generation": "1"}, {"generation": "1.x"}, {"generation": "-1.1"}]
)
def test_without_a_generation_nothing_is_saved(ada: User, place: Namespace, kind: str, sent: dict[str, str]) -> None:
    _, form, field, theirs, _ = FORMS[kind]
    answer = signed_in(ada).post(url(place, kind), form | {field: theirs} | sent)
    assert answer.status_code == 422
    assert 'data-code="no-generation"' in page(answer)
    assert not Activity.objects.exists()
    assert edition(row_of(kind))["generation"] in hidden(answer)["generation"], "the next time it is saved"


@each_deletable
def test_what_changed_is_shown_before_it_is_deleted(mine: Browser, place: Namespace, kind: str) -> None:
    opened = edition(row_of(kind))
    olga_saves(place, kind)
    answer = mine.post(url(place, kind, "delete"), opened)
    assert answer.status_code == 409
    assert 'data-code="changed-meanwhile"' in page(answer)
    assert f'data-changed="{FORMS[kind][2]}"' in page(answer)
    assert row_of(kind).deleted_at is None
    mine.post(url(place, kind, "delete"), hidden(answer))
    assert row_of(kind).deleted_at is not None


@each_deletable
def test_without_a_generation_nothing_is_deleted(mine: Browser, place: Namespace, kind: str) -> None:
    answer = mine.post(url(place, kind, "delete"), {"generation": "nonsense"})
    assert (answer.status_code, 'data-code="no-generation"' in page(answer)) == (422, True)
    assert row_of(kind).deleted_at is None


def test_an_authentication_name_is_not_changed_over_another_edit(mine: Browser, place: Namespace) -> None:
    opened, where = edition(row_of("client")), url(place, "client", "change_authentication_name")
    olga_saves(place, "client")
    answer = mine.post(where, {"authentication_name": "new-name"} | opened)
    assert (answer.status_code, row_of("client").authentication_name) == (409, "it")
    assert 'value="new-name"' in page(answer)
    mine.post(where, {"authentication_name": "new-name"} | hidden(answer))
    assert row_of("client").authentication_name == "new-name"


def test_a_retry_and_a_sync_do_not_count(ada: User, place: Namespace) -> None:
    row = row_of("client")
    opened = edition(row)
    Client.objects.update(generation=2, edited_generation=1, parked_code="X", parked_message="No.")
    retry(User.objects.get(username="olga"), row=row)
    Client.objects.update(synced_generation=3)
    assert row_of("client").generation == 3
    assert signed_in(ada).post(url(place, "client"), CLIENT | {"description": "mine"} | opened).status_code == 302
    assert row_of("client").description == "mine"


# Deleted meanwhile


@pytest.mark.parametrize("is_confirmed", [False, True], ids=["being deleted", "gone"])
def test_what_was_typed_into_the_form_of_a_deleted_object_creates_it_again(
    ada: User, place: Namespace, is_confirmed: bool
) -> None:
    row = row_of("client")
    opened = edition(row)
    delete_client(User.objects.get(username="olga"), client=row)
    if is_confirmed:
        Client.objects.all().delete()
    answer = signed_in(ada).post(url(place, "client"), CLIENT | {"description": "typed for long"} | opened)
    assert answer.status_code == 409
    assert 'data-code="gone"' in page(answer)
    assert "Olga" in page(answer)
    assert "typed for long" in page(answer)
    for name in ("name", "authentication_name"):
        assert re.search(rf'name="{name}" value="it"', page(answer)), name


@pytest.mark.parametrize("kind", ["certificate", "group", "space", "binding"])
def test_each_type_keeps_what_was_typed_for_a_deleted_object(mine: Browser, place: Namespace, kind: str) -> None:
    _, form, field, _, typed = FORMS[kind]
    opened = edition(row_of(kind))
    PermissionBinding.objects.exclude(name="it").delete()
    if kind in {"group", "space"}:
        PermissionBinding.objects.all().delete()
    olga = signed_in(User.objects.get(username="olga"))
    olga.post(url(place, kind, "delete"), opened)
    MODELS[kind]._default_manager.all().delete()
    answer = mine.post(url(place, kind), form | {field: typed} | opened)
    assert (answer.status_code, 'data-code="gone"' in page(answer)) == (409, True)
    assert typed in page(answer)


def test_one_that_was_deleted_and_created_again_is_another(ada: User, place: Namespace) -> None:
    row = row_of("client")
    opened, olga = edition(row), User.objects.get(username="olga")
    row.delete()
    names: dict[str, Any] = {"name": "it", "authentication_name": "it", "team": None}
    create_client(olga, namespace=place, validation_scheme=SUBJECT, description="another", **names)
    answer = signed_in(ada).post(url(place, "client"), CLIENT | {"description": "mine"} | opened)
    assert (answer.status_code, row_of("client").description) == (409, "another")
    (change,) = answer.context["changes"].fields
    assert (change.was, change.now, change.by) == (None, ("another",), "Olga")


def test_a_page_that_never_existed_is_not_found(ada: User, place: Namespace) -> None:
    where = reverse("namespaces:client_update", args=[place.pk, "nobody"])
    assert signed_in(ada).post(where, CLIENT | {"generation": "1.1"}).status_code == 404
