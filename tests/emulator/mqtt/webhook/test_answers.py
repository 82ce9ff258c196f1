"""What a webhook answers, as a table, and what it is asked."""

import base64
import json
from typing import Any

import pytest

from certificates.decisions.requests import read_request
from certificates.x509.reading import to_pem
from emulator.mqtt.webhook.answers import ALLOWED, DENIED, MAX_ATTRIBUTES, NO_REASON, UNAVAILABLE, read_answer
from emulator.mqtt.webhook.requests import request_body
from emulator.mqtt.wire.packets import MQTT_5, Connect, Property
from tests.support.certificates.chains import authority

ALLOW: dict[str, Any] = {"decision": "allow", "clientAuthenticationName": "press-07"}
DENY: dict[str, Any] = {"decision": "deny", "errorReason": "Revoked."}

# status, body, outcome, code
ANSWERS: list[tuple[int, Any, str, str]] = [
    (200, ALLOW, ALLOWED, ""),
    (200, ALLOW | {"attributes": None, "expiration": None}, ALLOWED, ""),
    (200, ALLOW | {"attributes": {"line": 4, "low": -(2**31), "site": "", "tags": ["a", ""], "none": []}}, ALLOWED, ""),
    (200, ALLOW | {"expiration": 1_900_000_000}, ALLOWED, ""),
    (200, ALLOW | {"unknown": {"deep": [1.5, None, True]}}, ALLOWED, ""),
    (200, DENY, DENIED, "webhook-denied"),
    (400, DENY, DENIED, "webhook-denied"),
    (200, {"decision": "deny"}, DENIED, "webhook-denied"),
    (200, {"decision": "deny", "errorReason": 7}, DENIED, "webhook-denied"),
    (401, DENY, DENIED, "webhook-unauthorized"),
    (403, b"", DENIED, "webhook-unauthorized"),
    (400, ALLOW, UNAVAILABLE, "webhook-answer"),
    (400, b"Bad request", UNAVAILABLE, "webhook-answer"),
    (200, b"", UNAVAILABLE, "webhook-answer"),
    (200, b"\xff{}", UNAVAILABLE, "webhook-answer"),
    (200, [ALLOW], UNAVAILABLE, "webhook-answer"),
    (200, b"[" * 60_000, UNAVAILABLE, "webhook-answer"),
    (200, b'{"decision": "deny", "decision": "allow", "clientAuthenticationName": "a"}', UNAVAILABLE, "webhook-answer"),
    (200, b'{"decision": "allow", "clientAuthenticationName": "\\ud800"}', UNAVAILABLE, "webhook-answer"),
    (200, {}, UNAVAILABLE, "webhook-answer"),
    (200, {"decision": "Allow", "clientAuthenticationName": "a"}, UNAVAILABLE, "webhook-answer"),
    (200, {"decision": True, "clientAuthenticationName": "a"}, UNAVAILABLE, "webhook-answer"),
    (200, {"decision": "allow"}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"clientAuthenticationName": " "}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"clientAuthenticationName": 7}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"clientAuthenticationName": "a\nb"}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"clientAuthenticationName": "a" * 129}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"attributes": []}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"attributes": {"a": 2**31}}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"attributes": {"a": True}}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"attributes": {"a": 1.0}}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"attributes": {"a": None}}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"attributes": {"a": [1]}}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"attributes": {"": "x"}}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"attributes": {f"a{n}": n for n in range(MAX_ATTRIBUTES + 1)}}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"expiration": 0}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"expiration": 1.9e9}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"expiration": "2030-01-01"}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"expiration": True}, UNAVAILABLE, "webhook-answer"),
    (200, ALLOW | {"expiration": 10**300}, UNAVAILABLE, "webhook-answer"),
    *((status, ALLOW, UNAVAILABLE, "webhook-status") for status in (201, 204, 301, 302, 307, 404, 408, 429, 500, 503)),
]


@pytest.mark.parametrize(("status", "body", "outcome", "code"), ANSWERS)
def test_answers(status: int, body: Any, outcome: str, code: str) -> None:
    answer = read_answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert (answer.outcome, answer.code, answer.status) == (outcome, code, status)
    assert answer.sentence.isprintable()
    assert answer.sentence
    if outcome == ALLOWED:
        assert answer.name == "press-07"
        assert answer.attributes == (body.get("attributes") or {})
        assert answer.expiration == body.get("expiration")


def test_a_reason_is_passed_on_in_one_line() -> None:
    said = read_answer(200, json.dumps({"decision": "deny", "errorReason": "Revoked\n\x00since May."}).encode())
    assert said.sentence == "Revoked  since May."
    assert read_answer(200, b'{"decision": "deny", "errorReason": " \\u0000"}').sentence == NO_REASON


def test_a_request_has_what_the_client_sent_and_nothing_else() -> None:
    root = authority("webhook root")
    leaf = root.issue("press-07").der
    properties = ((Property.AUTHENTICATION_METHOD, "own"), (Property.AUTHENTICATION_DATA, b"\xff\0"))
    everything = Connect(MQTT_5, "id-1", True, 0, "press-07", b"\x00secret", None, properties)
    found = json.loads(request_body(everything, (leaf, root.der)))
    assert found == {
        "clientId": "id-1",
        "userName": "press-07",
        "password": base64.b64encode(b"\x00secret").decode(),
        "authenticationMethod": "own",
        "authenticationData": "/wA=",
        "clientCertificate": to_pem(leaf),
        "clientCertificateChain": to_pem(root.der),
    }
    read = read_request(request_body(everything, (leaf, root.der)))
    assert (read.client_id, read.presented, read.chain, read.method) == ("id-1", leaf, (root.der,), "own")
    assert json.loads(request_body(Connect(MQTT_5, "", True, 0), ())) == {"clientId": ""}
