"""Verdicts per second of processor time, from the leaf's DER: the engine with its full trace against bare verifiers.

A peer parses the same leaf, builds its verifier for the same moment and verifies: no names, no client, no trace. All know
the CA certificates beforehand, as a running endpoint does. Peers are the library that the engine uses too (pyOpenSSL, its
store built for the moment) and the one it does not use (cryptography). Rounds alternate, so that a busy machine slows all.
"""

import statistics
import time
from collections.abc import Callable

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
from OpenSSL import crypto

from benchmarks.report import Measurement, report
from certificates.authentication import NamespaceState, TrustedCA, authenticate
from tests.certificates.cases import a_client
from tests.chains import AT, Identity, authority

ROUNDS = 15
VERDICTS = 200


def chain(kind: str) -> tuple[Identity, Identity]:
    """An intermediate and a client certificate with all that a bare verifier asks for."""
    root = authority("Bench Root CA", key=kind)
    line = root.issue("Bench Line CA", key=kind, ca=True, path_length=0)
    return line, line.issue("sensor-1", key=kind, dns=["sensor-1.plant.example"])


def rate(verdict: Callable[[], None]) -> float:
    began = time.process_time()
    for _ in range(VERDICTS):
        verdict()
    return VERDICTS / (time.process_time() - began)


def measure(kind: str) -> list[Measurement]:
    line, leaf = chain(kind)
    cas = [line, *(authority(f"Other CA {number}") for number in range(9))]
    state = NamespaceState(tuple(TrustedCA(ca.name, ca.der) for ca in cas), {"sensor-1": a_client()})
    anchors = [ca.certificate for ca in cas]
    parsed = [crypto.X509.from_cryptography(anchor) for anchor in anchors]
    trusted = Store(anchors)

    def ours() -> None:
        assert authenticate(presented=leaf.der, user_name="sensor-1", state=state, at=AT).accepted

    def with_pyopenssl() -> None:
        store = crypto.X509Store()
        for anchor in parsed:
            store.add_cert(anchor)
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(AT)
        presented = crypto.load_certificate(crypto.FILETYPE_ASN1, leaf.der)
        crypto.X509StoreContext(store, presented).verify_certificate()

    def with_cryptography() -> None:
        verifier = PolicyBuilder().store(trusted).time(AT).build_client_verifier()
        verifier.verify(x509.load_der_x509_certificate(leaf.der), [])

    contestants = (ours, with_pyopenssl, with_cryptography)
    rounds = [[rate(contestant) for contestant in contestants] for _ in range(ROUNDS)]
    own, *peers = (statistics.median(values) for values in zip(*rounds, strict=True))
    return [
        Measurement(f"verdict {kind}, peer {name}", own, "/s", 0.5, peer=peer, more_is_better=True)
        for name, peer in zip(("pyOpenSSL", "cryptography"), peers, strict=True)
    ]


def main() -> None:
    results = [report(measurement) for kind in ("P-256", "RSA 2048") for measurement in measure(kind)]
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
