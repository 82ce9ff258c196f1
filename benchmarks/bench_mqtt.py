"""The MQTT endpoint beside mosquitto with its own TLS: the same load, the same certificates, one after the other.

Both ask for a client certificate and take the client's name from it or beside it; mosquitto has TCP_NODELAY on. The load
runs in processes of its own. mosquitto is Debian's; where it is missing its figures are missing too.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.mqtt_load import Where
from benchmarks.report import Measurement, report
from certificates.decoding import to_azure_pem
from tests.chains import Identity, authority
from tests.emulator_process import ROOT, EmulatorProcess
from tests.waiting import until

CLIENT = "bench"
HOLDERS = [f"holder-{n}" for n in range(50)]  # 100 sessions each
HELD = 5_000
SECONDS = 5.0
PROCESSES = 2
PAIRS = 2  # mosquitto 2.0.11 stalls with more at QoS 1
WINDOW = 64  # below what Event Grid queues for a session


@dataclass(frozen=True)
class Broker:
    """A broker under test. `memory` is what its process holds, in bytes."""

    name: str
    pid: int
    ec: Where
    rsa: Where

    @property
    def memory(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


@dataclass(frozen=True)
class Chain:
    """A root, the intermediate that is trusted, and a client's certificate."""

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
        for name in HOLDERS:  # one certificate may be several clients by thumbprint
            body = {"properties": {"clientCertificateAuthentication": scheme}}
            process.call("PUT", f"{namespace_id}/clients/{name}", body)
        until(lambda: namespace_id in process.mqtt_endpoints, "the namespace listens")
        endpoint = process.mqtt_endpoints[namespace_id]
        where = {label: Where("localhost", endpoint["port"], endpoint["ca"], *files[label]) for label in files}
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
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = folder / "mosquitto.conf"
    lines = [
        f"listener {port} 127.0.0.1",
        f"certfile {own / 'emulator-server.pem'}",
        f"keyfile {own / 'emulator-server-key.pem'}",
        f"cafile {trusted}",
        "require_certificate true",
        "use_identity_as_username true",
        "set_tcp_nodelay true",
        "persistence false",
        "log_type error",
        "user root",
    ]
    configuration.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        [program, "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: answers(port), "mosquitto listens")
        ca = str(own / "emulator-ca.pem")
        where = {label: Where("localhost", port, ca, *files[label]) for label in files}
        yield Broker("mosquitto", process.pid, where["ec"], where["rsa"])
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_load(work: str, where: Where, **wish: Any) -> subprocess.Popen[str]:
    order = json.dumps({"work": work, "where": asdict(where), **wish})
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.mqtt_load", order],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(processes: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    found = []
    for process in processes:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, "The load has failed."
        found.append(json.loads(out))
    return found


def per_second(answers: Sequence[dict[str, Any]]) -> float:
    return sum(float(answer["count"]) / float(answer["seconds"]) for answer in answers)


def connections(where: Where) -> float:
    load = [start_load("connections", where, seconds=SECONDS, user=CLIENT, name=f"c{n}") for n in range(PROCESSES)]
    return per_second(finish(load))


def messages(where: Where, qos: int) -> float:
    wish = {"seconds": SECONDS, "user": CLIENT, "qos": qos, "window": WINDOW}
    return per_second(finish([start_load("messages", where, name=f"m{n}", **wish) for n in range(PAIRS)]))


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


def figures(broker: Broker) -> dict[str, float]:
    return {
        "mqtt connections, EC": connections(broker.ec),
        "mqtt connections, RSA": connections(broker.rsa),
        "mqtt messages, QoS 0": messages(broker.ec, 0),
        "mqtt messages, QoS 1": messages(broker.ec, 1),
        "mqtt latency, p50": latency(broker.ec),
        "mqtt memory per idle connection": memory_per_connection(broker),
    }


def measurements(ours: dict[str, float], peers: dict[str, float]) -> Iterator[Measurement]:
    for name, value in ours.items():
        peer = peers.get(name)
        if name.startswith("mqtt memory"):
            yield Measurement(name, value, " KB", 64, peer=peer, goal_is_absolute=True)
        elif name.startswith("mqtt latency"):
            yield Measurement(name, value, " ms", 4, peer=peer)
        else:
            yield Measurement(name, value, "/s", 1.0, peer=peer, more_is_better=True)


def main() -> int:
    chains = {"ec": Chain.of("P-256"), "rsa": Chain.of("RSA 2048")}
    with tempfile.TemporaryDirectory(prefix="bench-mqtt-") as name:
        folder = Path(name)
        files = {label: chain.write(folder, label) for label, chain in chains.items()}
        with emulator(folder, chains, files) as ours:
            found = figures(ours)
        with mosquitto(folder, chains, files) as peer:
            peers = figures(peer) if peer is not None else {}
    passed = [report(each) for each in measurements(found, peers)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
