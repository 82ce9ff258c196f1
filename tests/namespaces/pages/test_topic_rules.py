"""The pages of client groups, topic spaces and permission bindings: made, shown, changed and deleted by a browser."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.actions.topic_rules import create_client_group
from namespaces.models import ClientGroup, Namespace, PermissionBinding, TopicSpace
from portal.models import Activity, User
from tests.namespaces.topic_pages import _signed_in, at, namespace, text
from tests.support.browser.editions import edition, edition_of
from tests.support.browser.form_rows import posted_rows
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import PASSWORD, make_namespace, make_topic_space

__all__ = ["_signed_in", "namespace"]
pytestmark = pytest.mark.django_db


def templates(*texts: str) -> dict[str, str]:
    return posted_rows("templates", [{"text": text} for text in texts])


GOOD: dict[str, dict[str, Any]] = {
    "client_group": {"name": "robots", "query": "attributes.type = 'robot'"},
    "topic_space": {"name": "robots", **templates("r/${client.authenticationName}/+", "", "r/all")},
    "permission_binding": {
        "name": "robots",
        "client_group_name": "$all",
        "topic_space_name": "machines",
        "permission": "Subscriber",
    },
}
MODELS = {"client_group": ClientGroup, "topic_space": TopicSpace, "permission_binding": PermissionBinding}
each_kind = pytest.mark.parametrize("stem", list(GOOD))


@pytest.fixture(params=["plain", "htmx"])
def ada(request: pytest.FixtureRequest, client: Browser) -> Browser:
    if request.param == "htmx":
        client.defaults["HTTP_HX_REQUEST"] = "true"
    return client


@each_kind
def test_one_is_made_shown_changed_and_deleted(ada: Browser, namespace: Namespace, stem: str) -> None:
    pane = ada.get(at(namespace, f"{stem}_create"))
    assert "Create" in text(pane)
    made = ada.post(at(namespace, f"{stem}_create"), GOOD[stem])
    assert made.status_code in {200, 302}, text(made)
    row: Any = MODELS[stem].objects.get(name="robots")
    assert row.sync_state == "Pending"
    assert "robots" in text(ada.get(at(namespace, f"{stem}_list")))
    for page in ("detail", "activity", "json", "commands"):
        assert ada.get(at(namespace, f"{stem}_{page}", "robots")).status_code == 200
    changed = {**GOOD[stem], "description": "line 2"}
    ada.post(at(namespace, f"{stem}_update", "robots"), changed | edition(row))
    row.refresh_from_db()
    assert (row.description, row.generation) == ("line 2", 2)
    assert "line 2" in text(ada.get(at(namespace, f"{stem}_detail", "robots")))
    assert "Delete" in text(ada.get(at(namespace, f"{stem}_delete", "robots")))
    ada.post(at(namespace, f"{stem}_delete", "robots"), edition(row))
    row.refresh_from_db()
    assert row.sync_state == "Deleting"
    noun = stem.replace("_", " ")
    verbs = list(Activity.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == [f"Create {noun}", f"Update {noun}", f"Delete {noun}"]


def test_templates_lose_their_empty_rows(client: Browser, namespace: Namespace) -> None:
    client.post(at(namespace, "topic_space_create"), GOOD["topic_space"])
    assert TopicSpace.objects.get(name="robots").templates == ["r/${client.authenticationName}/+", "r/all"]


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("client_group", {"name": ""}, "name", "required"),
    ("client_group", {"name": "a b c"}, "name", "charset"),
    ("client_group", {"name": "PRESSES"}, "name", "taken"),
    ("client_group", {"query": ""}, "query", "required"),
    ("client_group", {"query": "type = 'x'"}, "query", "not-understood"),
    ("client_group", {"query": "attributes.type = 'x"}, "query", "not-understood"),
    ("client_group", {"query": "attributes.a = 'a\x00'"}, "query", "null_characters_not_allowed"),
    ("client_group", {"description": "x" * 513}, "description", "too-long"),
    ("client_group", {"team": "999"}, "team", "invalid_choice"),
    ("topic_space", templates(), "templates", "required"),
    ("topic_space", templates("  "), "templates", "required"),
    ("topic_space", templates("a/#/b"), "templates-0-text", "not-understood"),
    ("topic_space", templates("a", "a/${client.name}"), "templates-1-text", "not-understood"),
    ("topic_space", templates("a\x00"), "templates-0-text", "null_characters_not_allowed"),
    ("topic_space", templates("a", "a"), "templates", "same-twice"),
    ("topic_space", templates(*(f"a/{n}" for n in range(11))), "templates", "too-many"),
    ("permission_binding", {"client_group_name": ""}, "client_group_name", "required"),
    ("permission_binding", {"client_group_name": "nobody"}, "client_group_name", "invalid_choice"),
    ("permission_binding", {"topic_space_name": "nowhere"}, "topic_space_name", "invalid_choice"),
    ("permission_binding", {"permission": ""}, "permission", "required"),
    ("permission_binding", {"permission": "Owner"}, "permission", "invalid_choice"),
]


def errors_in(answer: Any) -> list[tuple[str, str]]:
    """The fields that the page marks, each with the code of its error."""
    return re.findall(r'id="id_([\w-]+)_error" data-code="([\w-]+)"', answer.content.decode())


@pytest.mark.parametrize(("stem", "wrong", "field", "code"), BAD)
def test_bad_input_is_named_and_the_form_kept(
    ada: Browser, namespace: Namespace, stem: str, wrong: dict[str, Any], field: str, code: str
) -> None:
    answer = ada.post(at(namespace, f"{stem}_create"), {"description": "kept words", **GOOD[stem], **wrong})
    assert answer.status_code == 422
    assert errors_in(answer) == [(field, code)]
    assert "description" in wrong or "kept words" in answer.content.decode()
    assert not MODELS[stem].objects.filter(name="robots").exists()
    assert not Activity.objects.exists()


def test_a_pasted_private_key_does_not_come_back(ada: Browser, namespace: Namespace) -> None:
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"
    for stem, field in (("client_group", "query"), ("topic_space", "templates-0-text")):
        answer = ada.post(at(namespace, f"{stem}_create"), {**GOOD[stem], field: key})
        assert answer.status_code == 422
        assert "MHcCAQEE" not in answer.content.decode()
        draft = ada.post(at(namespace, f"{stem}_create_draft"), {**GOOD[stem], field: key})
        assert "MHcCAQEE" not in draft.content.decode()


@pytest.mark.parametrize(
    ("stem", "query", "found"),
    [
        ("client_group", "attributes.type", True),
        ("client_group", "nothing such", False),
        ("topic_space", "MACHINES/", True),
        ("topic_space", "belts", False),
        ("permission_binding", "machines", True),
        ("permission_binding", "presses-pub", True),
    ],
)
def test_the_grid_is_searched(client: Browser, namespace: Namespace, stem: str, query: str, found: bool) -> None:
    answer = client.get(at(namespace, f"{stem}_list"), {"q": query})
    assert ('data-empty="filtered"' not in answer.content.decode()) is found


@each_kind
@pytest.mark.parametrize("sort", ["name", "-name", "query", "group", "-permission", "'; drop"])
def test_the_grid_is_sorted_by_whatever_is_asked(client: Browser, namespace: Namespace, stem: str, sort: str) -> None:
    assert client.get(at(namespace, f"{stem}_list"), {"sort": sort, "page": "x"}).status_code == 200


def test_search_of_the_portal_finds_them(client: Browser, namespace: Namespace) -> None:
    found = text(client.get(reverse("portal:search"), {"q": "machines"}))
    assert "machines in factory" in found
    assert "presses in factory" in text(client.get(reverse("portal:search"), {"q": "presses"}))
    make_topic_space(make_namespace("theirs"), "machines-of-others")
    assert "machines-of-others" not in text(client.get(reverse("portal:search"), {"q": "machines"}))


def test_the_grid_of_groups_shows_the_built_in_one(client: Browser, namespace: Namespace) -> None:
    ClientGroup.objects.all().delete()
    page = client.get(at(namespace, "client_group_list")).content.decode()
    assert 'data-row="$all" data-built-in' in page


@each_kind
def test_a_reader_sees_but_cannot_change(client: Browser, namespace: Namespace, stem: str) -> None:
    client.login(username="rea", password=PASSWORD)
    page = client.get(at(namespace, f"{stem}_list")).content.decode()
    assert at(namespace, f"{stem}_create") not in page
    assert client.post(at(namespace, f"{stem}_create"), GOOD[stem]).status_code == 403


def test_states_come_in_and_end(client: Browser, namespace: Namespace) -> None:
    ada = User.objects.get(username="ada")
    group = create_client_group(ada, namespace=namespace, team=None, name="moving", query="true")
    page = client.get(at(namespace, "client_group_list")).content.decode()
    assert f"row={group.pk}" in page
    answer = client.get(at(namespace, "client_group_states"), {"row": [str(group.pk), "999"], "round": "0"})
    said = answer.content.decode()
    assert "Pending" in said
    assert 'id="row-999" hx-swap-oob="delete"' in said


def matching_in(page: str) -> list[tuple[str, str]]:
    """How many clients match, of how many."""
    return re.findall(r'data-matching="(\d+)" data-clients="(\d+)"', page)


# Deleting


def test_deleting_a_group_shows_and_takes_the_bindings_that_rest_on_it(client: Browser, namespace: Namespace) -> None:
    pane = client.get(at(namespace, "client_group_delete", "presses"))
    (binding,) = re.findall(r'<li data-binding="presses-publish">(.*?)<input', on_one_line(pane.content.decode()))
    assert re.fullmatch(r"presses-publish: presses .*Publisher .*machines", binding)
    shown = re.findall(r'name="binding" value="([^"]+)"', pane.content.decode())
    client.post(
        at(namespace, "client_group_delete", "presses"), {"binding": shown} | edition_of(ClientGroup, "presses")
    )
    assert PermissionBinding.objects.get().deleted_at is not None


def test_a_binding_made_meanwhile_is_not_deleted_unseen(client: Browser, namespace: Namespace) -> None:
    answer = client.post(
        at(namespace, "topic_space_delete", "machines"),
        {"binding": []} | edition_of(TopicSpace, "machines"),
        follow=True,
    )
    (message,) = answer.context["messages"]
    assert (message.level_tag, message.extra_tags) == ("warning", "bound-meanwhile")
    assert "presses-publish" in str(message)
    assert TopicSpace.objects.get().deleted_at is PermissionBinding.objects.get().deleted_at is None


def test_deleting_a_binding_says_whom_it_concerns(client: Browser, namespace: Namespace) -> None:
    pane = client.get(at(namespace, "permission_binding_delete", "presses-publish")).content.decode()
    assert 'data-group="presses" data-permission="Publisher" data-space="machines"' in on_one_line(pane)
    assert matching_in(pane) == [("1", "2")]


# Drafts and the query builder


def rows_in(page: str) -> list[str]:
    """The templates in the rows of the form."""
    return [text.strip() for text in re.findall(r'name="templates-\d+-text"[^>]*>([^<]*)<', page)]


def test_a_template_row_more_and_less(client: Browser, namespace: Namespace) -> None:
    typed = {"name": "robots", **templates("a", "b"), "add_template": "1"}
    page = client.post(at(namespace, "topic_space_create_draft"), typed).content.decode()
    assert rows_in(page) == ["a", "b", ""]
    typed = {**templates("a", "b"), "remove_template": "0"}
    page = client.post(at(namespace, "topic_space_update_draft", "machines"), typed).content.decode()
    assert rows_in(page) == ["b"]


def test_a_condition_is_added_to_the_query_of_the_form(client: Browser, namespace: Namespace) -> None:
    typed = {
        "name": "robots",
        "query": "attributes.type = 'press' or attributes.type = 'robot'",
        "join": "and",
        "operand": "attributes.floor",
        "operator": ">",
        "value": "3",
        "add_condition": "1",
    }
    page = unescape(client.post(at(namespace, "client_group_create_draft"), typed).content.decode())
    assert "(attributes.type = 'press' or attributes.type = 'robot') and attributes.floor > 3" in page
    assert matching_in(page) == [("1", "2")]
    wrong = client.post(at(namespace, "client_group_create_draft"), {**typed, "value": "high"})
    assert 'id="part-error" data-code="number"' in wrong.content.decode()


def test_the_query_builder_shows_who_matches(client: Browser, namespace: Namespace) -> None:
    page = client.get(at(namespace, "query_builder"), {"query": "attributes.type IN ['press', 'robot']"})
    assert matching_in(page.content.decode()) == [("2", "2")]
    assert "press-07 , robot-1" in text(page)
    assert "attributes.floor (7)" in text(page)
    assert f"{at(namespace, 'client_group_create')}?query=" in page.content.decode()
    part = client.get(
        at(namespace, "query_builder"), {"query": "attributes.type = ", "matches": "1"}, headers={"HX-Request": "true"}
    )
    assert "<html" not in part.content.decode()
    assert 'data-code="query-not-understood"' in part.content.decode()


def test_the_answer_and_the_button_of_the_query_builder_follow_what_is_typed(
    client: Browser, namespace: Namespace
) -> None:
    page = client.get(at(namespace, "query_builder"), {"query": "true"}).content.decode()
    assert f'hx-get="{at(namespace, "query_builder")}?answer=1" hx-trigger="input' in on_one_line(page)
    button = f"{at(namespace, 'client_group_create')}?query="
    for typed, offers in (("attributes.floor > 3", True), ("attributes.floor > ", False), ("", False)):
        asked = {"query": typed, "answer": "1"}
        answer = client.get(at(namespace, "query_builder"), asked, headers={"HX-Request": "true"})
        assert (button in answer.content.decode()) is offers, typed
    pane = {"query": "attributes.floor > 3", "matches": "1"}
    matches = client.get(at(namespace, "query_builder"), pane, headers={"HX-Request": "true"})
    assert button not in matches.content.decode()


@each_kind
def test_a_filter_without_hits_can_be_cleared(client: Browser, namespace: Namespace, stem: str) -> None:
    page = client.get(at(namespace, f"{stem}_list"), {"q": "nowhere"}).content.decode()
    assert 'data-empty="filtered"' in page
    assert f'<a class="button primary" href="{at(namespace, f"{stem}_list")}">' in page


def test_a_group_is_made_from_the_builders_query(client: Browser, namespace: Namespace) -> None:
    page = client.get(at(namespace, "client_group_create"), {"query": "attributes.floor > 3"})
    assert "attributes.floor > 3" in text(page)
    assert matching_in(page.content.decode()) == [("1", "2")]


def test_templates_pasted_into_one_field_become_several(client: Browser, namespace: Namespace) -> None:
    pasted = {"name": "robots", **templates("a/+\r\n\r\nb/#\r\nc d\r\n", "")}
    draft = client.post(at(namespace, "topic_space_create_draft"), {**pasted, "add_template": "1"}).content.decode()
    assert rows_in(draft) == ["a/+", "b/#", "c d", "", ""]
    wrong = client.post(at(namespace, "topic_space_create"), {**pasted, **templates("a/#/b\nb")}).content.decode()
    assert rows_in(wrong) == ["a/#/b", "b"]
    client.post(at(namespace, "topic_space_create"), pasted)
    assert TopicSpace.objects.get(name="robots").templates == ["a/+", "b/#", "c d"]


def test_removing_a_row_of_several_pasted_templates_removes_the_whole_field(
    client: Browser, namespace: Namespace
) -> None:
    pasted = {**templates("a\nb", "c\nd"), "remove_template": "0"}
    draft = client.post(at(namespace, "topic_space_create_draft"), pasted).content.decode()
    assert rows_in(draft) == ["c", "d"]
