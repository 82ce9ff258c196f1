"""The table of certificates × users over real TLS: endpoint and engine agree, row by row, in both protocol versions."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certificates.authentication import Decision, authenticate
from tests.certificates.case_table import cases
from tests.certificates.cases import Case
from tests.emulator.mqtt import wire as w
from tests.emulator.mqtt.arranging import arrange, context_of, table_plant
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.wire import wire

__all__ = ["table_plant"]
CASES = cases(datetime.now(UTC))
PRESENTABLE = [case for case in CASES if case.presentable]
each_case = pytest.mark.parametrize("case", PRESENTABLE, ids=[case.id for case in PRESENTABLE])
each_other = pytest.mark.parametrize(
    "case", [c for c in CASES if not c.presentable], ids=[c.id for c in CASES if not c.presentable]
)


def engine(case: Case) -> Decision:
    return authenticate(
        presented=case.der,
        chain=[sent.der for sent in case.chain],
        user_name=case.user_name,
        state=case.state(),
        at=datetime.now(UTC),
    )


@each_case
@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5"])
def test_endpoint_and_engine_agree(table_plant: LocalPlant, case: Case, version: int, tmp_path: Path) -> None:
    arrange(table_plant, case)
    before = len(table_plant.log())
    with wire(table_plant, context=context_of(table_plant, case, tmp_path)) as opened:
        opened.send(w.connect("session", case.user_name, version=version))
        answer = opened.expect(w.CONNACK)
        record = table_plant.log()[before]
        if case.accepted:
            assert answer.reason == 0
            opened.send(w.disconnect(version=version))
            opened.expect_end(None)
        else:
            assert answer.reason == (0x87 if version == 5 else 5)
            assert opened.receive() is None
    decided, expected = Decision.from_dict(record["decision"]), engine(case)
    assert (decided.failing.code if decided.failing else "") == case.fails_at
    assert (decided.anchor, decided.client) == (expected.anchor, expected.client)
    assert decided.reason == expected.reason
    if not case.accepted and version == 5:
        said = answer.properties[0x1F]
        assert f"{expected.reason} {expected.fix}".startswith(said)
        assert len(said) > 20


@each_other
def test_what_a_client_can_hardly_present_is_refused_at_the_layer_that_ends_it(
    table_plant: LocalPlant, case: Case, tmp_path: Path
) -> None:
    """Its own TLS library refuses to load it, or the endpoint's TLS ends it, or the endpoint answers as the engine does."""
    arrange(table_plant, case)
    assert case.presented is not None
    if case.presented.key is None:
        return  # there is no key that it could prove to have
    try:
        context = context_of(table_plant, case, tmp_path)
    except ssl.SSLError:
        return  # the client's TLS library
    before = len(table_plant.log())
    with wire(table_plant, context=context) as opened:
        opened.send(w.connect("session", case.user_name))
        answer = opened.receive()
    record = table_plant.log()[before]
    if answer is None:
        assert record["resultSignature"] == "TlsError"
    else:
        assert answer.reason == 0x87
        assert Decision.from_dict(record["decision"]).reason == engine(case).reason


def test_the_whole_table_is_run() -> None:
    assert len(PRESENTABLE) >= 140
    assert {case.fails_at for case in PRESENTABLE} == {case.fails_at for case in CASES}
