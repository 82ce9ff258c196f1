"""Registration on first contact in the database: templates, limits, what waits, and names that are blocked."""

from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from certificates.actions.decision_rules.bindings import bind_issuer
from certificates.actions.first_contact import waiting
from certificates.actions.first_contact.blocks import release_name
from certificates.actions.first_contact.registering import Contact, Outcome, meet
from certificates.actions.first_contact.templates import TemplateValues, set_template
from certificates.actions.first_contact.waiting import dismiss
from certificates.models import BlockedName, CACertificate, RegisteredDevice, RegistrationTemplate, WaitingDevice
from namespaces.actions.change_sets import inverses
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.actions.clients import change_authentication_name, create_client, delete_client, update_client
from namespaces.control.gate import NeedsApproval
from namespaces.models import ChangeSet, Client, ControlPolicy, DecisionChange
from namespaces.pages.control.shown_changes import shown_changes
from namespaces.rules.errors import RuleError
from portal.models import Activity, Membership, Notice, NoticeRecipient
from portal.registry import may_get
from tests.certificates.first_contacts import LINE, device_of
from tests.namespaces.control.conftest import Plant, approve_now, plant  # noqa: F401 - a fixture
from tests.support.database.factories import make_ca_certificate, make_client_certificate, make_user

pytestmark = pytest.mark.django_db


VALUES = TemplateValues(mode="register", attributes={"kind": "press"})


@pytest.fixture
def ca(plant: Plant) -> CACertificate:  # noqa: F811
    """A CA certificate of Line A that registers devices for Line A, in the name of Dana."""
    ControlPolicy.objects.update(enabled=False)
    row = make_ca_certificate(plant.namespace, "line-ca", der=LINE.der, team=plant.line_a)
    set_template(plant.dana, ca=row, values=replace(VALUES, team=plant.line_a.pk))
    return row


def meets(ca: CACertificate, name: str = "press-9") -> Contact:
    return meet(device_of(ca, name))


def change(ca: CACertificate, plant: Plant, **fields: Any) -> None:  # noqa: F811
    now = TemplateValues.of(RegistrationTemplate.objects.get(ca=ca))
    set_template(plant.dana, ca=ca, values=replace(now, **fields))


def test_a_device_is_registered_by_the_action_of_the_form(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    device = device_of(ca, "press-9")
    found = meet(device)
    assert (found.outcome, found.client and found.client.name) == (Outcome.REGISTERED, "press-9")
    row = Client.objects.get(name="press-9")
    assert (row.team, row.created_by, row.attributes, row.is_settled) == (
        plant.line_a,
        plant.dana,
        VALUES.attributes,
        False,
    )
    entry = Activity.objects.filter(verb="Create client").get()
    assert (entry.actor, "line-ca" in entry.reason, entry.outcome) == (plant.dana, True, "pending")
    assert DecisionChange.objects.filter(client_pk=row.pk).exists()
    assert RegisteredDevice.objects.get().registered_by is None
    again = meet(device)  # by a process that has not read it yet
    assert (again.outcome, again.client, Client.objects.filter(name="press-9").count()) == ("known", found.client, 1)


def test_limits_count_registrations_of_every_process(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    change(ca, plant, per_minute=2, per_hour=3, cap=4)
    outcomes = [meets(ca, f"press-{at}").outcome for at in range(10, 13)]
    assert outcomes == [Outcome.REGISTERED, Outcome.REGISTERED, Outcome.LIMITED]
    RegisteredDevice.objects.update(at=timezone.now() - timedelta(minutes=2))
    assert [meets(ca, f"press-{at}").outcome for at in (12, 13)] == [Outcome.REGISTERED, Outcome.LIMITED]
    RegisteredDevice.objects.update(at=timezone.now() - timedelta(hours=2))
    assert meets(ca, "press-13").outcome == Outcome.REGISTERED
    delete_client(plant.olga, client=Client.objects.get(name="press-13"))  # the cap counts what was registered ever
    assert meets(ca, "press-14").outcome == Outcome.WAITING
    assert WaitingDevice.objects.get().held == "cap"


def test_a_queued_device_waits_once(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    change(ca, plant, mode="queue")
    assert [meets(ca).outcome for _ in range(3)] == [Outcome.WAITING] * 3
    row = WaitingDevice.objects.get()
    assert (row.times, row.held, row.team, row.authentication_name) == (3, "queue", plant.line_a, "press-9")
    dismiss(plant.dana, namespace=plant.namespace, device=row)
    assert not WaitingDevice.objects.exists()
    assert meets(ca).outcome == Outcome.BLOCKED
    release_name(plant.dana, blocked=BlockedName.objects.get(thumbprint=""))
    assert (meets(ca).outcome, BlockedName.objects.exists()) == (Outcome.WAITING, False)


def test_the_first_waiting_device_is_announced_once_to_those_who_may_register_it(
    plant: Plant,  # noqa: F811
    ca: CACertificate,
) -> None:
    reader = make_user("reader")
    Membership.objects.create(team=plant.line_a, user=reader)
    plant.namespace.roles.create(user=reader, role="reader")
    change(ca, plant, mode="queue")

    def notified() -> list[str]:
        found = NoticeRecipient.objects.filter(notice__event="devices_waiting").order_by("notice_id", "user__username")
        return list(found.values_list("user__username", flat=True))

    meets(ca)
    meets(ca)
    meets(ca, "press-8")
    assert notified() == ["dana", "rita"]  # of Line A, who may create its clients
    notice = Notice.objects.get(event="devices_waiting")
    assert (notice.count, notice.team) == (1, plant.line_a)
    assert [may_get(user, notice) for user in (plant.dana, plant.olga, plant.lee, reader)] == [True, True, False, False]
    RegistrationTemplate.objects.update(team=plant.line_b)
    meets(ca, "press-7")
    assert notified() == ["dana", "rita", "olga"]  # Lee may only read, so an Owner who knew of none
    for row in WaitingDevice.objects.all():
        dismiss(plant.olga, namespace=plant.namespace, device=row)
    Notice.objects.update(group_key=None)
    RegistrationTemplate.objects.update(team=plant.line_a)
    meets(ca, "press-6")
    assert notified() == ["dana", "rita", "olga", "dana", "rita"]


def test_a_full_list_forgets_those_that_came_long_ago(
    plant: Plant,  # noqa: F811
    ca: CACertificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 2)
    change(ca, plant, mode="queue")
    assert [meets(ca, f"robot-{at}").outcome for at in (1, 2, 3)] == ["waiting", "waiting", "limited"]
    WaitingDevice.objects.filter(authentication_name="robot-1").update(last_seen_at=timezone.now() - 2 * waiting.KEPT)
    assert [meets(ca, f"robot-{at}").outcome for at in (3, 2)] == ["waiting", "waiting"]


def test_it_waits_where_the_person_may_not(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    plant.namespace.roles.filter(user=plant.dana).delete()
    assert meets(ca).outcome == Outcome.WAITING
    assert WaitingDevice.objects.get().held == "refused"
    plant.namespace.roles.create(user=plant.dana, role="contributor")
    ControlPolicy.objects.update(enabled=True, needs=["client_create"])
    assert meets(ca).outcome == Outcome.WAITING
    assert (WaitingDevice.objects.get().held, Client.objects.filter(name="press-9").exists()) == ("approval", False)
    ControlPolicy.objects.update(enabled=False)
    assert meets(ca).outcome == Outcome.REGISTERED
    assert not WaitingDevice.objects.exists()


def test_a_template_that_changed_meanwhile_registers_nothing(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    device = device_of(ca, "press-9")
    change(ca, plant, per_hour=50)
    assert meet(device).outcome == Outcome.CHANGED
    device = device_of(ca, "press-9")
    change(ca, plant, mode="off")
    assert (meet(device).outcome, Client.objects.filter(name="press-9").exists()) == (Outcome.CHANGED, False)


@pytest.mark.parametrize("what", ["name", "certificate", "shown certificate", "former name"])
def test_what_was_deleted_is_blocked_until_it_is_released(plant: Plant, ca: CACertificate, what: str) -> None:  # noqa: F811
    identity = LINE.issue("press-9")
    first = "other" if what in ("certificate", "shown certificate") else "press-9"
    scheme = {"validation_scheme": "ThumbprintMatch", "thumbprints": [identity.thumbprint]}
    values = scheme if what == "certificate" else {"validation_scheme": "SubjectMatchesAuthenticationName"}
    client = create_client(
        plant.dana, namespace=plant.namespace, team=plant.line_a, name=first, authentication_name="", **values
    )
    if what == "shown certificate":
        make_client_certificate(plant.namespace, first, identity.der)
        assert meet(device_of(ca, "press-9", identity)).outcome == Outcome.BLOCKED  # it is another client's
    if what == "former name":
        Client.objects.filter(pk=client.pk).update(base=client.body() | {"properties": client.body()})
        change_authentication_name(plant.dana, client=client, authentication_name="pump-9")
    else:
        delete_client(plant.dana, client=client)
        Client.objects.filter(pk=client.pk).delete()  # Azure has confirmed it
    assert meet(device_of(ca, "press-9", identity)).outcome == Outcome.BLOCKED
    release_name(plant.dana, blocked=BlockedName.objects.get(thumbprint=""))
    assert meet(device_of(ca, "press-9", identity)).outcome == Outcome.REGISTERED


def test_a_disabled_client_needs_no_block(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    meets(ca)
    client = Client.objects.get(name="press-9")
    update_client(
        plant.dana,
        client=client,
        validation_scheme=client.validation_scheme,
        state="Disabled",
        description="",
        attributes={},
    )
    found = meets(ca)
    assert (found.outcome, found.client and found.client.enabled) == (Outcome.KNOWN, False)
    assert not BlockedName.objects.exists()


def test_only_those_of_the_team_release_and_dismiss(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    meets(ca)
    delete_client(plant.dana, client=Client.objects.get(name="press-9"))
    blocked = BlockedName.objects.get(thumbprint="")
    with pytest.raises(RuleError) as refusal:
        release_name(plant.lee, blocked=blocked)
    assert refusal.value.code == "no-longer-allowed"
    release_name(plant.dana, blocked=blocked)
    with pytest.raises(RuleError) as refusal:
        release_name(plant.dana, blocked=blocked)
    assert refusal.value.code == "released-already"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"mode": "always"}, "unknown"),
        ({"source": "ClientCertificateSerial"}, "unknown"),
        ({"per_minute": 0}, "out-of-range"),
        ({"per_hour": 10_001}, "out-of-range"),
        ({"cap": 2**40}, "out-of-range"),
        ({"patterns": ("*",)}, "every-name"),
        ({"attributes": {"a b": "c"}}, "key"),
        ({"team": 99_999}, "team-gone"),
        ({"team": None}, ""),
    ],
)
def test_a_bad_template_is_not_stored(plant: Plant, ca: CACertificate, fields: dict[str, Any], code: str) -> None:  # noqa: F811
    if not code:
        change(ca, plant, **fields)
        assert RegistrationTemplate.objects.get().team is None
        return
    with pytest.raises(RuleError) as refusal:
        change(ca, plant, **fields)
    assert (refusal.value.code, RegistrationTemplate.objects.get().edition) == (code, 1)


def test_the_team_has_to_be_ones_own(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    with pytest.raises(RuleError) as refusal:
        change(ca, plant, team=plant.line_b.pk)
    assert refusal.value.code == "not-your-team"
    plant.line_a.delete()
    assert not RegistrationTemplate.objects.exists()  # a deletion never widens what a CA may do


@pytest.mark.parametrize(
    ("fields", "is_looser"),
    [
        ({"mode": "off"}, False),
        ({"mode": "queue"}, False),
        ({"per_minute": 1, "per_hour": 1, "cap": 1}, False),
        ({"patterns": ("press-*",)}, False),
        ({"per_minute": 11}, True),
        ({"cap": 101}, True),
        ({"attributes": {"kind": "pump"}}, True),
        ({"source": "ClientCertificateDns"}, True),
        ({"by_thumbprint": True}, True),
        ({"team": 7}, True),
    ],
)
def test_what_is_looser(fields: dict[str, Any], is_looser: bool) -> None:
    assert replace(VALUES, **fields).is_looser_than(VALUES) is is_looser
    assert VALUES.is_looser_than(TemplateValues())
    assert VALUES.is_looser_than(replace(VALUES, patterns=("press-*",)))
    assert VALUES.is_looser_than(replace(VALUES, mode="queue"))


def test_to_turn_it_on_and_to_release_wait_for_approval(plant: Plant) -> None:  # noqa: F811
    row = make_ca_certificate(plant.namespace, "line-ca", der=LINE.der, team=plant.line_a)
    values = replace(VALUES, team=plant.line_a.pk)
    with pytest.raises(NeedsApproval) as held:
        set_template(plant.rita, ca=row, values=values)
    assert not RegistrationTemplate.objects.exists()
    change_set = plant.request(plant.rita, held.value)
    shown = shown_changes(list(change_set.changes.all()))[0]
    assert {line.key for line in shown.lines if line.differs} == {"mode", "team", "attributes"}
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    change_set.refresh_from_db()
    template = RegistrationTemplate.objects.get()
    assert (change_set.state, template.mode, template.changed_by) == (ChangeSet.State.DONE, "register", plant.rita)
    assert (
        TemplateValues.from_dict(inverses.build_inverse(plant.rita, change_set=change_set).changes.get().values).mode
        == "off"
    )
    set_template(plant.dana, ca=row, values=replace(values, mode="off"))  # stricter: at once
    delete_client(plant.olga, client=Client.objects.get(name="press-1"))
    with pytest.raises(NeedsApproval) as held:
        release_name(plant.rita, blocked=BlockedName.objects.get(thumbprint=""))
    change_set = plant.request(plant.rita, held.value)
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    assert not BlockedName.objects.exists()


def test_names_deleted_before_the_migration_are_blocked(plant: Plant) -> None:  # noqa: F811
    ControlPolicy.objects.update(enabled=False)
    delete_client(plant.olga, client=Client.objects.get(name="press-1"))
    BlockedName.objects.all().delete()

    class Editor:
        class connection:  # noqa: N801
            alias = "default"

    import_module("certificates.migrations.0011_first_contact").block_deleted_names(apps, Editor)
    assert BlockedName.objects.get().authentication_key == "press-1"


def test_a_binding_to_another_team_stops_it(plant: Plant, ca: CACertificate) -> None:  # noqa: F811
    bind_issuer(plant.dana, ca=ca, teams=[plant.line_b], groups=[], patterns=[])
    assert device_of(ca, "press-9").newcomer.objection == "issuer-vouches"
