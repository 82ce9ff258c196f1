"""What is asked: sound and broken envelopes, and what a device got wrong inside a sound one."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from certificates.authentication.engine import authenticate
from certificates.authentication.rules.types import NamespaceRules, Policy, TimeWindow
from certificates.authentication.types import ClientRecord, NamespaceState, TrustedCA
from certificates.decisions.answers import answer_of, session_end
from certificates.decisions.requests import ENVELOPE_FAULTS, MAX_BODY, EnvelopeError, read_request
from certificates.x509.certificate import load_certificate
from certificates.x509.reading import to_pem
from tests.certificates.authentication.engine_table import rule_cases
from tests.certificates.uploads import LINE, SENSOR
from tests.support.certificates.chains import AT as CASES_AT
from tests.support.certificates.chains import authority

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
LEAF_PEM, CA_PEM = to_pem(SENSOR.der), to_pem(LINE.der)
STATE = NamespaceState(
    (TrustedCA("line", LINE.der),),
    {"sensor-1": ClientRecord("sensor-1", "sensor-1", "SubjectMatchesAuthenticationName")},
)
SOUND = {"clientId": "c1", "userName": "sensor-1", "clientCertificate": LEAF_PEM, "clientCertificateChain": CA_PEM}


def body(**changes: Any) -> bytes:
    return json.dumps(SOUND | changes).encode()


def decide(text: bytes) -> Any:
    asked = read_request(text)
    at = load_certificate(SENSOR.der).not_before + timedelta(days=1)
    return (
        asked,
        authenticate(presented=asked.presented, chain=asked.chain, user_name=asked.user_name, state=STATE, at=at),
        at,
    )


def test_a_sound_request_is_what_the_engine_takes() -> None:
    asked, decision, at = decide(body())
    assert (asked.client_id, asked.user_name, asked.presented, asked.chain) == (
        "c1",
        "sensor-1",
        SENSOR.der,
        (LINE.der,),
    )
    assert decision.accepted, decision.reason
    end = session_end(decision, (SENSOR.der, LINE.der), STATE, at=at)
    answer = answer_of(
        decision, attributes={"line": 7, "on": True, "big": 2**31, "tags": ["a"], "odd": [1]}, expires_at=end
    )
    first = min(load_certificate(each).not_after for each in (SENSOR.der, LINE.der))
    assert answer == {
        "decision": "allow",
        "clientAuthenticationName": "sensor-1",
        "attributes": {"line": 7, "tags": ["a"]},
        "expiration": int(first.timestamp()),
    }
    longest = timedelta(hours=1)
    assert session_end(decision, (SENSOR.der,), STATE, at=at, longest=longest) == at + longest


def days(*numbers: int) -> tuple[TimeWindow, ...]:
    return (TimeWindow(frozenset(numbers), time(0), time(0), ZoneInfo("UTC")),)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(max_age_days=3), datetime(2026, 2, 2, 12, tzinfo=UTC)),
        (Policy(windows=days(4, 5)), datetime(2026, 2, 1, tzinfo=UTC)),
        (Policy(windows=days(*range(7))), load_certificate(SENSOR.der).not_after),
        (Policy(windows=days(5), max_age_days=9), datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_the_policy_ends_a_session(policy: Policy, expected: datetime) -> None:
    _, decision, at = decide(body())
    assert at == datetime(2026, 1, 31, 12, tzinfo=UTC)  # Saturday; the certificate is a day old
    state = replace(STATE, rules=NamespaceRules(policy=policy))
    assert session_end(decision, (SENSOR.der,), state, at=at) == expected


def test_a_list_that_must_not_be_stale_ends_a_session() -> None:
    below = authority("Other Root CA")
    lists = (*rule_cases.listed(rule_cases.LINE, days=3).lists, *rule_cases.listed(below, days=1).lists)

    def end(*, refuses: bool, **more: Any) -> datetime | None:
        rules = NamespaceRules(lists=lists, refuses_stale_lists=refuses)
        row = rule_cases.Row("", rules, **more)
        decision = row.decide()
        assert decision.accepted, decision.reason
        return session_end(decision, (row.presented.der,), row.state(), at=row.at)

    by_list = CASES_AT + timedelta(days=3)
    certificate = load_certificate(rule_cases.SENSOR.der).not_after
    assert certificate > by_list
    assert end(refuses=True) == by_list  # that of another CA does not count for its chain
    assert end(refuses=False) == certificate
    assert end(refuses=True, client=rule_cases.BY_THUMBPRINT) == by_list  # the list of its issuer counts all the same
    soon = replace(lists[0], next_update=None)
    row = rule_cases.Row("", NamespaceRules(lists=(soon,), refuses_stale_lists=True))
    assert session_end(row.decide(), (row.presented.der,), row.state(), at=row.at) == certificate


def test_a_refusal_has_the_sentence_and_the_step() -> None:
    _, decision, at = decide(body(userName="nobody"))
    answer = answer_of(decision, attributes={"line": 7}, expires_at=None)
    assert answer["decision"] == "deny"
    assert "client-found" in answer["errorReason"]
    assert set(answer) == {"decision", "errorReason"}
    assert session_end(decision, (SENSOR.der,), STATE, at=at) is None


def test_secrets_are_dropped_unread() -> None:
    asked = read_request(body(password="c2VjcmV0", authenticationData="c2VjcmV0", authenticationMethod="CUSTOM-JWT"))
    assert "c2VjcmV0" not in repr(asked)
    assert asked.method == "CUSTOM-JWT"
    odd = read_request(body(password={"not": "text"}, authenticationData=[1]))
    assert odd.presented == SENSOR.der


def test_a_private_key_beside_the_certificate_is_dropped() -> None:
    asked = read_request(body(clientCertificate=SENSOR.key_pem.decode() + LEAF_PEM))
    assert asked.presented == SENSOR.der
    only = read_request(body(clientCertificate=SENSOR.key_pem.decode(), clientCertificateChain=None))
    assert (only.presented, only.chain) == (b"", ())


DEVICE_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no certificate": ({"clientCertificate": None, "clientCertificateChain": None}, "certificate-readable"),
    "empty certificate": ({"clientCertificate": "", "clientCertificateChain": ""}, "certificate-readable"),
    "white space": ({"clientCertificate": " \n", "clientCertificateChain": None}, "certificate-readable"),
    "no PEM": ({"clientCertificate": "hello"}, "certificate-readable"),
    "PEM of nothing": (
        {"clientCertificate": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"},
        "certificate-readable",
    ),
    "cut in the middle": ({"clientCertificate": LEAF_PEM[: len(LEAF_PEM) // 2]}, "certificate-readable"),
    "not base64": (
        {"clientCertificate": "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"},
        "certificate-readable",
    ),
    "lone surrogate": ({"clientCertificate": "\ud800"}, "certificate-readable"),
    "no user name": ({"userName": None}, "authentication-name"),
    "empty user name": ({"userName": ""}, "authentication-name"),
    "long user name": ({"userName": "x" * 5000}, "client-found"),
    "NUL in the user name": ({"userName": "sensor-1\0"}, "client-found"),
    "another client's name": ({"userName": "sensor-2"}, "client-found"),
    "a CA as client": ({"clientCertificate": CA_PEM, "clientCertificateChain": None}, ""),
    "broken chain, not needed": ({"clientCertificateChain": "hello"}, "accepted"),
    "chain with a key in it": ({"clientCertificateChain": SENSOR.key_pem.decode() + CA_PEM}, "accepted"),
    "unknown field": ({"userProperties": [{"name": "a", "value": "b"}]}, "accepted"),
    "empty client id": ({"clientId": ""}, "accepted"),
    "long client id": ({"clientId": "c" * 60_000}, "accepted"),
}


@pytest.mark.parametrize("case", DEVICE_FAULTS)
def test_what_a_device_got_wrong_is_decided_by_the_engine(case: str) -> None:
    changes, code = DEVICE_FAULTS[case]
    _, decision, _ = decide(body(**changes))
    assert decision.code == code or not code
    assert decision.accepted == (code == "accepted")
    assert json.dumps(answer_of(decision, attributes={}, expires_at=None))


def mutated(changes: dict[str, Any]) -> Callable[[], bytes]:
    return lambda: body(**changes)


_WRONG: tuple[Any, ...] = (1, 1.5, True, [], ["x"], {}, {"a": "b"})
BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "body-not-json"),
    "white space": (lambda: b" \n", "body-not-json"),
    "text": (lambda: b"hello", "body-not-json"),
    "form": (lambda: b"clientId=c1&userName=x", "body-not-json"),
    "XML": (lambda: b"<clientId>c1</clientId>", "body-not-json"),
    "null": (lambda: b"null", "body-not-json"),
    "number": (lambda: b"1", "body-not-json"),
    "list": (lambda: b"[]", "body-not-json"),
    "string": (lambda: b'"clientId"', "body-not-json"),
    "cut": (lambda: body()[:-1], "body-not-json"),
    "more after it": (lambda: body() + b"{}", "body-not-json"),
    "comma at the end": (lambda: b'{"clientId":"c1",}', "body-not-json"),
    "comment": (lambda: b'{"clientId":"c1"/**/}', "body-not-json"),
    "single quotes": (lambda: b"{'clientId':'c1'}", "body-not-json"),
    "NaN": (lambda: b'{"clientId":"c1","n":NaN}', "body-not-json"),
    "Infinity": (lambda: b'{"clientId":"c1","n":-Infinity}', "body-not-json"),
    "not UTF-8": (lambda: b'{"clientId":"\xff"}', "body-not-json"),
    "UTF-16": (lambda: '{"clientId":"c1"}'.encode("utf-16"), "body-not-json"),
    "byte order mark": (lambda: b"\xef\xbb\xbf" + body(), "body-not-json"),
    "control character": (lambda: b'{"clientId":"c\n1"}', "body-not-json"),
    "two client ids": (lambda: b'{"clientId":"c1","clientId":"c2"}', "body-not-json"),
    "two certificates under one name": (
        lambda: b'{"clientId":"c1","clientCertificate":"a","clientCertificate":"b"}',
        "body-not-json",
    ),
    "a name twice inside": (lambda: b'{"clientId":"c1","x":{"a":1,"a":2}}', "body-not-json"),
    "deep list": (lambda: b'{"clientId":"c1","x":' + b"[" * 50 + b"]" * 50 + b"}", "body-not-json"),
    "very deep list": (lambda: b'{"clientId":"c1","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body-not-json"),
    "very deep object": (lambda: b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "body-not-json"),
    "long number": (lambda: b'{"clientId":"c1","n":' + b"9" * 5000 + b"}", "body-not-json"),
    "too large": (lambda: body(more="x" * MAX_BODY), "body-too-large"),
    "too large, of nothing": (lambda: b" " * (MAX_BODY + 1), "body-too-large"),
    "no client id": (lambda: b"{}", "client-id-missing"),
    "client id in another case": (lambda: b'{"ClientID":"c1"}', "client-id-missing"),
    "client id null": (mutated({"clientId": None}), "client-id-missing"),
    **{
        f"{name} is {wrong!r}": (mutated({name: wrong}), "field-type")
        for name in ("clientId", "userName", "authenticationMethod", "clientCertificate", "clientCertificateChain")
        for wrong in _WRONG
    },
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_envelope_is_an_error_of_its_own(case: str) -> None:
    make, code = BROKEN[case]
    with pytest.raises(EnvelopeError) as broken:
        read_request(make())
    assert broken.value.code == code
    assert broken.value.sentence == ENVELOPE_FAULTS[code]


def test_there_are_enough_broken_envelopes() -> None:
    assert len(BROKEN) >= 60
    assert {code for _, code in BROKEN.values()} == set(ENVELOPE_FAULTS)
