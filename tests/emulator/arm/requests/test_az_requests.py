"""Recorded requests of az 2.91.0, replayed.

az_requests.json lists each command with its requests and the status that az accepted. Bodies that az made from an answer
hold what the emulator answers now.
"""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_azure_pem
from tests.support.azure.emulator_process import EmulatorProcess

RECORDED = Path(__file__).with_name("az_requests.json").read_text()
CHAIN = make_sample_chain([ClientName("client1-authn-ID")], at=datetime(2026, 6, 1, 12, tzinfo=UTC))


def commands(emulator: EmulatorProcess, group: str, namespace: str) -> list[dict[str, Any]]:
    text = RECORDED.replace("{subscription}", emulator.subscription).replace("{tenant}", emulator.tenant)
    text = text.replace("rg-demo", group).replace("ns-az", namespace)
    found: list[dict[str, Any]] = json.loads(
        text.replace("{certificate}", to_azure_pem(CHAIN.intermediate.certificate_der))
    )
    return found


def test_every_recorded_request_of_az_gets_its_recorded_status(emulator: EmulatorProcess) -> None:
    group, namespace = f"rg-{uuid.uuid4().hex[:8]}", f"ns-{uuid.uuid4().hex[:12]}"
    answers: dict[str, dict[str, Any]] = {}
    for command in commands(emulator, group, namespace):
        for request in command["requests"]:
            status, _, answer = emulator.request(
                request["method"], request["path"], request.get("body"), api_version=None
            )
            assert status == request["status"], (command["command"], request, answer)
        answers[command["command"].partition(" --")[0] + " " + request["path"].partition("?")[0].split("/")[-1]] = (
            answer
        )
    assert answers["az resource update client1"]["properties"]["state"] == "Disabled"
    assert answers["az resource tag " + namespace]["tags"] == {"team": "a"}
    patched = answers["az resource patch " + namespace]["properties"]["topicSpacesConfiguration"]
    assert patched["clientAuthentication"] == {"alternativeAuthenticationNameSources": ["ClientCertificateSubject"]}
    assert patched["maximumSessionExpiryInHours"] == 4, "an update keeps the other properties"


def test_the_commands_of_the_guide_wrap_properties_twice(emulator: EmulatorProcess) -> None:
    sent = [
        request["body"]
        for command in commands(emulator, "rg", "ns")
        if "caCertificates --id" in command["command"] or "clients --id" in command["command"]
        for request in command["requests"]
        if request["method"] == "PUT"
    ]
    assert len(sent) == 2
    for body in sent:
        assert "properties" in body["properties"]
        assert body["location"]
