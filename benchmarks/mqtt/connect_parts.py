"""Processor time of one CONNECT by part: `python -m benchmarks.mqtt.connect_parts` prints a table.

The endpoint runs in this process and the load in others. Every CONNECT is decided by the engine with its full trace:
nothing is cached from the previous one, as if each device connected for the first time. A part's time is without the
parts inside it; what no part covers (asyncio, the kernel, packets, sessions) is the rest.
"""

import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL, crypto

from benchmarks.mqtt.load import Where, client_configuration, finish, start_load
from certificates.authentication import certification_paths, chain, engine
from certificates.authentication.types import Decision
from certificates.x509.certificate import Certificate
from emulator.mqtt.connect_decision import authentication
from emulator.mqtt.listeners.namespace_endpoint import NamespaceEndpoint
from emulator.mqtt.recording import recorder
from emulator.storage.store import Store
from tests.emulator.mqtt.in_process import LocalPlant
from tests.support.certificates.chains import Identity, authority

ENGINE = "engine"
READING = "certificates.x509"
VERIFYING = "OpenSSL verifies the chain"
BUILDING = "decision built and written as JSON"
LOGGING = "connection log"
TLS = "TLS"
REST = "rest: asyncio, kernel, packets, session"
OF_THE_ENGINE = (ENGINE, READING, VERIFYING, BUILDING)
SECONDS = 2.0
ROUNDS = 3

Place = tuple[Any, str]
PLACES: dict[str, list[Place]] = {
    ENGINE: [(authentication, "authenticate")],
    READING: [
        (engine, "load_certificate"),
        (certification_paths, "load_certificate"),
        (certification_paths, "load_known"),
    ],
    VERIFYING: [(chain, "_openssl_refusal")],
    BUILDING: [(engine, "_decision"), (Decision, "as_dict")],
    LOGGING: [
        (authentication, "evidence_of"),
        (recorder, "record_of"),
        (Store, "record_connection"),
        (Store, "write_connections"),
    ],
    TLS: [
        *((SSL.Connection, name) for name in ("__init__", "do_handshake", "recv", "send", "shutdown")),
        *((SSL.Connection, name) for name in ("bio_read", "bio_write", "get_peer_certificate", "get_peer_cert_chain")),
        (crypto, "dump_certificate"),
    ],
}


class Stopwatch:
    """Measures the processor time of parts of this thread's work, in nanoseconds."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._inner: list[int] = []

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` so that its time counts for `part`."""

        def measured(*arguments: Any, **named: Any) -> Any:
            self._inner.append(0)
            began = time.thread_time_ns()
            try:
                return function(*arguments, **named)
            finally:
                taken = time.thread_time_ns() - began
                self.taken[part] += taken - self._inner.pop()
                self.calls[part] += 1
                if self._inner:
                    self._inner[-1] += taken

        return measured


@dataclass(frozen=True)
class Parts:
    """Microseconds of processor time of one CONNECT by part."""

    microseconds: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.microseconds.values())

    @property
    def engine_share(self) -> float:
        """Return the percentage for the decision: from the certificate's bytes to the decision with its trace."""
        return sum(self.microseconds.get(part, 0) for part in OF_THE_ENGINE) / self.total * 100


def engine_share(intermediate: Identity, client: Identity) -> float:
    """Return the engine's percentage of a CONNECT's processor time: from the certificate's bytes to the full trace."""
    return measure(intermediate, client, {ENGINE: PLACES[ENGINE]}).engine_share


@contextmanager
def watched(stopwatch: Stopwatch, places: dict[str, list[Place]], endpoint: NamespaceEndpoint) -> Iterator[None]:
    """Measure the given places, and decide every CONNECT without cached results."""
    authenticate = endpoint.authenticator.authenticate

    def authenticate_uncached(*arguments: Any) -> Any:
        endpoint.authenticator.forget()
        return authenticate(*arguments)

    patches = [patch.object(endpoint.authenticator, "authenticate", authenticate_uncached)]
    for part, found in places.items():
        patches += [patch.object(where, name, stopwatch.timed(part, getattr(where, name))) for where, name in found]
    if READING in places:  # properties of a certificate that are read on first use
        lazy = [each for each in vars(Certificate).values() if isinstance(each, cached_property)]
        patches += [patch.object(each, "func", stopwatch.timed(READING, each.func)) for each in lazy]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def measure(intermediate: Identity, client: Identity, places: dict[str, list[Place]]) -> Parts:
    """Let two processes connect repeatedly for `SECONDS`."""
    with tempfile.TemporaryDirectory(prefix="connect-parts-") as name:
        folder = Path(name)
        plant = LocalPlant(folder, maximumClientSessionsPerAuthenticationName=100)
        try:
            plant.upload("bench-ca", intermediate.der)
            plant.put_client("bench")
            certificate, key = folder / "bench.crt", folder / "bench.key"
            certificate.write_bytes(client.pem)
            key.write_bytes(client.key_pem)
            label = "rsa" if isinstance(client.key, rsa.RSAPrivateKey) else "ec"
            files = str(certificate), str(key), client_configuration(folder, label)
            where = Where("localhost", plant.endpoint["port"], plant.endpoint["ca"], *files)
            rounds = [one_round(plant, where, places) for _ in range(ROUNDS)]
        finally:
            plant.close()
    return Parts({part: statistics.median(each.microseconds[part] for each in rounds) for part in (*places, REST)})


def one_round(plant: LocalPlant, where: Where, places: dict[str, list[Place]]) -> Parts:
    stopwatch = Stopwatch()
    load = [start_load("connections", where, seconds=SECONDS, user="bench", name=f"c{n}") for n in range(2)]
    with watched(stopwatch, places, plant.namespace):
        before = time.process_time_ns()
        count = sum(int(answer["count"]) for answer in finish(load))
        worked = time.process_time_ns() - before
    taken = {part: stopwatch.taken[part] / count / 1000 for part in places}
    return Parts({**taken, REST: worked / count / 1000 - sum(taken.values())})


def main() -> int:
    for label, key in (("EC", "P-256"), ("RSA", "RSA 2048")):
        root = authority(f"{label} Root CA", key=key, at=datetime.now(UTC))
        intermediate = root.issue(f"{label} Intermediate CA", key=key, ca=True, path_length=0)
        parts = measure(intermediate, intermediate.issue("bench", key=key, purposes=["clientAuth"]), PLACES)
        print(f"{label}: {parts.total:.0f} µs, of which deciding takes {parts.engine_share:.1f} %")
        for part, microseconds in parts.microseconds.items():
            print(f"  {microseconds:7.1f} µs  {microseconds / parts.total:6.1%}  {part}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
