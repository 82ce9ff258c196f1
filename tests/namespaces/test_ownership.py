"""Whose a row is: assigning a team, hiding other teams' rows, and what the advisories about roles of other products show."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.ca_certificates import upload_ca_certificate
from certificates.actions.calendar_feeds import create_calendar_feed
from certificates.models import CACertificate
from certificates.x509.reading import load_certificate
from namespaces.access import sight_of, visible_scopes
from namespaces.actions.clients import create_client
from namespaces.actions.ownership import assign_team, assign_team_to_many, set_other_teams
from namespaces.models import Client, ConnectionAttempt, Namespace, NamespaceRole, Role
from namespaces.rules.errors import RuleError
from portal.models import Activity, Notice, Team, User
from portal.pages.bell import recent, unread_count
from portal.registry import may_get
from sync.models import Sight
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import (
    make_admin,
    make_ca_certificate,
    make_ca_der,
    make_client,
    make_client_group,
    make_namespace,
    make_team,
    make_user,
    owner_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_user("ada", first_name="Ada", last_name="Byron")


@pytest.fixture
def ours(ada: User) -> Team:
    return make_team("Line 1", ada)


@pytest.fixture
def theirs() -> Team:
    return make_team("Line 2", make_user("zoe", first_name="Zoe", last_name="Zhou"))


@pytest.fixture
def place(ada: User, ours: Team, theirs: Team) -> Namespace:
    namespace = make_namespace("factory", contributor=ada)
    make_client(namespace, "mine", team=ours)
    make_client(namespace, "other", team=theirs)
    make_client(namespace, "free")
    return namespace


def hide(namespace: Namespace, *, hidden: bool = True) -> None:
    set_other_teams(owner_of(namespace), namespace=namespace, hidden=hidden)


def team_of(name: str) -> str:
    team = Client.objects.get(name=name).team
    return team.name if team else ""


# Assigning a team


@pytest.mark.parametrize(
    ("who", "name", "team", "result"),
    [
        ("owner", "mine", "Line 2", "Line 2"),
        ("owner", "other", "", ""),
        ("owner", "free", "Line 2", "Line 2"),
        ("ada", "free", "Line 1", "Line 1"),
        ("ada", "free", "Line 2", "refused"),
        ("ada", "mine", "Line 2", "refused"),
        ("ada", "mine", "", "refused"),
        ("ada", "other", "Line 1", "refused"),
    ],
)
def test_owners_assign_every_row_and_contributors_take_free_ones(
    place: Namespace, who: str, name: str, team: str, result: str
) -> None:
    actor = owner_of(place) if who == "owner" else User.objects.get(username=who)
    row, before = Client.objects.get(name=name), team_of(name)
    to = Team.objects.filter(name=team).first()
    if result == "refused":
        with pytest.raises(RuleError) as refused:
            assign_team(actor, row=row, team=to)
        assert (refused.value.code, team_of(name)) == ("no-longer-allowed", before)
        assert not Activity.objects.filter(verb="Assign team").exists()
        return
    assert assign_team(actor, row=row, team=to)
    assert team_of(name) == result
    entry = Activity.objects.get(verb="Assign team")
    assert (entry.before, entry.after, entry.object_name) == ({"team": before}, {"team": result}, name)


def test_assigning_a_team_sends_nothing_to_azure(place: Namespace, ours: Team) -> None:
    row = Client.objects.get(name="free")
    assert assign_team(owner_of(place), row=row, team=ours)
    changed = Client.objects.get(pk=row.pk)
    assert (changed.generation, changed.is_settled) == (row.generation, True)
    assert not assign_team(owner_of(place), row=changed, team=ours)  # it is so already
    assert Activity.objects.filter(verb="Assign team").count() == 1


def test_many_rows_get_a_team_and_each_has_its_entry(place: Namespace, ours: Team) -> None:
    pks = [make_client(place, f"imported-{number}").pk for number in range(3)]
    others = Client.objects.get(name="other").pk
    ada = User.objects.get(username="ada")
    done = assign_team_to_many(ada, model=Client, scope_pk=place.pk, pks=[*pks, others], team=ours)
    assert (done, team_of("imported-2"), team_of("other")) == (3, "Line 1", "Line 2")
    assert Activity.objects.filter(verb="Assign team").count() == 3


def test_a_team_is_assigned_on_the_page_of_a_row(place: Namespace, theirs: Team) -> None:
    url = reverse("namespaces:client_team", args=[place.pk, "free"])
    browser = signed_in(owner_of(place))
    assert f'<option value="{theirs.pk}"' in browser.get(url).content.decode()
    assert browser.post(url, {"team": theirs.pk}).status_code == 302
    assert team_of("free") == "Line 2"
    for wrong in ({"team": "999999"}, {}):  # without the field nothing is asked for
        assert browser.post(url, wrong).status_code == 422
        assert team_of("free") == "Line 2"


def test_a_contributor_is_offered_own_teams_only(place: Namespace, ours: Team, theirs: Team, ada: User) -> None:
    browser = signed_in(ada)
    url = reverse("namespaces:client_team", args=[place.pk, "free"])
    assert list(browser.get(url).context["form"].fields["team"].queryset) == [ours]
    assert browser.post(url, {"team": theirs.pk}).status_code == 422
    assert browser.post(url, {"team": ""}).status_code == 422
    assert browser.get(reverse("namespaces:client_team", args=[place.pk, "mine"])).status_code == 403
    assert team_of("free") == ""


@pytest.mark.parametrize(("who", "left"), [("owner", ["free", "mine", "other"]), ("ada", ["free"])])
def test_the_bulk_assigns_what_the_person_may(place: Namespace, ours: Team, who: str, left: list[str]) -> None:
    browser = signed_in(owner_of(place) if who == "owner" else User.objects.get(username=who))
    url = reverse("namespaces:clients_change", args=[place.pk])
    asked = {"change": "assign", "which": "all", "to": str(ours.pk)}
    text = browser.get(url, asked).content.decode()
    changed = [name for name in left if team_of(name) != "Line 1"]
    assert f'name="count" value="{len(changed)}"' in text
    assert browser.post(url, asked | {"count": str(len(changed))}).status_code == 302
    assert [name for name in left if team_of(name) == "Line 1"] == left
    assert Activity.objects.filter(verb="Assign team").count() == len(changed)


# Shown, with whose they are and whom to ask


def test_a_row_of_another_team_says_whom_to_ask_leads_first(place: Namespace, theirs: Team, ada: User) -> None:
    lead = make_user("lea", first_name="Lea", last_name="Lead")
    theirs.memberships.create(user=lead, is_lead=True)
    browser = signed_in(ada)
    detail = browser.get(reverse("namespaces:client_detail", args=[place.pk, "other"])).content.decode()
    assert 'data-owned-by="Line 2"' in detail
    assert "Lea Lead" in detail.partition("data-whom-to-ask")[2][:200]
    assert "Zoe Zhou" not in detail
    refused = browser.get(reverse("namespaces:client_update", args=[place.pk, "other"]))
    assert refused.status_code == 403
    assert "Lea Lead" in refused.content.decode()
    assert reverse("namespaces:access_ask", args=[place.pk]) in refused.content.decode()


# Hidden


def test_only_owners_hide_and_it_is_in_the_log(place: Namespace, ada: User) -> None:
    url = reverse("namespaces:other_teams", args=[place.pk])
    assert signed_in(ada).post(url, {"other_teams": "hidden"}).status_code == 403
    browser = signed_in(owner_of(place))
    assert browser.post(url, {"other_teams": "sometimes"}).status_code == 422
    assert not Namespace.objects.get().hides_other_teams
    assert browser.post(url, {"other_teams": "hidden"}).status_code == 302
    assert Namespace.objects.get().hides_other_teams
    entry = Activity.objects.get(kind="namespaces.namespace")
    assert (entry.before, entry.after) == ({"other_teams": "shown"}, {"other_teams": "hidden"})
    assert not set_other_teams(owner_of(place), namespace=place, hidden=True)
    assert Activity.objects.filter(kind="namespaces.namespace").count() == 1


def test_an_empty_sight_sees_nothing(place: Namespace) -> None:
    assert not Client.visible_to(Sight()).exists()
    assert not ConnectionAttempt.objects.visible_to(Sight()).exists()
    assert not Client.visible_to(sight_of(make_user("stranger"))).exists()
    with pytest.raises(LookupError):
        Namespace.objects.get().sight  # noqa: B018 - read without asking who


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
def test_every_role_but_owner_sees_own_and_free_rows(place: Namespace, ada: User, role: Role) -> None:
    NamespaceRole.objects.filter(user=ada).update(role=role)
    hide(place)
    assert set(Client.visible_to(sight_of(ada)).values_list("name", flat=True)) == {"mine", "free"}
    text = signed_in(ada).get(reverse("namespaces:client_list", args=[place.pk])).content.decode()
    assert ("mine" in text, "clients/other/" in text) == (True, False)


def test_owners_and_administrators_see_every_row(place: Namespace) -> None:
    hide(place)
    for user in (owner_of(place), make_admin()):
        assert Client.visible_to(sight_of(user)).count() == 3


def test_topic_rules_are_never_hidden(place: Namespace, theirs: Team, ada: User) -> None:
    make_client_group(place, "presses", team=theirs)
    hide(place)
    assert signed_in(ada).get(reverse("namespaces:client_group_detail", args=[place.pk, "presses"])).status_code == 200


def test_the_bell_leaves_out_what_is_hidden(place: Namespace, ada: User) -> None:
    now = timezone.now() + timedelta(seconds=1)
    rows = {name: Client.objects.get(name=name) for name in ("other", "free")}
    for row in rows.values():
        Activity.objects.create(
            at=now, actor=owner_of(place), actor_name="o", verb="Update client", kind=row.kind, object_pk=row.pk,
            object_name=row.name, scope=place.pk, outcome="local",
        )  # fmt: skip
    assert unread_count(ada) == 2
    hide(place)
    assert visible_scopes(ada).hidden is not None
    names = [entry.change.object_name for entry in recent(ada) if entry.change]
    assert ("free" in names, "other" in names) == (True, False)
    assert unread_count(ada) == 2  # the other client's entry is not counted, that of the setting is


def test_a_notice_about_a_hidden_row_is_withheld(place: Namespace, ada: User, theirs: Team, ours: Team) -> None:
    hide(place)
    about: dict[str, Any] = {"event": "sync_rejected", "scope": place.pk, "kind": "namespaces.client"}
    assert not may_get(ada, Notice(object_name="other", team=theirs, **about))
    assert may_get(ada, Notice(object_name="mine", team=ours, **about))
    assert may_get(ada, Notice(object_name="free", **about))
    assert may_get(owner_of(place), Notice(object_name="other", team=theirs, **about))


def test_the_calendar_has_the_rows_that_its_person_sees(place: Namespace, ada: User, theirs: Team, ours: Team) -> None:
    make_ca_certificate(place, "their-ca", team=theirs)
    make_ca_certificate(place, "our-ca", team=ours)
    url = reverse("certificates:expiry_feed", args=[create_calendar_feed(ada, namespace=place)])
    assert "their-ca" in Browser().get(url).content.decode()
    hide(place)
    text = Browser().get(url).content.decode()
    assert ("our-ca" in text, "their-ca" in text) == (True, False)


def test_an_attempt_trusted_through_a_hidden_ca_does_not_name_it(
    place: Namespace, ada: User, theirs: Team, settings: Any
) -> None:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    make_ca_certificate(place, "their-ca", team=theirs)
    ConnectionAttempt.objects.create(
        namespace=place, cursor=7, at=timezone.now(), accepted=True, code="accepted", client_name="mine",
        reason="Trusted through their-ca.", ca_name="their-ca", record={"decision": {"anchor": "their-ca"}},
    )  # fmt: skip
    urls = [
        reverse("namespaces:connection_detail", args=[place.pk, 7]),
        reverse("namespaces:connection_csv", args=[place.pk]),
        reverse("namespaces:connection_list", args=[place.pk]),
    ]
    browser = signed_in(ada)
    assert "their-ca" in b"".join(_body(browser, url) for url in urls).decode()
    hide(place)
    texts = [_body(browser, url).decode() for url in urls]
    assert all("mine" in text and "their-ca" not in text for text in texts)


def _body(browser: Browser, url: str) -> bytes:
    answer = browser.get(url)
    return bytes(answer.getvalue() if answer.streaming else answer.content)


def test_a_taken_name_is_refused_without_saying_whose(place: Namespace, ada: User, ours: Team) -> None:
    hide(place)
    with pytest.raises(RuleError) as refused:
        create_client(
            ada, namespace=place, team=ours, name="new", authentication_name="other",
            validation_scheme="SubjectMatchesAuthenticationName",
        )  # fmt: skip
    assert (refused.value.code, "“other”" in refused.value.sentence) == ("taken", False)


def test_deleting_a_ca_asks_for_its_name_where_clients_are_hidden(place: Namespace, ada: User, ours: Team) -> None:
    make_ca_certificate(place, "our-ca", team=ours)
    url = reverse("certificates:ca_certificate_delete", args=[place.pk, "our-ca"])
    browser = signed_in(ada)
    assert "typed_name" not in browser.get(url).content.decode()
    hide(place)
    assert "typed_name" in browser.get(url).content.decode()
    assert browser.post(url).status_code == 422


def test_hiding_costs_no_query_in_lists(place: Namespace, ada: User, django_assert_max_num_queries: Any) -> None:
    browser = signed_in(ada)
    browser.get(reverse("namespaces:client_list", args=[place.pk]))
    for name in ("namespaces:client_list", "certificates:ca_certificate_list", "namespaces:connection_list"):
        before = _queries(browser, reverse(name, args=[place.pk]))
        hide(place)
        assert _queries(browser, reverse(name, args=[place.pk])) <= before + 1, (
            name
        )  # the teams, where they were not read
        hide(place, hidden=False)


def _queries(browser: Browser, url: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        assert browser.get(url).status_code == 200
    return len(asked)


# Advisories of other products


def test_lemur_ghsa_pxmc_a_duplicate_gives_no_rights_over_the_original(
    place: Namespace, ada: User, ours: Team, theirs: Team
) -> None:
    """A thumbprint that another team owns gives no rights: it is refused, whoever sees the original, and the original stays theirs."""
    der = make_ca_der()
    make_ca_certificate(place, "their-ca", der=der, team=theirs)
    for hidden in (False, True):
        hide(place, hidden=hidden)
        with pytest.raises(RuleError) as refused:
            upload_ca_certificate(
                ada, namespace=place, team=ours, name="copy", description="", certificate=load_certificate(der)
            )
        assert (refused.value.code, "their-ca" in refused.value.sentence) == ("duplicate", not hidden)
    assert list(CACertificate.objects.values_list("name", "team__name")) == [("their-ca", "Line 2")]
    status = 404  # hidden by now
    assert (
        signed_in(ada).get(reverse("certificates:ca_certificate_update", args=[place.pk, "their-ca"])).status_code
        == status
    )


def test_lemur_ghsa_4h97_exports_hold_the_rows_that_pages_show(place: Namespace, ada: User) -> None:
    browser, url = signed_in(ada), reverse("namespaces:client_csv", args=[place.pk])
    assert b"other" in _body(browser, url)
    hide(place)
    body = _body(browser, url)
    assert (b"mine" in body, b"other" in body) == (True, False)
    assert b"other" in _body(signed_in(owner_of(place)), url)


def test_netbox_22617_a_bulk_checks_rights_per_row(place: Namespace, ada: User) -> None:
    """Rows that one may see and not change are left as they are, and rows that are hidden are not even counted."""
    browser, url = signed_in(ada), reverse("namespaces:clients_change", args=[place.pk])
    every = {"change": "disable", "client": [str(pk) for pk in Client.objects.values_list("pk", flat=True)]}
    assert 'data-others="1"' in browser.get(url, every).content.decode()
    hide(place)
    text = browser.get(url, every).content.decode()
    assert ('data-chosen="2"' in text, 'data-others="0"' in text) == (True, True)
    editions = re.search(r'name="generations" value="([^"]+)"', text)
    assert editions is not None
    browser.post(url, every | {"generations": editions[1]})
    assert dict(Client.objects.values_list("name", "state")) == {
        "mine": "Disabled",
        "free": "Disabled",
        "other": "Enabled",
    }


def test_a_question_about_hidden_rows_reports_none_of_them(place: Namespace, ada: User) -> None:
    """The rows that a question named are posted by number: another team's are not named in the answer."""
    hide(place)
    other = Client.objects.get(name="other")
    url = reverse("namespaces:clients_change", args=[place.pk])
    posted = {"change": "disable", "client": [str(other.pk)], "generations": f"{other.pk}.{other.generation + 5}"}
    answer = signed_in(ada).post(url, posted, follow=True)
    assert ">other<" not in answer.content.decode()
    assert Client.objects.get(name="other").state == "Enabled"


def test_ucm_a_team_matches_exactly(place: Namespace, ada: User) -> None:
    """Not by the beginning of its name, nor by a name that differs in case, nor where a field is empty."""
    for number, name in enumerate(("Line 10", "line 1", "Line", "Line 1 ")):
        make_client(place, f"near-{number}", team=make_team(name))
    hide(place)
    assert set(Client.visible_to(sight_of(ada)).values_list("name", flat=True)) == {"mine", "free"}
    Team.objects.get(name="Line 1").members.clear()
    assert set(Client.visible_to(sight_of(ada)).values_list("name", flat=True)) == {"free"}
