"""Each row of the table: the engine gives the expected verdict at the expected step and explains the fault."""

from datetime import datetime

import pytest

from certificates.authentication.engine import STEP_TITLES, VALIDATION_SCHEMES, Decision, authenticate
from certificates.x509.certificate import DecodingError, load_certificate
from tests.certificates.authentication.engine_table.case_table import cases
from tests.certificates.authentication.engine_table.cases import READABLE, Case
from tests.support.certificates.chains import AT

CASES = cases(AT)
each_case = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def decide(case: Case, *, at: datetime = AT) -> Decision:
    return authenticate(
        presented=case.der,
        chain=[sent.der for sent in case.chain],
        user_name=case.user_name,
        state=case.state(),
        at=at,
    )


@each_case
def test_the_verdict_and_the_failing_step_are_those_written_down(case: Case) -> None:
    decision = decide(case)
    assert (decision.failing.code if decision.failing else "") == case.fails_at, decision.reason
    assert decision.accepted is case.accepted
    if case.accepted:
        assert (decision.anchor, decision.code) == (case.anchor, "accepted")
        assert decision.client is not None
        assert decision.client.name == case.client
        assert decision.authentication_name_source == case.source


@pytest.mark.parametrize("years", [1, 10])
def test_the_table_holds_at_any_moment(years: int) -> None:
    """So that the table can run against a real endpoint, which uses the current time."""
    at = AT.replace(year=AT.year + years, microsecond=123_456)
    found = [(case.id, decide(case, at=at).code) for case in cases(at)]
    assert found == [(case.id, case.fails_at or "accepted") for case in CASES]


@pytest.mark.parametrize("case", [case for case in CASES if not case.accepted], ids=lambda case: case.id)
def test_the_trace_names_the_fault_with_what_was_found(case: Case) -> None:
    failing = decide(case).failing
    assert failing is not None
    said = " · ".join([failing.sentence, *(f"{name}: {value}" for name, value in failing.values)])
    for part in case.shows:
        assert part in said
    assert case.shows or case.fails_at == READABLE, "A row that is refused says what its trace must show."
    for part in case.fix:
        assert part in failing.fix
    assert failing.fix
    assert failing.sentence.endswith(".")


@pytest.mark.parametrize("case", [case for case in CASES if case.fails_at == READABLE and case.der], ids=lambda c: c.id)
def test_an_unreadable_certificate_is_explained_as_by_the_reader(case: Case) -> None:
    failing = decide(case).failing
    assert failing is not None
    if failing.values:  # readable, but its key is too large
        assert dict(failing.values)["key"] in failing.sentence
    else:
        with pytest.raises(DecodingError) as refusal:
            load_certificate(case.der or b"")
        assert failing.sentence == refusal.value.sentence


@each_case
def test_the_trace_is_in_order_and_ends_at_the_failing_step(case: Case) -> None:
    decision = decide(case)
    assert [step.code for step in decision.steps] == list(STEP_TITLES)
    outcomes = [step.outcome for step in decision.steps]
    if case.accepted:
        assert set(outcomes) <= {"passed", "not needed"}
    else:
        at = outcomes.index("failed")
        assert set(outcomes[:at]) <= {"passed", "not needed"}
        assert set(outcomes[at + 1 :]) <= {"not reached"}


@each_case
def test_a_step_that_failed_does_not_claim_what_it_looked_for(case: Case) -> None:
    decision = decide(case)
    for step in decision.steps:
        assert (step.title == STEP_TITLES[step.code]) is (step.outcome != "failed")
    assert [said["title"] for said in decision.as_dict()["steps"]] == [step.title for step in decision.steps]
    if decision.failing is not None:
        assert "not" in decision.failing.title.lower() or decision.failing.title.startswith("No ")


@each_case
def test_a_decision_survives_the_connection_log(case: Case) -> None:
    decision = decide(case)
    assert Decision.from_dict(decision.as_dict()) == decision


def test_the_table_covers_every_scheme_and_every_step() -> None:
    assert len(CASES) >= 60
    assert len({case.id for case in CASES}) == len(CASES)
    accepted = {client.validation_scheme for case in CASES if case.accepted for client in case.clients}
    refused = {client.validation_scheme for case in CASES if not case.accepted for client in case.clients}
    every = {scheme.value for scheme in VALIDATION_SCHEMES}
    assert (accepted, refused) == (every, every)
    assert {case.fails_at for case in CASES if not case.accepted} == set(STEP_TITLES)
