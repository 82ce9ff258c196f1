"""The SHA-1 sample: the client's TLS library rejects it until its security level is lowered as the sample's how-to shows."""

import re
import ssl
import subprocess
from datetime import UTC, datetime

import pytest

from certificates.samples.chain import ClientName, SampleCertificate, make_sample_chain
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.raw_client import client_context, wire
from tests.support.programs import require_program

CODE = "chain-verified"


@pytest.fixture
def sample(local_plant: LocalPlant) -> SampleCertificate:
    name = ClientName("press-1", fault="sha-1")
    chain = make_sample_chain([name], at=datetime.now(UTC))
    local_plant.upload("line-1", chain.intermediate.certificate_der)
    scheme = {"validationScheme": name.validation_scheme}
    local_plant.put_client("press-1", clientCertificateAuthentication=scheme)
    return chain.clients[0]


def publish(plant: LocalPlant, sample: SampleCertificate, *options: str) -> subprocess.CompletedProcess[str]:
    """Publish with the command of HOW-TO.txt."""
    certificate, key = plant.files(sample)
    command = [require_program("mosquitto_pub"), "-h", plant.endpoint["host"], "-p", str(plant.endpoint["port"])]
    command += ["--cafile", plant.endpoint["ca"], "--cert", certificate, "--key", key, "-u", "press-1"]
    command += ["-i", "session1", "-t", "sample", "-m", "hello", "-q", "1", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_mosquitto_does_not_load_it(local_plant: LocalPlant, sample: SampleCertificate) -> None:
    done = publish(local_plant, sample)
    assert done.returncode == 1
    assert "TLS error" in done.stdout + done.stderr
    assert {record["resultSignature"] for record in local_plant.log()} <= {"TlsError"}


def test_mosquitto_hears_the_verdict_with_the_option_of_the_how_to(
    local_plant: LocalPlant, sample: SampleCertificate
) -> None:
    told = re.search(r"mosquitto_pub (--ciphers \S+?),", sample.expected)
    assert told
    done = publish(local_plant, sample, *told[1].split())
    assert done.returncode == 5
    assert "not authorised" in done.stdout + done.stderr
    assert local_plant.log()[-1]["code"] == CODE
    assert "SHA-1" in local_plant.log()[-1]["resultDescription"]


def test_python_hears_the_verdict_with_the_call_of_the_how_to(
    local_plant: LocalPlant, sample: SampleCertificate
) -> None:
    context = client_context(local_plant, None)
    files = local_plant.files(sample)
    with pytest.raises(ssl.SSLError, match="CA_MD_TOO_WEAK"):
        context.load_cert_chain(*files)
    told = re.search(r"set_ciphers\('(.+?)'\)", sample.expected)
    assert told
    context.set_ciphers(told[1])
    context.load_cert_chain(*files)
    with wire(local_plant, context=context) as opened:
        opened.send(w.connect("session", "press-1"))
        answer = opened.expect(w.CONNACK)
    assert answer.reason == 0x87
    assert local_plant.logged("FailedMqttConnections")[-1]["code"] == CODE
    assert "SHA-1" in answer.properties[0x1F]
