"""Roles and changes of many rows: what others changed meanwhile is left as it is and reported one by one."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.actions.clients import delete_client, update_client
from namespaces.actions.roles import grant_role, revoke_role
from namespaces.models import Client, Namespace, NamespaceRole, Role
from namespaces.rights import rights_in
from portal.models import User
from sync.drift import resolutions
from sync.models import editions
from tests.support.browser.browsing import signed_in
from tests.support.browser.editions import edition, editions_of
from tests.support.database.factories import make_client, make_namespace, make_user
from tests.sync.arranging import again, changed, the_finding
from tests.sync.scripted_arm import ScriptedArm

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga() -> User:
    return make_user("olga", first_name="Olga")


@pytest.fixture
def place(ada: User, olga: User) -> Namespace:
    namespace = make_namespace(owner=ada)
    NamespaceRole.objects.create(namespace=namespace, user=olga, role=Role.OWNER)
    return namespace


@pytest.fixture
def browser(ada: User, place: Namespace) -> Browser:
    return signed_in(ada)


def describe(actor: User, name: str, text: str) -> None:
    row = Client.objects.get(name=name)
    kept = {field: getattr(row, field) for field in ("validation_scheme", "thumbprints", "state", "attributes")}
    update_client(actor, client=row, description=text, **kept)


def left_in(answer: Any) -> list[str]:
    return re.findall(r'data-left-row="([^"]+)"', answer.content.decode())


# Many clients


@pytest.mark.parametrize("code", ["disable", "delete"])
def test_clients_that_changed_since_the_question_are_left_and_named(
    browser: Browser, olga: User, place: Namespace, code: str
) -> None:
    rows = [make_client(place, f"press-{number}") for number in range(1, 5)]
    asked: dict[str, Any] = {"change": code, "client": [row.pk for row in rows]}
    question = browser.get(reverse("namespaces:clients_change", args=[place.pk]), asked)
    values = dict(question.context["question"].values)
    assert values["generations"] == editions_of(rows)["generations"]
    describe(olga, "press-2", "changed")
    delete_client(olga, client=rows[2])
    Client.objects.filter(name="press-4").update(generation=2)  # a retry
    seen = asked | {"generations": values["generations"]}
    answer = browser.post(reverse("namespaces:clients_change", args=[place.pk]), seen)
    assert answer.status_code == 200
    assert sorted(left_in(answer)) == ["press-2", "press-3"]
    text = answer.content.decode()
    assert (text.count("Olga"), "Description" in text) == (2, True)
    touched = Client.objects.filter(state="Disabled") if code == "disable" else Client.objects.exclude(deleted_at=None)
    deleted_by_olga = ["press-3"] if code == "delete" else []
    assert sorted(touched.values_list("name", flat=True)) == sorted(["press-1", "press-4", *deleted_by_olga])


@pytest.mark.parametrize(
    "sent", [{}, {"generations": "nonsense"}, {"generations": "5-2.1"}, {"generations": "1-99999999.1"}]
)
def test_without_generations_many_are_asked_about_again(
    browser: Browser, place: Namespace, sent: dict[str, str]
) -> None:
    row = make_client(place)
    asked = {"change": "delete", "client": [row.pk]} | sent
    answer = browser.post(reverse("namespaces:clients_change", args=[place.pk]), asked)
    assert (answer.status_code, Client.objects.get().deleted_at) == (422, None)
    assert 'data-code="not-confirmed"' in answer.content.decode()


def test_a_row_of_another_namespace_is_not_named(browser: Browser, place: Namespace) -> None:
    mine, strange = make_client(place, "press-1"), make_client(make_namespace("other"), "secret-1")
    sent = {"change": "disable", "client": [mine.pk], **editions_of(Client.objects.all())}
    answer = browser.post(reverse("namespaces:clients_change", args=[place.pk]), sent)
    assert "secret-1" not in answer.content.decode()
    strange.refresh_from_db()
    assert strange.state == "Enabled"


def test_editions_are_written_short_and_read_back() -> None:
    held = {4: 1, 5: 1, 6: 1, 9: 1, 10: 2, 12: 2}
    assert editions.written(held) == "4-6.1 9.1 10.2 12.2"
    assert editions.read(editions.written(held)) == held
    for text in ("1", "1.0", "0.1", "1-.1", " 1.1", "1.1  2.1", "²-3.1", "1-30000.1", "9" * 19 + ".1"):
        assert editions.read(text) is None, text


# Rejected changes


@pytest.mark.parametrize("name", ["sync_retry", "sync_discard"])
def test_rejected_changes_that_were_edited_since_the_question_are_left(
    browser: Browser, olga: User, place: Namespace, name: str
) -> None:
    for number in (1, 2, 3):
        make_client(place, f"press-{number}", generation=2, parked_code="InvalidRequest", parked_message="No.")
    where = reverse(f"sync:{name}", args=[place.pk])
    seen = [value for key, value in browser.get(where).context["question"].values if key == "generations"]
    assert seen == [f"namespaces.client:{editions_of(Client.objects.all())['generations']}"]
    describe(olga, "press-2", "changed")
    Client.objects.filter(name="press-2").update(parked_code="InvalidRequest", parked_message="No.")
    answer = browser.post(where, {"generations": seen})
    assert left_in(answer) == ["press-2"]
    assert "Olga" in answer.content.decode()
    assert Client.objects.get(name="press-2").parked_code == "InvalidRequest"


def test_malformed_editions_are_a_bad_request(browser: Browser, place: Namespace) -> None:
    make_client(place, generation=2, parked_code="InvalidRequest", parked_message="No.")
    for text in ("nonsense", "namespaces.client:x", "auth.user:1.1"):
        assert browser.post(reverse("sync:sync_retry", args=[place.pk]), {"generations": text}).status_code == 400
    assert Client.objects.get().parked_code


# Drift decisions


@pytest.mark.parametrize(("decision", "counts"), [(resolutions.keep_ours, False), (resolutions.take_azures, True)])
def test_only_a_decision_that_changes_the_row_counts(
    arm: ScriptedArm, ada: User, place: Namespace, decision: Any, counts: bool
) -> None:
    client = changed(arm, ada, place)
    opened = edition(client)
    decision(ada, finding=the_finding())
    assert (edition(again(client)) != opened) is counts


def test_what_was_taken_from_azure_is_shown_with_the_decider(
    arm: ScriptedArm, browser: Browser, olga: User, place: Namespace
) -> None:
    client = changed(arm, olga, place)
    opened = edition(client)
    resolutions.take_azures(olga, finding=the_finding())
    typed = {"validation_scheme": client.validation_scheme, "state": "Enabled", "description": "mine"}
    where = reverse("namespaces:client_update", args=[place.pk, client.name])
    answer = browser.post(where, typed | opened)
    assert answer.status_code == 409
    found = {each.name: (each.was, each.now, each.by) for each in answer.context["changes"].fields}
    assert found["description"] == (("ours",), ("theirs",), "Olga")
    assert again(client).description == "theirs"


# Roles


def add(browser: Browser, place: Namespace, **data: Any) -> Any:
    return browser.post(reverse("namespaces:role_add", args=[place.pk]), data)


@pytest.mark.parametrize("does", ["grants", "revokes"])
def test_a_role_that_another_owner_changed_meanwhile_is_shown_first(
    browser: Browser, olga: User, place: Namespace, does: str
) -> None:
    lee = make_user("lee", first_name="Lee")
    held = grant_role(olga, namespace=place, role=Role.READER, user=lee)
    pane = browser.get(reverse("namespaces:role_add", args=[place.pk]))
    opened = {"generation": str(pane.context["opened"])}
    if does == "grants":
        grant_role(olga, namespace=place, role=Role.CONTRIBUTOR, user=lee)
    else:
        revoke_role(olga, role=held)
    then = rights_in(lee, place.pk).role
    answer = add(browser, place, who="lee", role="client_manager", **opened)
    text = answer.content.decode()
    assert (answer.status_code, 'data-code="changed-meanwhile"' in text, "Olga" in text) == (409, True, True)
    assert rights_in(lee, place.pk).role is then
    again = {"generation": str(answer.context["opened"])}
    assert add(browser, place, who="lee", role="client_manager", **again).status_code == 302
    assert rights_in(lee, place.pk).role is Role.CLIENT_MANAGER


def test_roles_of_others_do_not_count(browser: Browser, olga: User, place: Namespace) -> None:
    make_user("lee")
    opened = {"generation": str(place.roles_edition)}
    grant_role(olga, namespace=place, role=Role.READER, user=make_user("lee-2"))
    assert add(browser, place, who="lee", role="reader", **opened).status_code == 302


@pytest.mark.parametrize("sent", [{}, {"generation": "x"}, {"generation": "-1"}, {"generation": "9" * 30}])
def test_without_a_generation_no_role_is_given(browser: Browser, place: Namespace, sent: dict[str, str]) -> None:
    lee = make_user("lee")
    assert add(browser, place, who="lee", role="reader", **sent).status_code == 422
    assert rights_in(lee, place.pk).role is None


def test_an_assignment_that_was_replaced_meanwhile_is_not_removed(
    browser: Browser, olga: User, place: Namespace
) -> None:
    lee = make_user("lee", first_name="Lee")
    held = grant_role(olga, namespace=place, role=Role.READER, user=lee)
    where = reverse("namespaces:role_delete", args=[place.pk, held.pk])
    assert 'name="holder"' in browser.get(where).content.decode()
    grant_role(olga, namespace=place, role=Role.CONTRIBUTOR, user=lee)
    (message,) = browser.post(where, {"holder": held.holder_name}, follow=True).context["messages"]
    assert (message.extra_tags, "Olga" in str(message)) == ("changed-meanwhile", True)
    assert rights_in(lee, place.pk).role is Role.CONTRIBUTOR
