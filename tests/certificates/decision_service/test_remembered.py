"""What is remembered counts as long as nothing that it depends on has ended or changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from certificates.authentication.rules.types import NamespaceRules, RevocationList
from certificates.authentication.types import Decision, NamespaceState
from certificates.decision_service.remembered import LONGEST, MOST_ACCEPTANCES, Acceptances, CheckedTokens, key_of
from certificates.decisions.requests import ConnectRequest
from certificates.decisions.tokens import LEEWAY, CheckedToken, ExpectedCaller
from tests.support.certificates.seeded_keys import rsa_key

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
DECISION = Decision(True, "accepted", "", "", ())
REQUEST = ConnectRequest("c1", "sensor-1", b"leaf", (b"chain",))
KEY = key_of(REQUEST)


def until(end: timedelta | None) -> NamespaceRules:
    moment = None if end is None else AT + end
    return NamespaceRules(lists=(RevocationList("CN=CA", "k", b"", 1, AT - timedelta(days=1), moment),))


@pytest.mark.parametrize(
    ("session", "rules", "holds"),
    [
        (None, NamespaceRules(), LONGEST),
        (timedelta(minutes=5), NamespaceRules(), timedelta(minutes=5)),
        (timedelta(days=5), NamespaceRules(), LONGEST),
        (None, until(timedelta(minutes=7)), timedelta(minutes=7)),  # afterwards the list is old
        (None, until(-timedelta(minutes=7)), LONGEST),
        (None, until(None), LONGEST),
    ],
)
def test_an_acceptance_holds_until_the_first_end(
    session: timedelta | None, rules: NamespaceRules, holds: timedelta
) -> None:
    kept = Acceptances()
    kept.keep(KEY, DECISION, b"", AT + session if session else None, NamespaceState(rules=rules), AT)
    assert kept.of(KEY, AT + holds - timedelta(seconds=1)) is not None
    assert kept.of(KEY, AT + holds) is None


def test_another_request_is_another_decision() -> None:
    others = (
        replace(REQUEST, user_name="Sensor-1"),
        replace(REQUEST, user_name=None),
        replace(REQUEST, presented=b"leafchain", chain=()),
        replace(REQUEST, presented=b"leaf", chain=(b"ch", b"ain")),
        replace(REQUEST, presented=None),
    )
    assert len({KEY, *map(key_of, others)}) == 6


def test_no_more_than_allowed_are_kept() -> None:
    kept = Acceptances()
    for number in range(MOST_ACCEPTANCES + 1):
        kept.keep((b"", str(number)), DECISION, b"", None, NamespaceState(), AT)
    assert kept.of((b"", "0"), AT) is None
    assert kept.of((b"", str(MOST_ACCEPTANCES)), AT) is not None


def test_a_checked_token_counts_for_its_keys_its_caller_and_its_time() -> None:
    public = rsa_key(2048, "sensor-1").public_key()
    keys, expected = {"k1": public}, ExpectedCaller("tenant", "api://a", frozenset({"p"}))
    checked = CheckedToken("p", "1.0", int(AT.timestamp()))
    kept = CheckedTokens()
    kept.keep("token", keys, expected, checked)
    assert kept.of("token", keys, replace(expected), AT + LEEWAY - timedelta(seconds=1)) == checked
    assert kept.of("token", keys, expected, AT + LEEWAY) is None
    assert kept.of("token", {"k1": public}, expected, AT) is None  # the keys were read again
    assert kept.of("token", keys, replace(expected, principals=frozenset()), AT) is None
    assert kept.of("tokens", keys, expected, AT) is None
