"""Each row that was shared: the engine comes to the verdict that the endpoint once gave."""

import pytest

from tests.certificates.authentication.engine_table.cases import Case
from tests.certificates.authentication.test_engine_table import decide
from tests.certificates.shared_cases import shared_cases

CASES = shared_cases()


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_shared_case_keeps_its_verdict(case: Case) -> None:
    assert case.at is not None
    decision = decide(case, at=case.at)
    assert (decision.failing.code if decision.failing else "") == case.fails_at, decision.reason
    assert decision.anchor == case.anchor
    if case.accepted:
        assert decision.client is not None
        assert decision.client.name == case.client


def test_there_are_shared_cases() -> None:
    assert CASES
