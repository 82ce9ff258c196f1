"""The table of certificates × users through one more door: the emulator asks a webhook, in which the engine decides.

Real clients over mutual TLS, the emulator's request as it is sent, and the portal's own reading of it.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certificates.authentication.engine import authenticate
from certificates.decisions.answers import answer_of
from certificates.decisions.requests import read_request
from tests.certificates.case_table import cases
from tests.certificates.cases import Case
from tests.emulator.events.webhook_server import Answer, Seen
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.arranging import context_of
from tests.emulator.mqtt.raw_client import wire
from tests.emulator.mqtt.webhook.conftest import JSON, Asked

PRESENTABLE = [case for case in cases(datetime.now(UTC)) if case.presentable]


@pytest.mark.parametrize("case", PRESENTABLE, ids=[case.id for case in PRESENTABLE])
def test_the_webhook_decides_as_the_engine_does(asked: Asked, case: Case, tmp_path: Path) -> None:
    def decide(seen: Seen) -> Answer:
        request = read_request(seen.body)
        decision = authenticate(
            presented=request.presented,
            chain=request.chain,
            user_name=request.user_name,
            state=case.state(),
            at=datetime.now(UTC),
        )
        return 200, JSON, json.dumps(answer_of(decision, attributes={}, expires_at=None)).encode()

    session = f"case {PRESENTABLE.index(case)}"
    asked.answers[session] = decide
    with wire(asked.plant, context=context_of(asked.plant, case, tmp_path)) as opened:
        opened.send(w.connect(session, case.user_name))
        answer = opened.expect(w.CONNACK)
        if case.accepted:
            opened.leave()
    record = asked.record_of(session)
    assert (answer.reason, record["webhook"]["outcome"]) == ((0, "allow") if case.accepted else (0x87, "deny"))
    if not case.accepted:
        assert record["resultDescription"].endswith(f"({case.fails_at})")
