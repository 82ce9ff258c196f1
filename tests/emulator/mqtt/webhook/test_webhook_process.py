"""The emulator as a process: a webhook is configured in ARM, allowed on the command line, and disturbed by faults."""

import json
import ssl
from collections.abc import Iterator

import jwt
import pytest

from emulator.authority import Authority
from emulator.fault_rules import Fault
from emulator.options import parse_arguments
from tests.emulator.events.webhook_server import Answer, Hook, Seen, webhook_server
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant, make_plant
from tests.emulator.mqtt.raw_client import wire
from tests.support.azure.emulator_process import EmulatorProcess


def answer(seen: Seen) -> Answer:
    body = {"decision": "allow", "clientAuthenticationName": seen.json["clientId"]}
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plant, Hook]]:
    folder = tmp_path_factory.mktemp("asking")
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_path, authority.key_path)
    with webhook_server(context) as server:
        hook = server.hook("/decide/key")
        hook.on_post = answer
        allowed = ("--webhook-hosts", server.root.removeprefix("https://"), "--webhook-ca", str(authority.ca_path))
        emulator = EmulatorProcess(folder / "emulator", *allowed, "--webhook-seconds", "30")
        yield make_plant(emulator, folder), hook
        emulator.stop()


def reason_of(plant: Plant, session: str) -> int:
    with wire(plant) as opened:
        opened.send(w.connect(session, "press-07"))
        return opened.expect(w.CONNACK).reason


def test_from_arm_to_connack(asking: tuple[Plant, Hook]) -> None:
    plant, hook = asking
    emulator = plant.emulator
    emulator.call("PATCH", plant.namespace_id, {"identity": {"type": "SystemAssigned"}})
    assert reason_of(plant, "before") == 0
    settings = {
        "identity": {"type": "SystemAssigned"},
        "endpointUrl": hook.url,
        "azureActiveDirectoryApplicationIdOrUri": "api://decisions",
        "azureActiveDirectoryTenantId": emulator.tenant,
    }
    plant.configure(clientAuthentication={"webHookAuthentication": settings})
    assert reason_of(plant, "asked") == 0
    (seen,) = hook.seen
    keys = emulator.send("GET", f"/{emulator.tenant}/discovery/v2.0/keys")[2]["keys"]
    claims = jwt.decode(
        seen.headers["authorization"].removeprefix("Bearer "),
        jwt.PyJWK(keys[0], algorithm="RS256"),
        ["RS256"],
        audience="api://decisions",
        issuer=f"{emulator.url}/{emulator.tenant}/",
    )
    assert claims["oid"] == emulator.call("GET", plant.namespace_id)["identity"]["principalId"]
    slow, down = Fault(kind="webhook-slow", seconds=0.01, count=1), Fault(kind="webhook-down", path="*/namespaces/none")
    wrong = Fault(kind="webhook-wrong", path=plant.namespace_id, count=1)
    with emulator.control.fault(slow, down, wrong):
        assert reason_of(plant, "wrong") == 0x88
        assert [each.hits for each in emulator.control.faults()] == [0]
        assert reason_of(plant, "right") == 0
    assert "/decide/key" not in emulator.log()
    (record,) = plant.attempts_of("right")[:1]
    assert record["webhook"]["outcome"] == "allow"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--webhook-order", "both"),
        ("--webhook-seconds", "0"),
        ("--webhook-seconds", "61"),
        ("--webhook-hosts", "https://localhost"),
        ("--webhook-hosts", "localhost/path"),
        ("--webhook-hosts", "localhost:99999"),
    ],
)
def test_an_invalid_option_ends_the_start(arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments([*arguments, "--in-memory"])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
