"""The pages of change sets: the list, one of them, and what each person may do there."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.change_sets.emergency import apply_at_once
from namespaces.actions.change_sets.requests import add_to, keep_draft
from namespaces.control.cases import approval_state
from namespaces.models import ChangeSet, ControlPolicy, Namespace
from portal.models import User
from tests.namespaces.control.conftest import Plant, approve_now
from tests.support.database.factories import make_client, make_team, make_user

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def url(change_set: ChangeSet, page: str = "detail") -> str:
    return reverse(f"namespaces:change_set_{page}", args=[change_set.namespace_id, change_set.pk])


def page(user: User, change_set: ChangeSet, *, status: int = 200) -> str:
    answer = signed_in(user).get(url(change_set))
    assert answer.status_code == status
    return answer.content.decode()


def posted(user: User, change_set: ChangeSet, what: str, **data: Any) -> Any:
    """Post a decision with what the page shows."""
    shown = re.search(r'name="shown" value="([^"]*)"', page(user, change_set))
    assert shown is not None
    answer = signed_in(user).post(url(change_set, what), {"shown": shown[1], **data})
    change_set.refresh_from_db()
    return answer


def listed(user: User, namespace: Namespace, show: str = "") -> list[int]:
    address = reverse("namespaces:change_set_list", args=[namespace.pk])
    text = signed_in(user).get(address, {"show": show} if show else {}).content.decode()
    return [int(pk) for pk in re.findall(r'data-change-set="(\d+)"', text)]


def test_the_page_shows_consequence_changes_and_what_this_approval_does(plant: Plant) -> None:
    made = plant.request()
    text = page(plant.lee, made)
    assert 'data-state="waiting-for-you"' in text
    assert 'data-reach="1" data-reach-teams="1" data-reach-others="1"' in text
    assert 'data-change="ca_certificate create"' in text
    fields = re.findall(r'<tr data-field="([^"]+)"', text)
    assert {"subject", "issuer", "valid_to", "key", "may_sign", "thumbprint"} <= set(fields)
    assert 'data-last="yes"' in text
    assert re.findall(r'data-step="(\w+)" data-is="(\w+)"', text) == [
        ("approved", "now"),
        ("written", "later"),
        ("sent", "later"),
        ("ended", "later"),
    ]


def test_the_requester_and_colleagues_cannot_approve_and_read_why(plant: Plant) -> None:
    made = plant.request()
    for person in (plant.dana, plant.rita):
        text = page(person, made)
        assert 'data-objection="own"' in text
        assert url(made, "approve") not in text
        answer = posted(person, made, "approve")
        assert answer.status_code == 422
        assert made.state == ChangeSet.State.OPEN


def test_approving_on_the_page_lets_it_be_applied(plant: Plant) -> None:
    made = plant.request()
    assert posted(plant.lee, made, "approve").status_code == 302
    assert made.state == ChangeSet.State.APPROVED
    text = page(plant.lee, made)
    assert 'data-state="approved"' in text
    assert 'data-approved-by="lee"' in text


def test_the_doctor_does_not_take_what_was_written_for_another_certificate(plant: Plant) -> None:
    made = plant.request()
    assert 'data-problem="duplicate"' not in page(plant.lee, made)
    posted(plant.lee, made, "approve")
    run_change_set(made.pk)
    assert 'data-problem="duplicate"' not in page(plant.lee, made)


def test_an_approval_of_what_is_shown_no_more_is_refused(plant: Plant) -> None:
    made = plant.request()
    old = re.search(r'name="shown" value="([^"]*)"', page(plant.lee, made))
    assert old is not None
    make_client(plant.namespace, "yard-1", team=make_team("Yard"))
    answer = signed_in(plant.lee).post(url(made, "approve"), {"shown": old[1]})
    made.refresh_from_db()
    assert (answer.status_code, made.state) == (409, "open")
    assert "data-problem" in answer.content.decode()


def test_two_approvals_say_how_many_are_missing(plant: Plant) -> None:
    ControlPolicy.objects.update(approvals=2)
    made = plant.request()
    assert 'data-last="no"' in page(plant.lee, made)
    posted(plant.lee, made, "approve")
    assert made.state == ChangeSet.State.OPEN
    text = page(plant.olga, made)
    assert 'data-approvals="1"' in text
    assert 'data-last="yes"' in text


def test_declining_takes_a_reason_and_keeps_what_was_typed(plant: Plant) -> None:
    made = plant.request()
    answer = posted(plant.lee, made, "decline", text=" ")
    assert (answer.status_code, made.state) == (422, "open")
    assert 'aria-describedby="id_text_error"' in answer.content.decode()
    long = "x" * 1001
    answer = posted(plant.lee, made, "decline", text=long)
    assert (answer.status_code, made.state) == (422, "open")
    assert f'value="{"x" * 1000}"' in answer.content.decode()
    assert posted(plant.lee, made, "decline", text="Ask for path length 0.").status_code == 302
    assert made.state == ChangeSet.State.DECLINED
    assert "Ask for path length 0." in page(plant.dana, made)


def test_a_comment_is_shown_and_escaped(plant: Plant) -> None:
    made = plant.request()
    posted(plant.lee, made, "comment", text="<b>Why</b> ten years?")
    text = page(plant.dana, made)
    assert text.count("data-comment>") == 1
    assert "&lt;b&gt;Why" in text


def test_only_the_requester_withdraws_and_rebases(plant: Plant) -> None:
    made = plant.request()
    assert url(made, "withdraw") not in page(plant.lee, made)
    assert posted(plant.lee, made, "withdraw").status_code == 422
    assert posted(plant.lee, made, "rebase").status_code == 422
    assert posted(plant.dana, made, "rebase").status_code == 302
    assert made.revision == 2
    assert posted(plant.dana, made, "withdraw").status_code == 302
    assert made.state == ChangeSet.State.WITHDRAWN
    assert posted(plant.lee, made, "approve").status_code == 409


def test_a_request_that_no_one_could_approve_names_the_ways_out(plant: Plant) -> None:
    ControlPolicy.objects.update(by_owners=False, by_leads=False)
    assert "data-stuck" in page(plant.dana, plant.request())


def test_emergency_banner_confirmation_and_inverse(plant: Plant) -> None:
    held = plant.held(plant.olga, team=None)
    made = apply_at_once(
        plant.olga, change_set=keep_draft(plant.olga, held), reason="Line 3 stands still.", is_proven=True
    )
    run_change_set(made.pk)
    made.refresh_from_db()
    banner = f'data-emergency-bar="{made.pk}"'
    overview = reverse("namespaces:namespace_overview", args=[plant.namespace.pk])
    assert banner in signed_in(plant.lee).get(overview).content.decode()
    assert url(made, "confirm") not in page(plant.olga, made)
    assert posted(plant.olga, made, "confirm").status_code == 422
    answer = signed_in(plant.lee).post(url(made, "inverse"))
    draft = ChangeSet.objects.get(inverse_of=made)
    assert answer.headers["Location"] == url(draft, "request")
    assert posted(plant.lee, made, "confirm").status_code == 302
    assert banner not in signed_in(plant.lee).get(overview).content.decode()
    assert "data-confirmed" in page(plant.olga, made)


def test_an_owner_applies_an_open_request_at_once_on_its_page(plant: Plant) -> None:
    made = plant.request()
    assert "data-emergency" in page(plant.olga, made)
    assert "data-emergency>" not in page(plant.lee, made)
    wrong = signed_in(plant.olga).post(url(made, "emergency"), {"emergency_reason": "Now", "password": "wrong"})
    made.refresh_from_db()
    assert (wrong.status_code, made.emergency_at) == (422, None)
    proof = {"emergency_reason": "Line 3 stands still.", "password": "correct horse battery"}
    assert signed_in(plant.olga).post(url(made, "emergency"), proof | {"shown": "older"}).status_code == 422
    made.refresh_from_db()
    assert made.emergency_at is None
    proof["shown"] = approval_state(made).shown
    assert proof["shown"] in page(plant.olga, made)
    assert signed_in(plant.olga).post(url(made, "emergency"), proof).status_code == 302
    made.refresh_from_db()
    assert made.emergency_by == plant.olga


def test_the_list_begins_with_what_waits_for_the_person(plant: Plant) -> None:
    first, second = plant.request(), plant.request(held=plant.held(name="line-a-other"))
    assert listed(plant.lee, plant.namespace) == [second.pk, first.pk]
    approve_now(plant.lee, second)
    assert listed(plant.lee, plant.namespace) == [first.pk]
    assert listed(plant.lee, plant.namespace, "on-the-way") == [second.pk]
    assert listed(plant.dana, plant.namespace, "waiting") == []
    assert listed(plant.dana, plant.namespace, "mine") == [second.pk, first.pk]
    assert listed(plant.dana, plant.namespace, "nonsense") == [second.pk, first.pk]


def test_a_draft_is_its_authors_and_leads_to_the_request(plant: Plant) -> None:
    draft = keep_draft(plant.dana, plant.held())
    assert signed_in(plant.dana).get(url(draft)).headers["Location"] == url(draft, "request")
    page(plant.olga, draft, status=404)
    assert listed(plant.olga, plant.namespace, "all") == []


def test_hidden_change_sets_are_those_of_other_teams(plant: Plant) -> None:
    made = plant.request()
    Namespace.objects.update(hides_other_teams=True)
    yuri = make_user("yuri")
    make_team("Yard", yuri)
    plant.namespace.roles.create(user=yuri, role="contributor")
    page(yuri, made, status=404)
    assert listed(yuri, plant.namespace, "all") == []
    for person in (plant.dana, plant.lee, plant.olga):
        page(person, made)
        assert listed(person, plant.namespace, "all") == [made.pk]
    menu = signed_in(yuri).get(reverse("namespaces:namespace_overview", args=[plant.namespace.pk])).content.decode()
    assert "New CA" not in menu


def test_the_json_view_has_what_is_approved(plant: Plant) -> None:
    made = plant.request()
    data = json.loads(signed_in(plant.lee).get(url(made, "json")).content)
    assert (data["title"], data["state"], data["digest"]) == ("New CA", "open", made.digest)
    assert data["changes"][0]["values"]["name"] == "line-a-ca"
    assert "PRIVATE KEY" not in json.dumps(data)


def test_an_expired_request_takes_no_decision(plant: Plant) -> None:
    made = plant.request()
    ChangeSet.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert 'data-state="expired"' in page(plant.lee, made)
    assert posted(plant.lee, made, "approve").status_code == 409


def test_home_lists_what_waits_for_the_person(plant: Plant) -> None:
    home = reverse("home:home")
    assert "data-waiting" not in signed_in(plant.lee).get(home).content.decode()
    made = plant.request()
    text = signed_in(plant.lee).get(home).content.decode()
    assert 'data-waiting="1"' in text
    assert url(made) in text
    assert "data-waiting" not in signed_in(plant.dana).get(home).content.decode()
    approve_now(plant.lee, made)
    assert "data-waiting" not in signed_in(plant.lee).get(home).content.decode()


def test_the_bell_counts_what_waits_for_the_person(plant: Plant) -> None:
    bell = reverse("portal:notifications")
    made = plant.request()
    text = signed_in(plant.lee).get(bell).content.decode()
    assert 'data-bell-line="change-sets" data-count="1"' in text
    assert f'<a href="{url(made)}"><strong>' in text
    plant.request(held=plant.held(name="line-a-other"))
    assert 'data-count="2"' in signed_in(plant.lee).get(bell).content.decode()
    assert "data-bell-line" not in signed_in(plant.dana).get(bell).content.decode()


def test_the_requester_edits_texts_which_voids_approvals(plant: Plant) -> None:
    ControlPolicy.objects.update(approvals=2)
    made = plant.request()
    posted(plant.lee, made, "approve")
    edit, browser = url(made, "edit"), signed_in(plant.dana)
    assert edit in page(plant.dana, made)
    assert edit not in page(plant.lee, made)
    assert 'data-code="voids-approvals"' in browser.get(edit).content.decode()
    answer = browser.post(edit, {"title": "Kept", "reason": " "})
    assert answer.status_code == 422
    assert 'value="Kept"' in answer.content.decode()
    unchanged = {"title": made.title, "reason": made.reason}
    assert browser.post(edit, unchanged).status_code == 302
    made.refresh_from_db()
    assert made.revision == 1
    assert browser.post(edit, {"title": "CA of the new line", "reason": "It starts on Monday."}).status_code == 302
    made.refresh_from_db()
    assert (made.title, made.revision) == ("CA of the new line", 2)
    assert 'data-approvals="0"' in page(plant.lee, made)
    for other in (plant.lee, plant.olga):
        assert signed_in(other).get(edit).status_code == 404
        assert signed_in(other).post(edit, unchanged).status_code == 404


def test_the_requester_takes_a_change_out(plant: Plant) -> None:
    made = plant.request()
    second = keep_draft(plant.dana, plant.held(name="line-a-other"))
    add_to(plant.dana, draft=second, change_set=made)
    made.refresh_from_db()
    browser, remove = signed_in(plant.dana), url(made, "remove")
    assert browser.get(url(made, "edit")).content.decode().count('name="position"') == 2
    for wrong in ({}, {"position": "x"}, {"position": "9", "revision": "2"}, {"position": "1", "revision": "1"}):
        assert browser.post(remove, wrong).status_code == 422
    assert made.changes.count() == 2
    assert browser.post(remove, {"position": "1", "revision": "2"}).status_code == 302
    assert list(made.changes.values_list("name", flat=True)) == ["line-a-other"]
    last = {"position": str(made.changes.get().position), "revision": "3"}
    answer = browser.post(remove, last)
    assert answer.status_code == 422
    assert "data-problem" in answer.content.decode()


def test_the_page_asks_for_news_while_a_worker_is_at_it(plant: Plant) -> None:
    made = plant.request()
    assert "change-set-steps" in page(plant.lee, made)
    assert "?was=" not in page(plant.lee, made)
    approve_now(plant.lee, made)
    assert f"{url(made)}?was=approved" in page(plant.lee, made)
    browser, htmx = signed_in(plant.lee), {"HX-Request": "true"}
    part = browser.get(f"{url(made)}?was=approved", headers=htmx)
    assert part.content.decode().strip().startswith("<section")
    assert "data-moved" not in part.content.decode()
    run_change_set(made.pk)
    moved = browser.get(f"{url(made)}?was=approved", headers=htmx).content.decode()
    assert 'data-moved="sending"' in moved
    assert "?was=approved" in moved  # what the rest of the page shows
    assert 'data-step="written" data-is="done"' in page(plant.lee, made)
