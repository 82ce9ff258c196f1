"""The table of certificates × users over real TLS: endpoint and engine agree, row by row, in both protocol versions."""

import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certificates.authentication.engine import Decision, authenticate
from tests.certificates.authentication.engine_table.case_table import cases
from tests.certificates.authentication.engine_table.cases import (
    CONNACK,
    PRESENTS_NONE,
    TLS_OF_CLIENT,
    TLS_OF_ENDPOINT,
    Case,
)
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.arranging import arrange, context_of, table_plant
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.raw_client import wire
from tests.support.waiting import until

__all__ = ["table_plant"]
CASES = cases(datetime.now(UTC))
PRESENTABLE = [case for case in CASES if case.presentable]
each_case = pytest.mark.parametrize("case", PRESENTABLE, ids=[case.id for case in PRESENTABLE])
LAYERED = [case for case in CASES if case.layer]
each_layered = pytest.mark.parametrize("case", LAYERED, ids=[case.id for case in LAYERED])


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
            opened.leave(version=version)
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


@each_layered
def test_usual_security_level_ends_at_the_layer_of_the_row(table_plant: LocalPlant, case: Case, tmp_path: Path) -> None:
    arrange(table_plant, case)
    before = len(table_plant.log())
    try:
        context = context_of(table_plant, case, tmp_path, usual_level=True)
    except ssl.SSLError:
        assert case.layer == TLS_OF_CLIENT
        assert table_plant.log()[before:] == []
        return
    assert case.layer in (PRESENTS_NONE, CONNACK)
    with wire(table_plant, context=context) as opened:
        opened.send(w.connect("session", case.user_name))
        assert opened.expect(w.CONNACK).reason == 0x87
    record = table_plant.log()[before]
    assert record["resultSignature"] == "AuthenticationError"
    decision = Decision.from_dict(record["decision"])
    if case.layer == CONNACK:
        assert decision.reason == engine(case).reason
    else:
        assert (decision.code, record["presentedChain"]) == ("certificate-readable", [])


def only_tls_1_1(context: ssl.SSLContext) -> None:
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1


def only_chacha20(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-CHACHA20-POLY1305")


def trusting_nobody(context: ssl.SSLContext) -> None:
    """As a client without the endpoint's CA file."""


@pytest.mark.parametrize(
    ("change", "layer", "code"),
    [
        (only_tls_1_1, TLS_OF_ENDPOINT, "tls-old-version"),
        (only_chacha20, TLS_OF_ENDPOINT, "tls-no-shared-cipher"),
        (trusting_nobody, TLS_OF_CLIENT, "tls-endpoint-not-trusted"),
    ],
)
def test_failed_handshakes_are_logged_with_their_code(
    table_plant: LocalPlant, change: Callable[[ssl.SSLContext], None], layer: str, code: str
) -> None:
    context = ssl.create_default_context() if change is trusting_nobody else w.client_context(table_plant, None)
    change(context)
    before = len(table_plant.log())
    # The side that refuses raises its own error; the other receives an alert.
    with pytest.raises(ssl.SSLError, match="ALERT" if layer == TLS_OF_ENDPOINT else "CERTIFICATE_VERIFY_FAILED"):
        w.open_wire(table_plant, None, context)
    until(lambda: len(table_plant.log()) > before, "the attempt is logged")
    record = table_plant.log()[before]
    assert (record["resultType"], record["resultSignature"]) == ("Failed", "TlsError")
    assert record["code"] == code
    assert not record.get("decision")


def test_the_whole_table_is_run() -> None:
    assert len(PRESENTABLE) >= 140
    assert {case.id for case in LAYERED} == {case.id for case in CASES if case.weak or not case.presentable}
    assert {case.fails_at for case in PRESENTABLE} == {case.fails_at for case in CASES}
