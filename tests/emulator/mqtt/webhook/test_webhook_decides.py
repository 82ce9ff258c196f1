"""CONNECTs that a webhook decides: real clients with certificates, and a real webhook over TLS."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from certificates.decisions.tokens import ExpectedCaller, bearer_token, check_token
from certificates.x509.reading import to_pem
from emulator.arm.faults.webhook_orders import CERTIFICATE_FIRST, WEBHOOK_ONLY
from emulator.authority import Authority
from emulator.fault_rules import WebhookPlan
from emulator.mqtt.webhook.answers import MAX_ANSWER_BYTES
from emulator.token_issuer import Identity
from tests.emulator.events.webhook_server import Answer, Seen
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.raw_client import connected, wire
from tests.emulator.mqtt.webhook.conftest import AUDIENCE, Asked, allow, deny
from tests.support.waiting import until

NOT_AUTHORIZED, UNAVAILABLE = 0x87, 0x88
REASON_STRING = 0x1F


def connack(asked: Asked, session: str, name: str | None = "press-07", **options: Any) -> w.Received:
    """Connect, and return the CONNACK."""
    with wire(asked.plant, name) as opened:
        opened.send(w.connect(session, name, **options))
        return opened.expect(w.CONNACK)


def test_one_question_has_all_that_the_client_sent_and_a_good_token(asked: Asked) -> None:
    with connected(asked.plant, "whole"):
        pass
    (seen,) = asked.posts_of("whole")
    sample = asked.plant.sample("press-07")
    assert seen.json == {
        "clientId": "whole",
        "userName": "press-07",
        "clientCertificate": to_pem(sample.certificate_der),
        **(
            {"clientCertificateChain": seen.json["clientCertificateChain"]}
            if "clientCertificateChain" in seen.json
            else {}
        ),
    }
    expected = ExpectedCaller(
        tenant=asked.plant.credentials.tenant,
        audience=AUDIENCE,
        principals=frozenset({Identity.of_resource(asked.plant.namespace_id).principal}),
        v1_issuer=f"{asked.plant.tokens.base}/{{tenant}}/",
    )
    keys = {each["kid"]: jwt.PyJWK(each, algorithm="RS256").key for each in asked.plant.tokens.published()}
    check_token(bearer_token(seen.headers["authorization"]), keys=keys, expected=expected, at=datetime.now(UTC))
    record = asked.record_of("whole")
    assert record["webhook"]["requestId"] == seen.headers["x-ms-client-request-id"] == record["properties"]["traceId"]
    assert (record["webhook"]["outcome"], record["resultType"], record["decision"]) == ("allow", "Succeeded", None)
    assert record["identity"]["authenticationType"] == "CustomWebhook"
    assert record["presentedChain"][0] == to_pem(sample.certificate_der)


def test_no_client_resource_and_no_certificate_are_needed(asked: Asked) -> None:
    asked.say("nobody-1", allow("Nobody-1"))
    assert connack(asked, "nobody-1", None).reason == 0
    (seen,) = asked.posts_of("nobody-1")
    assert seen.json == {"clientId": "nobody-1"}
    record = asked.record_of("nobody-1")
    assert (record["clientName"], record["webhook"]["authenticationName"]) == ("", "Nobody-1")
    asked.say("robot", allow("ROBOT-1"))
    assert connack(asked, "robot").reason == 0
    assert asked.record_of("robot")["clientName"] == "robot-1"


BIG = json.dumps({"decision": "allow", "clientAuthenticationName": "a", "pad": "x" * MAX_ANSWER_BYTES}).encode()
REFUSED: list[tuple[str, Answer, int, str]] = [
    ("deny-200", deny("The certificate is revoked."), NOT_AUTHORIZED, "webhook-denied"),
    ("deny-400", (400, {}, deny("The certificate is revoked.")[2]), NOT_AUTHORIZED, "webhook-denied"),
    ("status-401", (401, {}, b""), NOT_AUTHORIZED, "webhook-unauthorized"),
    ("status-403", (403, {}, b""), NOT_AUTHORIZED, "webhook-unauthorized"),
    ("past", allow("press-07", expiration=1_000_000_000), NOT_AUTHORIZED, "webhook-expired"),
    ("status-500", (500, {}, b"oh"), UNAVAILABLE, "webhook-status"),
    ("status-503", (503, {"Retry-After": "1"}, b""), UNAVAILABLE, "webhook-status"),
    ("no-json", (200, {}, b"<html>"), UNAVAILABLE, "webhook-answer"),
    ("wrong-type", allow("press-07", attributes={"a": 1.5}), UNAVAILABLE, "webhook-answer"),
    ("compressed", (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08"), UNAVAILABLE, "webhook-answer"),
    ("huge", (200, {}, BIG), UNAVAILABLE, "webhook-answer"),
]


@pytest.mark.parametrize(("session", "answer", "reason", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refusal_has_its_reason_code(asked: Asked, session: str, answer: Answer, reason: int, code: str) -> None:
    asked.say(session, answer)
    refused = connack(asked, session)
    assert refused.reason == reason
    record = asked.record_of(session)
    assert (record["code"], record["resultType"], record["webhook"]["status"]) == (code, "Failed", answer[0])
    assert refused.properties[REASON_STRING] == record["resultDescription"]
    if code == "webhook-denied":
        assert refused.properties[REASON_STRING] == "The certificate is revoked."
    old = connack(asked, session, version=4)
    assert old.body[1] == (5 if reason == NOT_AUTHORIZED else 3)
    assert len(asked.posts_of(session)) == 2


def test_a_redirect_is_never_followed(asked: Asked) -> None:
    elsewhere = asked.server.hook("/elsewhere")
    asked.say("redirected", (307, {"Location": elsewhere.url}, b""))
    assert connack(asked, "redirected").reason == UNAVAILABLE
    assert not elsewhere.seen


@pytest.mark.parametrize(
    ("url", "tenant", "code"),
    [
        ("https://localhost:2/decide/key", "", "webhook-host"),
        ("https://example.com/decide/key", "", "webhook-host"),
        ("https://169.254.169.254/decide/key", "", "webhook-host"),
        ("https://localhost:1/decide/key", "", "webhook-unreachable"),
        ("", "00000000-0000-0000-0000-000000000009", "webhook-token"),
    ],
)
def test_where_nothing_may_or_can_be_asked(asked: Asked, url: str, tenant: str, code: str) -> None:
    session = f"nowhere-{url[8:30]}-{tenant[-1:]}"
    asked.point(url, tenant)
    try:
        refused = connack(asked, session)
    finally:
        asked.point()
    record = asked.record_of(session)
    assert (refused.reason, record["code"]) == (UNAVAILABLE, code)
    assert "key" not in record["resultDescription"]
    assert not asked.posts_of(session)


def test_a_certificate_that_is_not_trusted_is_not_asked(asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Authority(tmp_path_factory.mktemp("other"))
    assert asked.server.context is not None
    asked.server.context.load_cert_chain(other.certificate_path, other.key_path)
    try:
        with asked.plan(WebhookPlan()):
            asked.plant.run(_close_pool(asked))
            assert connack(asked, "untrusted").reason == UNAVAILABLE
    finally:
        own = Authority(asked.plant.folder)
        asked.server.context.load_cert_chain(own.certificate_path, own.key_path)
    assert asked.record_of("untrusted")["code"] == "webhook-unreachable"
    assert connack(asked, "trusted").reason == 0


async def _close_pool(asked: Asked) -> None:
    """Let the next question open a new connection."""
    asked.plant.webhooks.stop()
    asked.plant.webhooks._is_stopped = False


def test_a_slow_webhook_holds_up_nobody_else(asked: Asked) -> None:
    asked.hold("slow")
    with wire(asked.plant) as waits:
        waits.send(w.connect("slow", "press-07"), w.subscribe("a/b"), w.PINGREQ)
        until(lambda: bool(asked.posts_of("slow")), "the webhook is asked")
        waits.send(w.publish("a/b", b"early", qos=1))
        with connected(asked.plant, "quick") as quick:
            assert quick.silent()
        asked.released.set()
        assert waits.expect(w.CONNACK).reason == 0
        kinds = [waits.expect(kind).kind for kind in (w.SUBACK, w.PINGRESP)]
        assert kinds == [w.SUBACK, w.PINGRESP]
        assert {waits.receive().kind for _ in range(2)} == {w.PUBLISH, w.PUBACK}  # type: ignore[union-attr]
    asked.released.clear()


def test_a_client_that_leaves_or_floods_meanwhile_is_recorded(asked: Asked) -> None:
    for session, code in (("leaves", "closed-before-decision"), ("floods", "too-much-before-connack")):
        asked.hold(session)
        with wire(asked.plant) as opened:
            opened.send(w.connect(session, "press-07"))
            until(lambda session=session: bool(asked.posts_of(session)), "the webhook is asked")  # type: ignore[misc]
            if session == "floods":
                opened.send(w.publish("a", b"x" * 120_000), w.publish("a", b"x" * 120_000))
                opened.expect(w.CONNACK)
        until(lambda session=session: bool(asked.plant.namespace) and _is_recorded(asked, session), "it is recorded")  # type: ignore[misc]
        assert asked.record_of(session)["code"] == code
        if session == "leaves":
            assert asked.record_of(session)["webhook"] == {
                "requestId": asked.posts_of(session)[0].headers["x-ms-client-request-id"]
            }
    asked.released.set()
    assert connack(asked, "after").reason == 0  # the late answers meet nobody
    asked.released.clear()


def _is_recorded(asked: Asked, session: str) -> bool:
    return any(record["properties"]["sessionName"] == session for record in asked.plant.log())


def test_faults_and_the_time_limit(asked: Asked) -> None:
    with asked.plan(WebhookPlan(is_down=True)):
        assert connack(asked, "down").reason == UNAVAILABLE
    with asked.plan(WebhookPlan(is_wrong=True)):
        assert connack(asked, "wrong").reason == UNAVAILABLE
    with asked.plan(WebhookPlan(delay=3600.0)), asked.options(seconds=0.05):
        began = time.monotonic()
        assert connack(asked, "late").reason == UNAVAILABLE
        assert time.monotonic() - began >= 0.05
    codes = [asked.record_of(session)["code"] for session in ("down", "wrong", "late")]
    assert codes == ["webhook-unreachable", "webhook-answer", "webhook-timeout"]
    assert not any(asked.posts_of(session) for session in ("down", "wrong", "late"))


def test_a_rejected_token_is_replaced(asked: Asked) -> None:
    asked.say("token-1", (401, {}, b""))
    connack(asked, "token-1")
    connack(asked, "token-2")
    tokens = [asked.posts_of(session)[0].headers["authorization"] for session in ("token-1", "token-2")]
    assert tokens[0] != tokens[1]


# What an answer gives


def test_attributes_make_groups_and_topics(asked: Asked) -> None:
    asked.plant.put_group("fitters", "attributes.role = 'fitter' and attributes.tags IN ['west']")
    asked.plant.put_space("own", "lines/${client.attributes.line}/${client.authenticationName}")
    asked.plant.bind("fitters", "own", "Subscriber")
    asked.plant.bind("fitters", "own", "Publisher")
    try:
        asked.say("fitter", allow("fitter-9", attributes={"role": "fitter", "tags": ["east", "west"], "line": 4}))
        with connected(asked.plant, "fitter") as fitter:
            fitter.send(w.subscribe("lines/4/fitter-9", "lines/5/fitter-9"))
            assert [code < 0x80 for code in fitter.expect(w.SUBACK).body[-2:]] == [True, False]
        asked.say("fitter", allow("fitter-9", attributes={"role": "guest", "line": 4}))
        with connected(asked.plant, "fitter") as guest:
            guest.send(w.subscribe("lines/4/fitter-9"))
            assert guest.expect(w.SUBACK).body[-1] >= 0x80
    finally:
        for kind, name in (
            ("permissionBindings", "fitters-own-Subscriber"),
            ("permissionBindings", "fitters-own-Publisher"),
            ("topicSpaces", "own"),
            ("clientGroups", "fitters"),
        ):
            asked.plant.delete(kind, name)
    tallies = asked.plant.namespace.broker.tallies
    until(lambda: tallies.find("fitter-9") is None, "the last session has ended")
    assert "fitter-9" not in asked.plant.namespace.authorization._identified


def test_expiration_ends_the_session(asked: Asked) -> None:
    end = int(time.time()) + 3600
    asked.say("until", allow("press-07", expiration=end))
    with connected(asked.plant, "until") as opened:
        assert opened.silent()
        (connection,) = asked.plant.namespace.connections()
        assert connection.valid_until == end
        connection.valid_until = 0.0  # as if the hour had passed; the sweep follows in two seconds
        opened.expect_end(NOT_AUTHORIZED)
    until(lambda: bool(ends_of(asked, "until")), "the end is recorded")
    (record,) = ends_of(asked, "until")
    assert (record["code"], record["resultSignature"]) == ("webhook-expired", "ClientAuthenticationError")


def ends_of(asked: Asked, session: str) -> list[dict[str, Any]]:
    log = asked.plant.log()
    return [
        record
        for record in log
        if record["properties"]["sessionName"] == session and record["category"] == "MqttDisconnections"
    ]


def test_a_client_that_is_disabled_stays_until_the_webhook_says_so(asked: Asked) -> None:
    asked.say("stays", allow("robot-2"))
    with connected(asked.plant, "stays") as opened:
        asked.plant.put_client("robot-2", state="Disabled")
        assert opened.silent()
        asked.plant.put_client("robot-2", state="Enabled")


# Who is asked first


def test_with_certificates_first_the_webhook_hears_of_the_others(asked: Asked) -> None:
    with asked.options(order=CERTIFICATE_FIRST):
        assert connack(asked, "registered").reason == 0
        asked.say("stranger", deny("Never seen."))
        assert connack(asked, "stranger", "disabled-1").reason == NOT_AUTHORIZED
    assert not asked.posts_of("registered")
    assert "webhook" not in asked.record_of("registered")
    assert len(asked.posts_of("stranger")) == 1


def test_the_order_of_a_namespace_is_switched_while_it_runs(asked: Asked) -> None:
    store, namespace_id = asked.plant.store, asked.plant.namespace_id
    asked.say("order-1", deny("Revoked."))
    asked.say("order-2", deny("Revoked."))
    store.set_webhook_order(namespace_id.upper(), CERTIFICATE_FIRST)
    try:
        assert connack(asked, "order-1").reason == 0
        assert not asked.posts_of("order-1")
        with asked.options(order=CERTIFICATE_FIRST):  # the namespace's own order counts
            store.set_webhook_order(namespace_id, WEBHOOK_ONLY)
            assert connack(asked, "order-2").reason == NOT_AUTHORIZED
    finally:
        store.set_webhook_order(namespace_id, "")
    assert len(asked.posts_of("order-2")) == 1


def test_a_method_goes_to_the_webhook_in_either_order(asked: Asked) -> None:
    properties = b"\x15" + w.text("CUSTOM-JWT") + b"\x16" + w.text(b"\x01\x02")
    with asked.options(order=CERTIFICATE_FIRST):
        assert connack(asked, "method", properties=properties).reason == 0
    (seen,) = asked.posts_of("method")
    assert (seen.json["authenticationMethod"], seen.json["authenticationData"]) == ("CUSTOM-JWT", "AQI=")


def test_without_a_webhook_certificates_decide_again(asked: Asked) -> None:
    asked.configure({})
    try:
        assert connack(asked, "plain", "disabled-1").reason == NOT_AUTHORIZED
        assert connack(asked, "plain-2").reason == 0
    finally:
        asked.point()
    assert not asked.posts_of("plain")
    assert not asked.posts_of("plain-2")


def test_in_2025_certificates_decide(plant_of_2025: LocalPlant) -> None:
    hook = {"identity": {"type": "SystemAssigned"}, "endpointUrl": "https://localhost:1/",
            "azureActiveDirectoryApplicationIdOrUri": AUDIENCE, "azureActiveDirectoryTenantId": "t"}  # fmt: skip
    plant_of_2025.configure(clientAuthentication={"webhookAuthentication": hook})
    with connected(plant_of_2025, "old") as opened:
        assert opened.silent()
    assert plant_of_2025.namespace.webhook is None


def test_a_closed_connection_is_replaced(asked: Asked) -> None:
    def close_first(seen: Seen) -> Answer:
        if len(asked.posts_of("closed")) == 1:
            raise ConnectionAbortedError
        return allow("closed")

    asked.answers["closed"] = close_first
    assert connack(asked, "closed").reason == 0
    first, second = asked.posts_of("closed")
    assert first.headers["x-ms-client-request-id"] == second.headers["x-ms-client-request-id"]

    def close_always(_: Seen) -> Answer:
        raise ConnectionAbortedError

    asked.answers["gone"] = close_always
    assert connack(asked, "gone").reason == UNAVAILABLE
    assert asked.record_of("gone")["code"] == "webhook-unreachable"
