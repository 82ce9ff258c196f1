"""Ask for access, and what the Owners decide; and what the log has about refusals."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.actions import access_requests
from namespaces.actions.access_requests import (
    MOST_OPEN,
    ask_by_name,
    ask_for_access,
    close_over,
    decline_request,
    grant_request,
    withdraw_request,
)
from namespaces.actions.roles import grant_role
from namespaces.models import AccessRequest, Namespace, NamespaceRole, Role
from namespaces.rights import rights_in
from namespaces.rules.errors import RuleError
from portal.activity import DENIED, DOWNLOADS
from portal.models import Activity, Notice, OutgoingMail, User
from portal.pages.bell import recent
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_namespace, make_team, make_user, namespace_id, owner_of

pytestmark = pytest.mark.django_db

State = AccessRequest.State
REASON = "I renew the certificates of Line 1."


@pytest.fixture(autouse=True)
def _no_counts() -> None:
    cache.clear()


@pytest.fixture
def ada() -> User:
    return make_user("ada", first_name="Ada", last_name="Byron")


@pytest.fixture
def place(ada: User) -> Namespace:
    namespace = make_namespace("factory", reader=ada)
    owner_of(namespace)
    User.objects.update(email="")
    User.objects.filter(pk=owner_of(namespace).pk).update(email="owner@example.com")
    return namespace


def ask(ada: User, place: Namespace, role: Role = Role.CLIENT_MANAGER) -> AccessRequest:
    return ask_for_access(ada, namespace=place, role=role, reason=REASON)


def verbs() -> list[str]:
    return list(Activity.objects.exclude(kind=DENIED).order_by("pk").values_list("verb", flat=True))


# On the page that refused


@pytest.mark.parametrize(("teams", "role"), [(["Line 1"], "client_manager"), ([], "contributor")])
def test_the_page_that_refuses_leads_to_the_form_with_its_role(
    ada: User, place: Namespace, teams: list[str], role: str
) -> None:
    """A Client manager without a team manages nothing, so such a role would not help."""
    for name in teams:
        make_team(name, ada)
    browser, refusing = signed_in(ada), reverse("namespaces:client_create", args=[place.pk])
    refused = browser.get(refusing)
    url = f"{reverse('namespaces:access_ask', args=[place.pk])}?role={role}"
    assert (refused.status_code, url in refused.content.decode()) == (403, True)
    form = browser.get(url).content.decode()
    assert f'value="{role}" checked' in form
    grant_request(owner_of(place), request=ask(ada, place, Role(role)))
    assert browser.get(refusing).status_code == 200


def test_asking_tells_the_owners_in_bell_mail_and_log(ada: User, place: Namespace, settings: Any) -> None:
    settings.MAIL_CONFIGURED = True
    answer = signed_in(ada).post(
        reverse("namespaces:access_ask", args=[place.pk]), {"role": "client_manager", "reason": REASON}
    )
    assert answer.status_code == 302
    row = AccessRequest.objects.get()
    assert (row.user, row.namespace, row.role, row.state) == (ada, place, Role.CLIENT_MANAGER, State.OPEN)
    entry = Activity.objects.get(verb="Ask for access")
    assert (entry.actor, entry.scope, entry.reason) == (ada, place.pk, REASON)
    notices = [each.notice.event for each in recent(owner_of(place)) if each.notice]
    assert notices == ["access_asked"]
    assert not [each for each in recent(ada) if each.notice]
    assert [mail.to for mail in OutgoingMail.objects.all()] == ["owner@example.com"]


@pytest.mark.parametrize(
    ("posted", "field"),
    [
        ({"role": "client_manager"}, "reason"),
        ({"role": "client_manager", "reason": "   "}, "reason"),
        ({"role": "client_manager", "reason": "x" * 501}, "reason"),
        ({"role": "emperor", "reason": REASON}, "role"),
        ({"reason": REASON}, "role"),
        ({"role": "reader", "reason": REASON}, "role"),
    ],
)
def test_bad_requests_are_refused_at_their_field(
    ada: User, place: Namespace, posted: dict[str, str], field: str
) -> None:
    answer = signed_in(ada).post(reverse("namespaces:access_ask", args=[place.pk]), posted)
    assert (answer.status_code, field in answer.context["form"].errors) == (422, True)
    assert not AccessRequest.objects.exists()


def test_a_private_key_as_reason_is_refused_and_not_stored(ada: User, place: Namespace) -> None:
    key = "-----BEGIN " + "PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END " + "PRIVATE KEY-----"
    answer = signed_in(ada).post(
        reverse("namespaces:access_ask", args=[place.pk]), {"role": "client_manager", "reason": key}
    )
    assert (answer.status_code, "MC4CAQ" in answer.content.decode()) == (422, False)
    assert not AccessRequest.objects.exists()


# What the Owners decide


def test_granting_gives_the_role_at_once(ada: User, place: Namespace) -> None:
    row = ask(ada, place)
    browser = signed_in(owner_of(place))
    page = browser.get(reverse("namespaces:role_list", args=[place.pk])).content.decode()
    assert f'data-request="{row.pk}"' in page
    assert browser.post(reverse("namespaces:access_grant", args=[place.pk, row.pk])).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.decided_by) == (State.GRANTED, owner_of(place))
    assert Role.CLIENT_MANAGER in rights_in(ada, place.pk).roles
    assert verbs() == ["Ask for access", "Grant access request", "Grant role"]
    assert Notice.objects.filter(event="access_given", recipients__user=ada).count() == 1
    assert (
        f'data-request="{row.pk}"' not in browser.get(reverse("namespaces:role_list", args=[place.pk])).content.decode()
    )


def test_declining_gives_nothing_and_is_told(ada: User, place: Namespace) -> None:
    row = ask(ada, place)
    signed_in(owner_of(place)).post(reverse("namespaces:access_decline", args=[place.pk, row.pk]))
    row.refresh_from_db()
    assert (row.state, rights_in(ada, place.pk).roles) == (State.DECLINED, (Role.READER,))
    assert verbs() == ["Ask for access", "Decline access request"]
    assert Notice.objects.filter(event="access_declined", recipients__user=ada).count() == 1


def test_only_owners_decide(ada: User, place: Namespace) -> None:
    row = ask(ada, place)
    NamespaceRole.objects.create(namespace=place, user=make_user("con"), role=Role.CONTRIBUTOR)
    for user in (ada, User.objects.get(username="con")):
        for name in ("access_grant", "access_decline"):
            assert signed_in(user).post(reverse(f"namespaces:{name}", args=[place.pk, row.pk])).status_code == 403
        with pytest.raises(RuleError):
            grant_request(user, request=row)
        assert (
            "data-request" not in signed_in(user).get(reverse("namespaces:role_list", args=[place.pk])).content.decode()
        )
    row.refresh_from_db()
    assert row.state == State.OPEN


@pytest.mark.parametrize("change", ["granted", "declined", "withdrawn", "expired", "disabled"])
def test_a_settled_request_cannot_be_granted(ada: User, place: Namespace, change: str) -> None:
    row, owner = ask(ada, place), owner_of(place)
    if change == "granted":
        grant_request(owner, request=row)
    elif change == "declined":
        decline_request(owner, request=row)
    elif change == "withdrawn":
        withdraw_request(ada, request=row)
    elif change == "expired":
        AccessRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    else:
        User.objects.filter(pk=ada.pk).update(is_active=False)
    for decide in (grant_request, decline_request):
        with pytest.raises(RuleError) as refused:
            decide(owner, request=row)
        assert refused.value.code == "settled"
    assert NamespaceRole.objects.get(user=ada).role == (Role.CLIENT_MANAGER if change == "granted" else Role.READER)


def test_granting_never_weakens_what_the_person_has_by_now(ada: User, place: Namespace) -> None:
    row, owner = ask(ada, place), owner_of(place)
    grant_role(owner, namespace=place, role=Role.OWNER, user=ada)
    grant_request(owner, request=row)
    assert rights_in(ada, place.pk).roles == (Role.OWNER,)


def test_a_role_given_directly_settles_the_request(ada: User, place: Namespace) -> None:
    row, owner = ask(ada, place), owner_of(place)
    grant_role(owner, namespace=place, role=Role.CLIENT_MANAGER, user=ada)
    row.refresh_from_db()
    assert row.state == State.GRANTED


# One open request, withdrawn, expired, closed


def test_one_open_request_for_a_role_and_another_for_another(ada: User, place: Namespace) -> None:
    ask(ada, place)
    with pytest.raises(RuleError) as refused:
        ask(ada, place)
    assert refused.value.code == "asked"
    ask(ada, place, Role.OWNER)
    AccessRequest.objects.filter(role=Role.CLIENT_MANAGER).update(expires_at=timezone.now())
    ask(ada, place)  # the former has expired
    states = AccessRequest.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [State.EXPIRED, State.OPEN, State.OPEN]


def test_the_person_withdraws_and_no_one_else(ada: User, place: Namespace) -> None:
    row = ask(ada, place)
    url = reverse("namespaces:access_withdraw", args=[row.pk])
    signed_in(make_user("eve")).post(url)
    row.refresh_from_db()
    assert row.state == State.OPEN
    signed_in(ada).post(url)
    row.refresh_from_db()
    assert (row.state, verbs()) == (State.WITHDRAWN, ["Ask for access", "Withdraw access request"])


@pytest.mark.parametrize(("change", "state"), [("expires", State.EXPIRED), ("disabled", State.CLOSED)])
def test_a_worker_closes_what_is_over(ada: User, place: Namespace, change: str, state: str) -> None:
    row, now = ask(ada, place), timezone.now()
    assert close_over(now) == 0
    if change == "disabled":
        User.objects.filter(pk=ada.pk).update(is_active=False)
    at = now + timedelta(days=15) if change == "expires" else now
    assert (close_over(at), close_over(at)) == (1, 0)
    row.refresh_from_db()
    assert (row.state, verbs()[-1]) == (state, "Close access request")


def test_one_person_has_a_bounded_number_of_open_requests(ada: User, place: Namespace) -> None:
    for number in range(MOST_OPEN):
        ask_by_name(ada, name=f"nowhere-{number}", role=Role.READER, reason=REASON)
    with pytest.raises(RuleError) as refused:
        ask(ada, place)
    assert refused.value.code == "too-many"


def test_a_disabled_person_cannot_ask(ada: User, place: Namespace) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    with pytest.raises(RuleError) as refused:
        ask(ada, place)
    assert refused.value.code == "disabled"


# By the name of a namespace, which may not exist


def answers(browser: Browser, name: str) -> tuple[Any, ...]:
    url = reverse("namespaces:access_ask_by_name")
    posted = browser.post(url, {"name": name, "role": "reader", "reason": REASON}, follow=True)
    page = posted.content.decode().replace(name, "NAME")
    again = browser.post(url, {"name": name, "role": "reader", "reason": REASON})
    bell = browser.get(reverse("portal:notifications")).content.decode()
    rows = [(each.state, each.is_open) for each in posted.context["mine"]]
    return posted.status_code, "data-code" in page, again.status_code, rows, name in bell


def test_whether_a_namespace_exists_stays_unsaid(place: Namespace) -> None:
    """Asked in another case too, and where two namespaces have the name: the answers, the list and the bell are the same."""
    second = make_namespace("factory", resource_id=namespace_id("factory", group="other"))
    owner_of(second)
    found = [
        answers(signed_in(make_user(f"guest-{number}")), name) for number, name in enumerate(("FACTORY", "nowhere"))
    ]
    assert found[0] == found[1]
    assert found[0][2] == 422  # asked already
    assert set(AccessRequest.objects.values_list("namespace", flat=True)) == {place.pk, second.pk, None}


def test_owners_of_a_namespace_asked_by_name_grant_it(place: Namespace) -> None:
    guest = make_user("guest")
    ask_by_name(guest, name="Factory", role=Role.READER, reason=REASON)
    assert [each.notice.event for each in recent(owner_of(place)) if each.notice] == ["access_asked"]
    grant_request(owner_of(place), request=AccessRequest.objects.get())
    assert signed_in(guest).get(reverse("namespaces:namespace_overview", args=[place.pk])).status_code == 200


def test_a_name_that_one_sees_asks_in_that_namespace(ada: User, place: Namespace) -> None:
    ask_by_name(ada, name="factory", role=Role.OWNER, reason=REASON)
    assert AccessRequest.objects.get().namespace == place
    with pytest.raises(RuleError) as refused:
        ask_by_name(ada, name="factory", role=Role.READER, reason=REASON)
    assert refused.value.code == "held"


def test_a_page_that_is_not_found_offers_to_ask_by_name(place: Namespace) -> None:
    browser = signed_in(make_user("guest"))
    for url in (reverse("namespaces:namespace_overview", args=[place.pk]), "/namespaces/999999/"):
        answer = browser.get(url)
        assert (answer.status_code, reverse("namespaces:access_ask_by_name") in answer.content.decode()) == (404, True)
    assert reverse("namespaces:access_ask_by_name") not in Browser().get("/nowhere/").content.decode()


# Refusals in the log


def test_refusals_and_downloads_are_hidden_with_the_rows(ada: User, place: Namespace) -> None:
    """They may name what is hidden, such as the file of another team's CA certificate."""
    signed_in(ada).post(reverse("namespaces:role_add", args=[place.pk]))
    signed_in(owner_of(place)).get(reverse("namespaces:client_csv", args=[place.pk])).getvalue()
    kinds = set(Activity.objects.values_list("kind", flat=True)) & {DENIED, DOWNLOADS}
    assert kinds == {DENIED, DOWNLOADS}
    Namespace.objects.update(hides_other_teams=True)
    for user, sees in ((owner_of(place), True), (ada, False)):
        history = signed_in(user).get(reverse("namespaces:namespace_activity", args=[place.pk])).context["history"]
        assert ({entry.activity.kind for entry in history.entries} >= kinds) is sees


def test_actions_name_no_namespace_to_people_who_do_not_see_it(place: Namespace) -> None:
    """A request by name is the asker's only trace: it has the name as it was typed."""
    guest = make_user("guest")
    ask_by_name(guest, name="FACTORY", role=Role.READER, reason=REASON)
    assert AccessRequest.objects.get().namespace_name == "FACTORY"
    assert access_requests.withdraw_request(guest, request=AccessRequest.objects.get()) == 1
