"""The MQTT endpoint compared with mosquitto and its own TLS: the same load, certificates and cipher suites, alternating.

The server certificate is P-384 for clients with an EC certificate, and RSA 2048 for those with an RSA one, which accept no
other signature. mosquitto has one certificate for each port, and so two ports. Both request a client certificate and take the client's name from it or from the user name; mosquitto has TCP_NODELAY on.
The load runs in separate processes. mosquitto is the Debian package; without it, only our figures are shown. Whole CONNECTs are measured in
short rounds, and the median of the ratios of the rounds counts: what else this machine does meets both. Their lines say how
busy each broker was: where neither uses its core fully, the load is the limit, and the processor time compares them.
"""

import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.mqtt.connect_parts import engine_share
from benchmarks.mqtt.decisions import decisions_beside_verifier
from benchmarks.mqtt.load import Where, client_configuration, finish, start_load
from benchmarks.report import Measurement, report
from certificates.x509.reading import to_azure_pem
from emulator.mqtt.transport.server_context import SUITES_1_2, SUITES_1_3
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.certificates.chains import Identity, authority
from tests.support.waiting import until

CLIENT = "bench"
HOLDERS = [f"holder-{n}" for n in range(50)]  # 100 sessions each
HELD = 5_000
SECONDS = 2.0
ROUNDS = 7
CONNECT_SECONDS = 1.0
CONNECT_ROUNDS = 13
PROCESSES = 2
PAIRS = 2  # mosquitto 2.0.11 stalls with more at QoS 1
WINDOW = 64  # less than Event Grid queues for a session
KEY_BITS = {"EC": 384, "RSA": 2048}  # of the server's certificate
Result = TypeVar("Result")


@dataclass(frozen=True)
class Broker:
    """A broker under test. `memory` is the resident memory of its process, in bytes."""

    name: str
    pid: int
    ec: Where
    rsa: Where

    @property
    def processor_seconds(self) -> float:
        """Return the processor time of all its threads so far, in seconds."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    @property
    def memory(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


@dataclass(frozen=True)
class Counted:
    """Connections per second, and the broker's processor time per connection."""

    per_second: float
    milliseconds: float

    @property
    def busy(self) -> float:
        """Return the share of a core that the broker used."""
        return self.per_second * self.milliseconds / 1000


@dataclass(frozen=True)
class Chain:
    """A root, the trusted intermediate, and a client certificate."""

    root: Identity
    intermediate: Identity
    client: Identity

    @classmethod
    def of(cls, key: str) -> "Chain":
        root = authority(f"{key} Root CA", key=key, at=datetime.now(UTC))
        intermediate = root.issue(f"{key} Intermediate CA", key=key, ca=True, path_length=0)
        return cls(root, intermediate, intermediate.issue(CLIENT, key=key, purposes=["clientAuth"]))

    def write(self, folder: Path, label: str) -> tuple[str, str]:
        certificate, key = folder / f"{label}.crt", folder / f"{label}.key"
        certificate.write_bytes(self.client.pem)
        key.write_bytes(self.client.key_pem)
        return str(certificate), str(key)


@contextmanager
def emulator(folder: Path, chains: dict[str, Chain], files: dict[str, tuple[str, str]]) -> Iterator[Broker]:
    process = EmulatorProcess(folder / "emulator", "--in-memory")
    try:
        namespace_id = process.make_namespace("bench")
        settings = {"state": "Enabled", "maximumClientSessionsPerAuthenticationName": 100}
        process.call("PATCH", namespace_id, {"properties": {"topicSpacesConfiguration": settings}})
        for label, chain in chains.items():
            uploaded = {"properties": {"encodedCertificate": to_azure_pem(chain.intermediate.der)}}
            process.call("PUT", f"{namespace_id}/caCertificates/{label}-ca", uploaded)
        process.call("PUT", f"{namespace_id}/clients/{CLIENT}", {"properties": {}})
        thumbprints = [chains["ec"].client.thumbprint]
        scheme = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": thumbprints}
        for name in HOLDERS:  # one certificate can be registered for several clients by thumbprint
            body = {"properties": {"clientCertificateAuthentication": scheme}}
            process.call("PUT", f"{namespace_id}/clients/{name}", body)
        until(lambda: namespace_id in process.mqtt_endpoints, "the namespace listens")
        endpoint = process.mqtt_endpoints[namespace_id]
        where = {
            label: Where(
                "localhost", endpoint["port"], endpoint["ca"], *files[label], client_configuration(folder, label)
            )
            for label in files
        }
        yield Broker("emulator", process.process.pid, where["ec"], where["rsa"])
    finally:
        process.stop()


@contextmanager
def mosquitto(folder: Path, chains: dict[str, Chain], files: dict[str, tuple[str, str]]) -> Iterator[Broker | None]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        print("mosquitto is not installed (Debian: apt install mosquitto); its figures are missing.")
        yield None
        return
    trusted = folder / "trusted.pem"
    trusted.write_bytes(b"".join(ca.pem for chain in chains.values() for ca in (chain.root, chain.intermediate)))
    own = folder / "emulator"  # the emulator's server certificate serves both
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"ec": one.getsockname()[1], "rsa": other.getsockname()[1]}
    configuration = folder / "mosquitto.conf"
    lines = [
        "per_listener_settings false",
        *(line for label, port in ports.items() for line in listener(port, own, label, trusted)),
        "set_tcp_nodelay true",
        "max_inflight_messages 0",  # with a limit, 2.0.11 eventually stops delivering QoS 1
        "persistence false",
        "log_type error",
        "user root",
    ]
    configuration.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        [program, "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: all(answers(port) for port in ports.values()), "mosquitto listens")
        ca = str(own / "emulator-ca.pem")
        where = {
            label: Where("localhost", ports[label], ca, *files[label], client_configuration(folder, label))
            for label in files
        }
        yield Broker("mosquitto", process.pid, where["ec"], where["rsa"])
    finally:
        process.terminate()
        process.wait(10)


def listener(port: int, own: Path, label: str, trusted: Path) -> list[str]:
    """Return a listener of mosquitto with the emulator's certificate of one kind and its suites."""
    return [
        f"listener {port} 127.0.0.1",
        f"certfile {own / f'emulator-mqtt-{label}.pem'}",
        f"keyfile {own / f'emulator-mqtt-{label}-key.pem'}",
        f"cafile {trusted}",
        f"ciphers {':'.join(SUITES_1_2)}",
        f"ciphers_tls1.3 {':'.join(SUITES_1_3)}",
        "require_certificate true",
        "use_identity_as_username true",
    ]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def per_second(answers: Sequence[dict[str, Any]]) -> float:
    return sum(float(answer["count"]) / float(answer["seconds"]) for answer in answers)


def connections(label: str, broker: Broker) -> Counted:
    where = broker.ec if label == "EC" else broker.rsa
    load = [
        start_load("connections", where, seconds=CONNECT_SECONDS, user=CLIENT, name=f"c{n}") for n in range(PROCESSES)
    ]
    before = broker.processor_seconds
    answers = finish(load)
    assert {answer["server_key_bits"] for answer in answers} == {KEY_BITS[label]}
    worked = broker.processor_seconds - before
    return Counted(per_second(answers), worked / sum(int(answer["count"]) for answer in answers) * 1000)


def messages(qos: int, broker: Broker) -> float:
    wish = {"seconds": SECONDS, "user": CLIENT, "qos": qos, "window": WINDOW}
    return per_second(finish([start_load("messages", broker.ec, name=f"m{n}", **wish) for n in range(PAIRS)]))


def latency(where: Where) -> float:
    return float(finish([start_load("latency", where, count=2_000, user=CLIENT, name="l")])[0]["seconds"]) * 1000


def memory_per_connection(broker: Broker) -> float:
    before = broker.memory
    load = start_load("hold", broker.ec, count=HELD, users=HOLDERS, name="h")
    assert load.stdout is not None
    try:
        assert json.loads(load.stdout.readline()) == {"held": HELD}
        return (broker.memory - before) / HELD / 1024
    finally:
        load.communicate(timeout=60)


def in_turns(
    brokers: Sequence[Broker], measure: Callable[[Broker], Result], rounds: int = ROUNDS
) -> list[list[Result]]:
    """Return each broker's results of several rounds. The brokers alternate, so that other load affects both."""
    found: list[list[Result]] = [[] for _ in brokers]
    for number in range(rounds):
        turns = list(enumerate(brokers))
        for index, broker in turns if number % 2 == 0 else reversed(turns):
            found[index].append(measure(broker))
    return found


def beside(name: str, unit: str, goal: float, values: Sequence[Sequence[float]], **more: bool) -> Measurement:
    """Return the medians of our results and, if there is a peer, of its results."""
    ours, *peers = (statistics.median(each) for each in values)
    return Measurement(name, ours, unit, goal, peer=peers[0] if peers else None, **more)


def by_rounds(measured: Measurement, values: Sequence[Sequence[float]]) -> Measurement:
    """Add the median of the rounds' ratios to a measurement with a peer."""
    if measured.peer is None:
        return measured
    return replace(measured, median_ratio=statistics.median(ours / peer for ours, peer in zip(*values, strict=True)))


def measurements(brokers: Sequence[Broker]) -> Iterator[Measurement]:
    for label in ("EC", "RSA"):
        counted = in_turns(brokers, partial(connections, label), CONNECT_ROUNDS)
        rates = [[each.per_second for each in of_one] for of_one in counted]
        shares = " beside ".join(f"{statistics.median(each.busy for each in of_one):.0%}" for of_one in counted)
        name = f"mqtt whole CONNECT, {label} (of a core: {shares})"
        yield by_rounds(beside(name, "/s", 1.0, rates, more_is_better=True), rates)
        work = [[each.milliseconds for each in of_one] for of_one in counted]
        yield by_rounds(beside(f"mqtt processor time of a CONNECT, {label}", " ms", 1.0, work), work)
    for qos in (0, 1):
        rates = in_turns(brokers, partial(messages, qos))
        yield beside(f"mqtt messages, QoS {qos}", "/s", 1.0, rates, more_is_better=True)
    yield beside("mqtt latency, p50", " ms", 4, in_turns(brokers, lambda b: latency(b.ec)))
    memory = [[memory_per_connection(broker)] for broker in brokers]
    yield beside("mqtt memory per idle connection", " KB", 64, memory, goal_is_absolute=True)


def decisions(chains: dict[str, Chain]) -> Iterator[Measurement]:
    """Measure the engine's share of a CONNECT, and its decisions per second."""
    for label, chain in chains.items():
        share = engine_share(chain.intermediate, chain.client)
        yield Measurement(f"mqtt engine's share of a CONNECT, {label.upper()}", share, " %", 15)
    for key in ("P-256", "RSA 2048"):
        yield decisions_beside_verifier(key)


def main() -> int:
    chains = {"ec": Chain.of("P-256"), "rsa": Chain.of("RSA 2048")}
    with tempfile.TemporaryDirectory(prefix="bench-mqtt-") as name:
        folder = Path(name)
        files = {label: chain.write(folder, label) for label, chain in chains.items()}
        with emulator(folder, chains, files) as ours, mosquitto(folder, chains, files) as peer:
            passed = [report(each) for each in measurements([ours, *([peer] if peer else [])])]
    passed += [report(each) for each in decisions(chains)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
