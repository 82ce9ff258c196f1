"""A client that comes under another CA key than before is an alarm, until a person decides."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from namespaces.actions.clients import create_client
from namespaces.actions.issuer_alarms import decide_issuer_alarm, decide_same_change
from namespaces.connections.issuers import note_issuers
from namespaces.connections.log_import import attempt_of
from namespaces.models import Client, IssuerAlarm, Namespace
from namespaces.rules.errors import RuleError
from portal.models import Activity, Notice, NoticeRecipient, OutgoingMail, Team
from tests.namespaces.connections.device_log import NOON, Log
from tests.support.certificates.chains import authority
from tests.support.database.factories import PASSWORD, make_client, make_namespace, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db

OURS = authority("Line CA", at=NOON)
THEIRS = authority("Line CA", at=NOON, key_label="theirs")  # the same name with another key
THIRD = authority("Third CA", at=NOON)
State = IssuerAlarm.State


@pytest.fixture
def namespace(settings: Any) -> Namespace:
    settings.MAIL_CONFIGURED = True
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    namespace = make_namespace()
    owner_of(namespace)
    for name, member in (("Line 1", "lea"), ("Line 2", "tom")):
        team = make_team(name, make_user(member, email=f"{member}@plant.example"))
        namespace.roles.create(team=team, role="contributor")
    make_client(namespace, "press-1", team=Team.objects.get(name="Line 1"))
    return namespace


@pytest.fixture
def log(namespace: Namespace) -> Log:
    return Log(namespace, OURS, THEIRS, THIRD)


def alarms() -> list[tuple[str, int]]:
    return list(IssuerAlarm.objects.order_by("pk").values_list("state", "count"))


def press(namespace: Namespace) -> Client:
    found: Client = Client.objects.get(namespace=namespace, name="press-1")
    return found


def test_another_key_of_the_same_name_is_an_alarm_for_team_and_owners(namespace: Namespace, log: Log) -> None:
    log.connect(OURS)
    assert (alarms(), Notice.objects.count()) == ([], 0)
    log.connect(THEIRS)
    alarm = IssuerAlarm.objects.get()
    assert (alarm.former_issuer, alarm.issuer, alarm.caller) == ("CN=Line CA", "CN=Line CA", "192.0.2.7:50000")
    assert alarm.former_key != alarm.key
    assert alarm.former_thumbprint == OURS.issue("press-1", at=NOON).thumbprint
    told = set(NoticeRecipient.objects.filter(notice__event="issuer_alarm").values_list("user__username", flat=True))
    assert told == {"lea", owner_of(namespace).username}
    assert OutgoingMail.objects.filter(user__username="lea").count() == 1
    entry = Activity.objects.get(verb="Issuer alarm")
    assert (entry.object_name, entry.actor) == ("press-1", None)
    assert entry.before["issuer_key"] == alarm.former_key


def test_flips_between_two_issuers_are_one_alarm_and_one_mail(log: Log) -> None:
    log.connect(OURS)
    for _ in range(30):
        log.connect(THEIRS)
        log.connect(OURS)
    log.connect(*([THEIRS, OURS, THEIRS] * 10))
    assert alarms() == [(State.OPEN, 30 + 11)]  # a connection under the same key as the one before is no change
    assert (Notice.objects.count(), Notice.objects.get().count) == (1, 1)
    assert OutgoingMail.objects.filter(user__username="lea").count() == 1


def test_both_in_one_page_of_the_log_are_an_alarm_too(log: Log) -> None:
    log.connect(OURS, THEIRS)
    assert alarms() == [(State.OPEN, 1)]
    assert IssuerAlarm.objects.get().former_thumbprint == OURS.issue("press-1", at=NOON).thumbprint


def test_the_same_page_twice_counts_once(log: Log) -> None:
    log.connect(OURS)
    page = [log.record(THEIRS)]
    for _ in range(2):
        log.imported(page)
    assert alarms() == [(State.OPEN, 1)]


def test_a_new_certificate_of_the_same_key_is_none(log: Log) -> None:
    """Also not where the CA certificate has another name: keys are compared."""
    renamed = authority("Line CA 2030", at=NOON, key_label="Line CA")
    log.connect(OURS)
    log.connect(OURS, leaf={"key_label": "renewed"})
    log.connect(renamed, cas=(renamed,))
    assert alarms() == []


def test_the_issuing_key_counts_wherever_the_chain_ends(log: Log) -> None:
    """The device sends its intermediate. Once that is uploaded itself, another anchor vouches, and the issuer is the same."""
    line, other = (
        OURS.issue("Cell CA", ca=True, at=NOON),
        OURS.issue("Cell CA", ca=True, at=NOON, key_label="other cell"),
    )
    log.connect(line, chain=(line.der,), cas=(OURS,))
    before = press(log.namespace).anchor_key
    log.connect(line, chain=(line.der,), cas=(OURS, line))
    assert (alarms(), press(log.namespace).anchor_key != before) == ([], True)
    log.connect(other, chain=(other.der,), cas=(OURS, line))  # below the same uploaded root, and not the same CA
    assert alarms() == [(State.OPEN, 1)]


def test_thumbprint_match_needs_no_issuer_and_forgets_none(log: Log) -> None:
    log.connect(OURS)
    log.connect(THEIRS, scheme="ThumbprintMatch")
    assert alarms() == []
    log.connect(THEIRS)
    assert alarms() == [(State.OPEN, 1)]


def test_expected_is_quiet_from_then_on_and_the_way_back_is_a_change_of_its_own(namespace: Namespace, log: Log) -> None:
    lea = Team.objects.get(name="Line 1").members.get()
    log.connect(OURS, THEIRS)
    decide_issuer_alarm(lea, alarm=IssuerAlarm.objects.get(), decision=State.EXPECTED)
    log.connect(THEIRS)
    assert alarms() == [(State.EXPECTED, 1)]
    log.connect(OURS)
    assert alarms() == [(State.EXPECTED, 1), (State.OPEN, 1)]
    decide_issuer_alarm(lea, alarm=IssuerAlarm.objects.latest("pk"), decision=State.EXPECTED)
    log.connect(*([THEIRS, OURS] * 5))  # a device with two certificates, as was decided
    assert alarms() == [(State.EXPECTED, 1), (State.EXPECTED, 1)]
    log.connect(THIRD)
    assert alarms()[2:] == [(State.OPEN, 1)]


def test_disabled_keeps_what_was_expected(namespace: Namespace, log: Log) -> None:
    lea = Team.objects.get(name="Line 1").members.get()
    log.connect(OURS, THEIRS)
    generation = press(namespace).generation
    decide_issuer_alarm(lea, alarm=IssuerAlarm.objects.get(), decision=State.DISABLED)
    client = press(namespace)
    assert (client.state, client.generation) == ("Disabled", generation + 1)
    assert Activity.objects.filter(object_name="press-1", verb="Disable client after alarm", actor=lea).exists()
    log.connect(OURS)  # enabled again, the right device is back
    assert alarms() == [(State.DISABLED, 1)]
    log.connect(THEIRS)
    log.connect(THEIRS)
    assert alarms() == [(State.DISABLED, 1), (State.OPEN, 1)]


def test_an_alarm_is_decided_once_and_by_those_who_may_change_the_client(namespace: Namespace, log: Log) -> None:
    log.connect(OURS, THEIRS)
    alarm = IssuerAlarm.objects.get()
    with pytest.raises(RuleError) as refused:
        decide_issuer_alarm(Team.objects.get(name="Line 2").members.get(), alarm=alarm, decision=State.EXPECTED)
    assert (refused.value.code, alarms()) == ("no-longer-allowed", [(State.OPEN, 1)])
    decide_issuer_alarm(owner_of(namespace), alarm=alarm, decision=State.DISABLED)
    with pytest.raises(RuleError) as refused:
        decide_issuer_alarm(owner_of(namespace), alarm=alarm, decision=State.EXPECTED)
    assert (refused.value.code, press(namespace).state) == ("decided", "Disabled")


def test_a_client_created_under_the_name_of_a_deleted_one_has_no_past(namespace: Namespace, log: Log) -> None:
    log.connect(OURS, THEIRS)
    Client.objects.update(deleted_at=NOON)
    create_client(
        owner_of(namespace),
        namespace=namespace,
        team=None,
        name="press-1",
        authentication_name="press-1",
        validation_scheme="SubjectMatchesAuthenticationName",
    )
    assert (alarms(), press(namespace).expected_key) == ([], "")
    log.connect(THEIRS)
    assert alarms() == []


def test_many_clients_with_one_change_are_one_notice(namespace: Namespace, log: Log) -> None:
    names = [f"mill-{number}" for number in range(30)]
    for name in names:
        make_client(namespace, name, team=Team.objects.get(name="Line 1"))
    log.imported([log.record(OURS, name) for name in names])
    log.imported([log.record(THEIRS, name) for name in names])
    assert (len(alarms()), Notice.objects.get().count) == (30, 30)
    assert OutgoingMail.objects.filter(user__username="lea").count() == 1


def test_steady_connections_cost_one_query(namespace: Namespace, log: Log) -> None:
    log.connect(OURS)
    attempts = [attempt_of(namespace.pk, log.record(OURS)) for _ in range(3)]
    with CaptureQueriesContext(connection) as queries:
        note_issuers(namespace.pk, [each for each in attempts if each is not None])
    assert len(queries) == 1


def test_the_pages_show_it_and_take_the_decision(client: Browser, namespace: Namespace, log: Log) -> None:
    log.connect(OURS, THEIRS)
    client.login(username="lea", password=PASSWORD)
    overview = client.get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()
    assert 'data-need="issuer-alarm"' in overview
    assert "issuer-alarm" in client.get(reverse("home:home")).content.decode()
    url = reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])
    page = client.get(url).content.decode()
    assert 'data-alarm="open"' in page
    thumbprint = OURS.issue("press-1", at=NOON).thumbprint
    decide = reverse("namespaces:client_issuer_alarm", args=[namespace.pk, "press-1", IssuerAlarm.objects.get().pk])
    assert decide in page
    assert client.post(decide, {"decision": "perhaps"}).status_code == 302
    assert alarms() == [(State.OPEN, 1)]
    client.post(decide, {"decision": "expected"})
    assert alarms() == [(State.EXPECTED, 1)]
    assert 'data-alarm="open"' not in client.get(url).content.decode()
    listed = client.get(reverse("namespaces:issuer_alarm_list", args=[namespace.pk])).content.decode()
    assert 'data-alarm="expected"' in listed
    assert thumbprint not in listed


def test_thumbprint_match_is_proposed_while_the_former_certificate_is_valid(
    client: Browser, namespace: Namespace, log: Log
) -> None:
    log.connect(OURS, THEIRS)
    client.login(username="lea", password=PASSWORD)
    url = reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])
    namespace.client_certificates.update(not_after=NOON - timedelta(days=1))
    assert 'data-propose="thumbprint"' not in client.get(url).content.decode()
    namespace.client_certificates.update(not_after=datetime(9000, 1, 1, tzinfo=UTC))
    assert 'data-propose="thumbprint"' in client.get(url).content.decode()


def test_another_team_sees_the_alarm_and_no_buttons(client: Browser, namespace: Namespace, log: Log) -> None:
    log.connect(OURS, THEIRS)
    client.login(username="tom", password=PASSWORD)
    url = reverse("namespaces:issuer_alarm_list", args=[namespace.pk])
    page = client.get(url).content.decode()
    assert ('data-alarm="open"' in page, 'name="decision"' in page) == (True, False)
    Namespace.objects.update(hides_other_teams=True)
    page = client.get(url).content.decode()
    assert ("press-1" in page, 'data-empty="none"' in page) == (False, True)


def test_all_with_one_change_are_decided_together(client: Browser, namespace: Namespace, log: Log) -> None:
    names = ["mill-1", "mill-2", "other"]
    for name, team in zip(names, ["Line 1", "Line 1", "Line 2"], strict=True):
        make_client(namespace, name, team=Team.objects.get(name=team))
    for issuer in (OURS, THEIRS):
        log.imported([log.record(issuer, name) for name in names])
    client.login(username="lea", password=PASSWORD)
    page = client.get(reverse("namespaces:issuer_alarm_list", args=[namespace.pk])).content.decode()
    assert page.count('data-same="1"') == 2
    alarm = IssuerAlarm.objects.get(client__name="mill-1")
    url = reverse("namespaces:client_issuer_alarm", args=[namespace.pk, "mill-1", alarm.pk])
    client.post(url, {"decision": "expected", "same": "1"})
    open_ones = IssuerAlarm.objects.open().values_list("client__name", flat=True)
    assert list(open_ones) == ["other"]


def test_only_an_owner_accepts_another_issuer_of_a_client_without_a_team(
    client: Browser, namespace: Namespace, log: Log
) -> None:
    """Every Contributor may change such a client, also the one who uploaded the other CA."""
    make_client(namespace, "mill-1")
    for issuer in (OURS, THEIRS):
        log.imported([log.record(issuer, name) for name in ("mill-1", "press-1")])
    mill = IssuerAlarm.objects.get(client__name="mill-1")
    lea, tom = (Team.objects.get(name=name).members.get() for name in ("Line 1", "Line 2"))
    client.force_login(tom)
    page = client.get(reverse("namespaces:client_detail", args=[namespace.pk, "mill-1"])).content.decode()
    assert ("data-owners-decide" in page, 'value="expected"' in page, 'value="disabled"' in page) == (True, False, True)
    with pytest.raises(RuleError) as refusal:
        decide_issuer_alarm(tom, alarm=mill, decision=State.EXPECTED)
    assert refusal.value.code == "owners-decide"
    press = IssuerAlarm.objects.get(client__name="press-1")
    assert decide_same_change(lea, alarm=press, decision=State.EXPECTED) == 1
    assert IssuerAlarm.objects.open().get() == mill
    decide_issuer_alarm(owner_of(namespace), alarm=mill, decision=State.EXPECTED)
    assert not IssuerAlarm.objects.open().exists()
