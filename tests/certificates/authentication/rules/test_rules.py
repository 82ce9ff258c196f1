"""The rules that Azure cannot express: each with what passes, what is refused and where the trace says why."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from certificates.authentication.engine import Decision
from certificates.authentication.rules.differences import difference, without_rules
from certificates.authentication.rules.types import NamespaceRules, Policy
from certificates.authentication.types import (
    FAILED_TITLES,
    NOT_NEEDED,
    NOT_REACHED,
    PASSED,
    RULE_TITLES,
    STEP_TITLES,
    TITLES,
)
from namespaces.connections.refusal_reasons import SHORT
from tests.certificates.authentication.engine_table.rule_cases import (
    BY_THUMBPRINT,
    LINE,
    PINNED,
    POLICY,
    REVOKED,
    ROWS,
    SENSOR,
    STRANGER,
    SUB,
    VOUCHES,
    Row,
    a_list,
    bound,
    decide,
    pinned,
    revoked,
)
from tests.support.certificates.der import children, element, sequence


@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_a_rule(row: Row) -> None:
    decision, state = row.decide(), row.state()
    failing = decision.failing
    assert (failing.code if failing else "") == row.fails_at
    assert decision.accepted is not bool(row.fails_at)
    mine = [step for step in decision.steps if step.code in RULE_TITLES]
    assert len(mine) == 1
    text = " ".join((mine[0].sentence, *(value for _, value in mine[0].values)))
    assert all(shown in text for shown in row.shows), text
    if failing is not None and failing.code in RULE_TITLES:
        assert failing.fix
        assert failing.values
        assert failing.title == FAILED_TITLES[failing.code]
    # What Azure alone decides can be read from the same trace.
    azure = decide(row, state.without_rules)
    assert without_rules(decision) == azure
    assert difference(decision, azure) == (row.fails_at if row.fails_at in RULE_TITLES else "")
    assert Decision.from_dict(decision.as_dict()).steps == decision.steps


def test_without_rules_the_trace_is_azures() -> None:
    row = Row("none", NamespaceRules())
    assert [step.code for step in row.decide().steps] == list(STEP_TITLES)
    assert row.state().without_rules.rules == NamespaceRules()


ALL_RULES = NamespaceRules(
    revocations=revoked(STRANGER).revocations,
    lists=(a_list(LINE),),
    bindings=bound(LINE, teams=("Line A",)).bindings,
    policy=Policy(max_age_days=400),
    pins=pinned(LINE).pins,
)


def test_every_kind_of_rule_has_its_step_in_its_order() -> None:
    decision = Row("all", ALL_RULES).decide()
    assert decision.accepted
    assert [step.code for step in decision.steps] == [*STEP_TITLES, *RULE_TITLES]
    assert {step.outcome for step in decision.steps} == {PASSED}
    assert [step.title for step in decision.steps] == list(TITLES.values())


def test_rules_are_not_reached_where_azure_refuses() -> None:
    decision = Row("all", ALL_RULES, uploaded=()).decide()
    assert decision.code == "issuer-found"
    assert [step.outcome for step in decision.steps if step.code in RULE_TITLES] == [NOT_REACHED] * 4


def test_with_thumbprint_match_no_ca_vouches() -> None:
    decision = Row("all", ALL_RULES, client=BY_THUMBPRINT).decide()
    assert decision.accepted
    outcomes = {step.code: step.outcome for step in decision.steps if step.code in RULE_TITLES}
    assert outcomes == {REVOKED: PASSED, VOUCHES: NOT_NEEDED, POLICY: PASSED, PINNED: PASSED}


def test_a_client_without_a_pin_needs_none() -> None:
    step = Row("pins", pinned(SUB, name="press-2")).decide().steps[-1]
    assert (step.code, step.outcome) == (PINNED, NOT_NEEDED)


def test_a_state_without_rules_shares_what_was_read() -> None:
    state = Row("all", ALL_RULES).state()
    assert state.without_rules.anchors is state.anchors
    assert state.without_rules.client_index is state.client_index
    assert state.without_rules.without_rules is state.without_rules


def test_every_step_of_a_rule_has_its_words() -> None:
    assert set(RULE_TITLES) <= set(FAILED_TITLES) & set(SHORT)
    assert set(TITLES) == set(FAILED_TITLES)


P_256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_a_certificate_with_its_other_signature_is_revoked_too() -> None:
    """An ECDSA signature (r, s) is as good as (r, -s): the thumbprint then differs, the serial number does not."""
    signed, algorithm, _ = children(SENSOR.der)
    r, s = decode_dss_signature(SENSOR.certificate.signature)
    other = encode_dss_signature(r, P_256_ORDER - s)
    twin = replace(SENSOR, der=sequence(signed, algorithm, element(0x03, b"\x00" + other)))
    assert twin.thumbprint != SENSOR.thumbprint
    assert Row("twin", NamespaceRules(), presented=twin).decide().accepted
    assert Row("twin", revoked(SENSOR), presented=twin).decide().code == REVOKED
