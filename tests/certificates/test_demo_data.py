"""What fills the demo: the same at every moment, made by its people, and complete when it is run again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from certificates.authentication.engine import authenticate
from certificates.management.demo_data.day import HOURS, count_the_day
from certificates.management.demo_data.plant import LINES, chain_of, devices_of, furnish
from certificates.management.demo_data.story import (
    IMPOSTOR,
    SUCCESSOR,
    devices_of_successor,
    start_replacement,
    successor_chain,
)
from certificates.models import CACertificate, CARollover
from certificates.pages.authentication_trace import namespace_state
from certificates.x509.certificate import load_certificate
from namespaces.connections.refusal_reasons import short_reason
from namespaces.models import Client, ConnectionCount, RefusedName
from portal.demo.devices import connect_packet, is_accepted
from portal.models import Activity, Team
from tests.support.database.factories import make_admin, make_namespace, make_user

pytestmark = pytest.mark.django_db

MOMENTS = (
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 0, 0, tzinfo=UTC),
    datetime(2028, 2, 29, 12, 30, 0, tzinfo=UTC),
)


@pytest.mark.parametrize("at", MOMENTS)
def test_the_first_ca_certificate_expires_in_19_days_and_its_clients_are_valid(at: datetime) -> None:
    days = []
    for line in LINES:
        chain = chain_of(line, at=at)
        ca = load_certificate(chain.intermediate.certificate_der)
        days.append((ca.not_after - at).days)
        assert ca.not_before <= at
        good = [load_certificate(each.certificate_der) for each in chain.clients[:-1]]
        assert all(each.not_before <= at < each.not_after < ca.not_after for each in good)
        assert load_certificate(chain.clients[-1].certificate_der).not_after < at
    assert days == [19, 240, 590]


@pytest.mark.parametrize("at", MOMENTS)
def test_the_day_before_is_counted_by_the_hour_and_only_once(at: datetime) -> None:
    namespace = make_namespace("contoso-plant")
    for _ in range(2):
        count_the_day(namespace, at=at)
    rows = ConnectionCount.objects.filter(namespace=namespace)
    hours = set(rows.filter(code="").values_list("hour", flat=True))
    assert len(hours) == HOURS
    assert at - timedelta(hours=24) <= min(hours) < max(hours) <= at - timedelta(hours=1) + timedelta(minutes=59)
    reasons = set(rows.exclude(code="").values_list("code", flat=True))
    assert len(reasons) >= 4
    assert all(short_reason(code) != code for code in reasons)
    assert set(RefusedName.objects.filter(namespace=namespace).values_list("code", flat=True)) >= reasons


def test_the_plant_has_three_teams_and_forty_clients_and_is_completed_when_run_again() -> None:
    admin, namespace, now = make_admin(), make_namespace("contoso-plant"), timezone.now()
    people = [make_user("dana"), make_user("lee")]
    chains = [chain_of(line, at=now) for line in LINES]
    furnish(admin, namespace, chains)
    Client.objects.filter(name="robot-07").delete()
    furnish(admin, namespace, chains)
    assert sorted(Team.objects.values_list("name", flat=True)) == ["Line A", "Line B", "Line C"]
    assert Client.objects.filter(namespace=namespace).count() == 40
    assert list(Client.objects.filter(state="Disabled").values_list("name", flat=True)) == ["robot-04"]
    assert CACertificate.objects.filter(namespace=namespace).count() == 3
    made = Activity.objects.filter(verb="Create client")
    assert set(made.values_list("actor", flat=True)) == {person.pk for person in people}


def test_the_engine_lets_the_devices_in_or_refuses_them_for_five_reasons() -> None:
    admin, namespace, now = make_admin(), make_namespace("contoso-plant"), timezone.now()
    for name in ("dana", "lee"):
        make_user(name)
    chains = [chain_of(line, at=now) for line in LINES]
    furnish(admin, namespace, chains)
    stranger, state = chain_of(LINES[2], at=now), namespace_state(namespace)
    codes = [
        authenticate(presented=each.certificate.certificate_der, user_name=each.user_name, state=state, at=now).code
        for line, chain in zip(LINES, chains, strict=True)
        for each in devices_of(line, chain, stranger)
    ]
    counts = {code: codes.count(code) for code in set(codes)}
    assert counts == {
        "accepted": 35,
        "issuer-found": 4,
        "client-found": 3,
        "within-validity": 3,
        "scheme-compared": 3,
        "client-enabled": 1,
    }


def test_line_a_replaces_its_ca_and_a_robot_of_line_b_comes_with_the_new_one() -> None:
    admin, namespace, now = make_admin(), make_namespace("contoso-plant"), timezone.now()
    for name in ("dana", "lee"):
        make_user(name)
    furnish(admin, namespace, [chain_of(line, at=now) for line in LINES])
    chain = successor_chain(at=now)
    assert start_replacement(namespace, chain)
    assert not start_replacement(namespace, chain)
    rollover = CARollover.objects.get(namespace=namespace)
    assert (rollover.old_name, rollover.successor.name if rollover.successor else "") == ("line-a-2026", SUCCESSOR)
    devices, state = list(devices_of_successor(chain)), namespace_state(namespace)
    assert [
        authenticate(presented=each.certificate.certificate_der, user_name=each.user_name, state=state, at=now).code
        for each in devices
    ] == ["accepted"] * 6
    assert devices[-1].user_name == IMPOSTOR == "robot-12"


def test_a_connect_packet_has_its_length_and_both_names() -> None:
    packet = connect_packet("press-a-01")
    assert packet[:2] == bytes([0x10, len(packet) - 2])
    assert packet.count(b"\x00\x0apress-a-01") == 2


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        (b"\x20\x03\x00\x00\x00", True),
        (b"\x20\x03\x00\x87\x00", False),
        (b"\x20\x83\x01\x00\x87\x80\x01", False),
        (b"\x20\x83\x01\x00\x00\x80\x01", True),
        (b"\x20\x03", False),
        (b"", False),
        (b"\xe0\x01\x00\x00\x00", False),
    ],
)
def test_an_answer_with_a_reason_in_words_is_read_too(answer: bytes, accepted: bool) -> None:
    assert is_accepted(answer) is accepted
