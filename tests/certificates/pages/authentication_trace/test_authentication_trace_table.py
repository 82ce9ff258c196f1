"""The page's verdict on the table of certificates × users, which also tests the endpoint."""

import pytest

from certificates.authentication.engine import authenticate
from certificates.pages.authentication_trace import run_authentication_test
from certificates.pages.presented_chain import PresentedChain
from tests.certificates.authentication.engine_table.arranging import arranged
from tests.certificates.authentication.engine_table.case_table import cases
from tests.certificates.authentication.engine_table.cases import Case
from tests.support.certificates.chains import AT

CASES = cases(AT)


@pytest.mark.django_db
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_the_page_decides_as_the_engine_and_as_the_table_says(case: Case) -> None:
    ders = (case.der, *(sent.der for sent in case.chain)) if case.der is not None else ()
    at = case.at or AT
    result = run_authentication_test(
        arranged(case), PresentedChain(ders), user_name=case.user_name, at=at, protocol="5", now=AT, may_change=True
    )
    failing = result.decision.failing
    assert (failing.code if failing else "") == case.fails_at
    expected = authenticate(
        presented=case.der,
        chain=[sent.der for sent in case.chain],
        user_name=case.user_name,
        state=case.state(),
        at=at,
    )
    assert result.decision.as_dict() == expected.as_dict()
    assert bool(result.connack) is not case.accepted
