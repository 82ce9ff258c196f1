"""Whole CONNECTs of the emulator whose webhook decides, beside the same emulator where certificates decide.

Two namespaces of one emulator, alternating in short rounds; the median of the rounds' ratios counts. The webhook allows everything and
is a process of its own, as is the load, so this is what asking costs: the thread, the token, the body, HTTP over pooled TLS, the answer.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.bench_mqtt import CLIENT, CONNECT_ROUNDS, Broker, Chain, Counted, connections, in_turns
from benchmarks.mqtt.load import Where
from benchmarks.report import Measurement, report
from certificates.x509.reading import to_azure_pem
from emulator.authority import Authority
from tests.support.azure.emulator_process import ROOT, EmulatorProcess
from tests.support.waiting import until

GOAL = 0.5


@contextmanager
def allowing_webhook(folder: Path) -> Iterator[int]:
    """Run the webhook and return its port. It ends with its standard input."""
    files = Authority(folder)
    command = [sys.executable, "-m", "benchmarks.decision.allowing_webhook"]
    command += [str(files.certificate_path), str(files.key_path), CLIENT]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate(timeout=10)


def make_namespace(process: EmulatorProcess, chain: Chain, files: tuple[str, str], *, port: int) -> Broker:
    """Make a namespace; with a `port`, the webhook at it decides."""
    namespace_id = process.make_namespace("asking" if port else "deciding")
    settings = {"state": "Enabled", "maximumClientSessionsPerAuthenticationName": 100}
    hook = {
        "identity": {"type": "SystemAssigned"},
        "endpointUrl": f"https://localhost:{port}/decide",
        "azureActiveDirectoryApplicationIdOrUri": "api://decisions",
        "azureActiveDirectoryTenantId": process.tenant,
    }
    settings |= {"clientAuthentication": {"webhookAuthentication": hook}} if port else {}
    body = {"identity": {"type": "SystemAssigned"}, "properties": {"topicSpacesConfiguration": settings}}
    process.call("PATCH", namespace_id, body, api_version="2025-07-15-preview")
    uploaded = {"properties": {"encodedCertificate": to_azure_pem(chain.intermediate.der)}}
    process.call("PUT", f"{namespace_id}/caCertificates/ca-1", uploaded)
    process.call("PUT", f"{namespace_id}/clients/{CLIENT}", {"properties": {}})
    until(lambda: namespace_id in process.mqtt_endpoints, "the namespace listens")
    endpoint = process.mqtt_endpoints[namespace_id]
    where = Where("localhost", endpoint["port"], endpoint["ca"], *files)
    return Broker("with webhook" if port else "without", process.process.pid, where, where)


@contextmanager
def both(folder: Path) -> Iterator[tuple[Broker, Broker]]:
    """One emulator: a namespace that asks the webhook, and one where certificates decide."""
    chain = Chain.of("P-256")
    files = chain.write(folder, "ec")
    with allowing_webhook(folder) as port:
        trusted = str(folder / "emulator-ca.pem")
        options = ("--in-memory", "--webhook-hosts", f"localhost:{port}", "--webhook-ca", trusted)
        process = EmulatorProcess(folder / "emulator", *options)
        try:
            yield make_namespace(process, chain, files, port=port), make_namespace(process, chain, files, port=0)
        finally:
            process.stop()


def measured(counted: list[list[Counted]]) -> Iterator[Measurement]:
    rates = [[each.per_second for each in of_one] for of_one in counted]
    ratio = statistics.median(asking / deciding for asking, deciding in zip(*rates, strict=True))
    asking, deciding = map(statistics.median, rates)
    name = "whole CONNECT, decided by a webhook, beside certificates"
    yield Measurement(name, asking, "/s", GOAL, peer=deciding, more_is_better=True, median_ratio=ratio)
    work = [statistics.median(each.milliseconds for each in of_one) for of_one in counted]
    yield Measurement("processor time of the emulator for it", work[0], " ms", None, peer=work[1])


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="bench-webhook-") as name, both(Path(name)) as namespaces:
        counted = in_turns(namespaces, partial(connections, "EC"), CONNECT_ROUNDS)
    passed = [report(each) for each in measured(counted)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
