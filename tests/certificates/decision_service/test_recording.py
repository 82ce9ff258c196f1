"""What the service decides is in the connection log: one row for each CONNECT, whichever record of it comes first."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from certificates.authentication.types import Decision
from certificates.decision_service.messages import message_of
from certificates.decision_service.recorder import Recorder
from certificates.decision_service.records import Recorded
from certificates.decisions.requests import ConnectRequest
from certificates.x509.certificate import load_certificate
from certificates.x509.reading import to_pem
from namespaces.connections.decided.joining import OWN_NUMBERS
from namespaces.connections.decided.taking import DecisionRecord, take_decisions
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import ConnectionAttempt, ConnectionCount, DecisionPoint, Namespace, RefusedName
from tests.certificates.decision_service.conftest import Asking, make_asking
from tests.certificates.decision_service.deciding import DecidingPortal
from tests.support.certificates.chains import authority
from tests.support.database.factories import make_client, make_namespace
from tests.support.waiting import until

AT = timezone.now() - timedelta(minutes=10)


def record(request_id: str, code: str = "", *, seconds: float = 0, **more: Any) -> dict[str, Any]:
    """A record as both sides write it."""
    return {
        "time": (AT + timedelta(seconds=seconds)).isoformat(),
        "operationName": "Microsoft.EventGrid/topicspaces/connect",
        "resultType": "Failed" if code else "Succeeded",
        "resultSignature": code,
        "resultDescription": code,
        "clientName": "sensor-1",
        "userName": "sensor-1",
        "properties": {"sessionName": "c1", "protocol": ""},
        "webhook": {"requestId": request_id},
        "decision": None,
        **more,
    }


def decided(request_id: str, code: str = "", **more: Any) -> DecisionRecord:
    decision = {"accepted": not code, "code": code or "accepted", "reason": code}
    return DecisionRecord(record(request_id, code, decision=decision, **more))


def told(request_id: str, code: str = "", *, cursor: int, **more: Any) -> dict[str, Any]:
    properties = {"sessionName": "c1", "protocol": "MQTT5"}
    return record(request_id, code, cursor=cursor, callerIpAddress="10.0.0.1:5", properties=properties, **more)


def counts(namespace: Namespace) -> dict[str, int]:
    rows = ConnectionCount.objects.filter(namespace=namespace).values_list("code").annotate(every=Sum("count"))
    return {code: count for code, count in rows if count}


@pytest.mark.django_db
@pytest.mark.parametrize("is_portal_first", [True, False])
@pytest.mark.parametrize(
    ("portal", "broker", "result"),
    [
        ("", "", ""),
        ("client-found", "webhook-denied", "client-found"),
        ("", "QuotaExceeded", "QuotaExceeded"),  # allowed, and then refused for something else
        ("issuer-found", "ServerUnavailable", "issuer-found"),
    ],
)
def test_both_records_of_a_connect_are_one_row(is_portal_first: bool, portal: str, broker: str, result: str) -> None:
    namespace = make_namespace()
    take_decisions(namespace.pk, [decided("other", "client-enabled", seconds=-1)])
    for is_portal in (is_portal_first, not is_portal_first):
        if is_portal:
            take_decisions(namespace.pk, [decided("r1", portal)])
        else:
            ConnectionIntake().take(namespace.pk, [told("r1", broker, cursor=7)], 7)
    newest, other = ConnectionAttempt.objects.filter(namespace=namespace)
    assert (newest.accepted, newest.code) == (not result, result or "accepted")
    assert (newest.protocol, newest.caller, newest.record["decision"]["code"]) == (
        "MQTT5",
        "10.0.0.1:5",
        portal or "accepted",
    )
    assert newest.cursor > other.cursor >= OWN_NUMBERS
    assert counts(namespace) == {"client-enabled": 1, result: 1}


@pytest.mark.django_db
@pytest.mark.parametrize("broker", ["", "QuotaExceeded"])
def test_a_certificate_is_kept_whichever_record_comes_first(broker: str) -> None:
    """The broker does not know the client that was registered on first contact, and its record may come first."""
    namespace = make_namespace()
    client = make_client(namespace, "sensor-1")
    take_decisions(namespace.pk, [decided("other", "client-enabled", seconds=-1)])
    ConnectionIntake().take(namespace.pk, [told("r1", broker, cursor=7, clientName="")], 7)
    leaf = load_certificate(authority("Line CA", at=AT).issue("sensor-1").der)
    take_decisions(namespace.pk, [replace(decided("r1", presentedChain=[to_pem(leaf.der)]), shown=(leaf,))])
    client.refresh_from_db()
    is_let_in = not broker
    assert (client.certificate_thumbprint == leaf.thumbprint_sha256, client.last_seen_at is not None) == (
        is_let_in,
        is_let_in,
    )


@pytest.mark.django_db
def test_records_of_both_sides_stay_in_order_and_come_once() -> None:
    """Before the switch, rows have the numbers of the log; afterwards those of the clock, the log's too."""
    namespace, intake = make_namespace(), ConnectionIntake()
    intake.take(namespace.pk, [told("", "tls", cursor=1, seconds=-9)], 1)
    take_decisions(namespace.pk, [decided("r1", seconds=-8), decided("", seconds=-7), decided("", seconds=-6)])
    page = [told("", "early", cursor=2, seconds=-5), told("r1", cursor=3), told("r9", "late", cursor=4)]
    for _ in range(2):
        intake.take(namespace.pk, page, 4)
    codes = list(ConnectionAttempt.objects.order_by("cursor").values_list("code", flat=True))
    assert codes == ["tls", "accepted", "accepted", "accepted", "early", "late"]
    assert counts(namespace) == {"": 3, "tls": 1, "early": 1, "late": 1}
    namespace.refresh_from_db()
    assert namespace.connection_cursor == 4


@pytest.mark.django_db
def test_more_than_the_log_keeps_are_counted(settings: Any) -> None:
    settings.CONNECTION_LOG_KEEP = 3
    namespace = make_namespace()
    take_decisions(namespace.pk, [decided("", "client-found", seconds=second) for second in range(5)])
    assert ConnectionAttempt.objects.count() == 3
    assert counts(namespace) == {"client-found": 5}


@pytest.mark.django_db
def test_requests_that_the_log_has_dropped_are_not_counted_again(settings: Any) -> None:
    settings.CONNECTION_LOG_KEEP = 3
    namespace = make_namespace()
    take_decisions(namespace.pk, [decided(f"r{second}", seconds=second) for second in range(5)])
    page = [told(f"r{second}", cursor=second + 1, seconds=second) for second in range(5)]
    ConnectionIntake().take(namespace.pk, [*page, told("r9", "late", cursor=6, seconds=9)], 6)
    assert list(ConnectionAttempt.objects.order_by("cursor").values_list("request_id", flat=True)) == ["r3", "r4", "r9"]
    assert counts(namespace) == {"": 5, "late": 1}


@pytest.mark.django_db(transaction=True)
def test_a_decision_that_cannot_be_recorded_hides_no_other() -> None:
    namespace, recorder = make_namespace(), Recorder()
    decision = message_of(Decision(True, "accepted", "", "", ()))
    good = [
        Recorded(namespace.pk, "", ConnectRequest(f"c{number}", "sensor-1", None, ()), decision, AT, timedelta(0), "")
        for number in range(2)
    ]
    broken = replace(good[0], request=None)  # type: ignore[arg-type]
    recorder.put(list(enumerate([good[0], broken, good[1]])))
    recorder.store_all()
    assert set(ConnectionAttempt.objects.values_list("session_name", flat=True)) == {"c0", "c1"}


@pytest.mark.django_db
def test_the_endpoint_is_confirmed_by_a_client_that_azure_has() -> None:
    namespace = make_namespace()
    make_client(namespace, "sensor-1")
    point = DecisionPoint.objects.create(namespace=namespace)
    steps: list[tuple[dict[str, Any], bool, bool]] = [
        ({}, False, False),  # not switched yet
        ({"switched_at": AT + timedelta(seconds=1)}, False, False),  # asked before it was switched
        ({"switched_at": AT - timedelta(seconds=1)}, True, False),  # Azure does not have the client
    ]
    for values, is_asked, is_confirmed in steps:
        DecisionPoint.objects.filter(pk=point.pk).update(**values)
        take_decisions(namespace.pk, [decided("", "client-enabled")])
        point.refresh_from_db()
        assert (point.asked_at is not None, point.confirmed_at is not None) == (is_asked, is_confirmed)
    namespace.clients.update(base={"name": "sensor-1"})
    take_decisions(namespace.pk, [decided("", clientName="nobody"), decided("", "client-enabled", seconds=5)])
    point.refresh_from_db()
    assert point.confirmed_at == AT + timedelta(seconds=5)


@pytest.mark.django_db
def test_a_request_that_was_sent_again_is_one_row() -> None:
    namespace = make_namespace()
    take_decisions(namespace.pk, [decided("again"), decided(""), decided("again", "client-enabled"), decided("")])
    rows = ConnectionAttempt.objects.filter(namespace=namespace)
    assert sorted(rows.values_list("request_id", "code")) == [
        ("", "accepted"),
        ("", "accepted"),
        ("again", "client-enabled"),
    ]
    assert counts(namespace) == {"": 2, "client-enabled": 1}


@pytest.fixture
def asking(deciding: DecidingPortal, django_db_blocker: Any) -> Iterator[Asking]:
    with deciding.database(django_db_blocker):
        made = make_asking(deciding, "recorded")
        until(lambda: all(made.ask(userName="first")[0] == 200 for _ in range(30)), "each process knows the namespace")
        yield made


def test_the_service_records_each_decision_once(asking: Asking) -> None:
    rows = ConnectionAttempt.objects.filter(namespace=asking.namespace).exclude(user_name="first")
    began = datetime.now(UTC)
    DecisionPoint.objects.filter(namespace=asking.namespace).update(switched_at=began)
    secret = {"password": "c2VjcmV0", "authenticationData": "c2VjcmV0"}
    for number in range(10):
        assert asking.ask(clientId=f"c{number}", **secret)[1]["decision"] == "allow"
    assert asking.ask(userName="stranger\ud800", clientId="\ud800\0", clientCertificate="broken", **secret)[0] == 200
    asking.portal.ask(asking.key, b"{")
    asking.ask(token="none")
    until(lambda: rows.count() >= 11, "the decisions are recorded")
    assert {row.session_name for row in rows.filter(accepted=True)} == {f"c{number}" for number in range(10)}
    accepted = rows.filter(accepted=True)[0]
    assert (accepted.client_name, accepted.ca_name) == (asking.name, "line-ca")
    assert accepted.thumbprint == asking.device.thumbprint
    (refused,) = rows.filter(accepted=False)
    assert (refused.code, refused.client_name) == ("certificate-readable", "")
    assert not rows.filter(record__icontains="c2VjcmV0").exists()
    until(lambda: asking.client().last_seen_at is not None, "the client was seen")
    assert asking.client().certificate_thumbprint == asking.device.thumbprint
    point = DecisionPoint.objects.get(namespace=asking.namespace)
    assert point.confirmed_at is not None
    assert point.confirmed_at >= began
    names = RefusedName.objects.filter(namespace=asking.namespace, code="certificate-readable")
    assert [row.name for row in names] == ["stranger?"]
