"""Verdicts per second of processor time, from the leaf's DER: the engine with its full trace against the bare verifier.

The peer is the verifier that the engine itself asks: pyOpenSSL, with the same flags and the same refusal of keys that burn
processor time. Each of its rounds parses the leaf from DER, builds a store for the moment from all uploaded CA
certificates, and verifies: no name, no client, no trace. Both know the CA certificates beforehand, as a running endpoint
does, and neither has seen the leaf. Rounds alternate, so that a busy machine slows both.
"""

import statistics
import time
from collections.abc import Callable

from OpenSSL import crypto

from benchmarks.report import Measurement, report
from certificates.authentication import NamespaceState, TrustedCA, authenticate
from certificates.verification import MAX_RSA_BITS
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


def measure(kind: str) -> Measurement:
    line, leaf = chain(kind)
    cas = [line, *(authority(f"Other CA {number}") for number in range(9))]
    state = NamespaceState(tuple(TrustedCA(ca.name, ca.der) for ca in cas), {"sensor-1": a_client()})
    parsed = [crypto.X509.from_cryptography(ca.certificate) for ca in cas]

    def ours() -> None:
        assert authenticate(presented=leaf.der, user_name="sensor-1", state=state, at=AT).accepted

    def bare() -> None:
        presented = crypto.load_certificate(crypto.FILETYPE_ASN1, leaf.der)
        assert presented.get_pubkey().bits() <= MAX_RSA_BITS
        store = crypto.X509Store()
        for anchor in parsed:
            store.add_cert(anchor)
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(AT)
        crypto.X509StoreContext(store, presented).verify_certificate()

    rounds = [(rate(ours), rate(bare)) for _ in range(ROUNDS)]
    own, peer = (statistics.median(values) for values in zip(*rounds, strict=True))
    return Measurement(f"verdict {kind}", own, "/s", 0.5, peer=peer, more_is_better=True)


def main() -> None:
    results = [report(measure(kind)) for kind in ("P-256", "RSA 2048")]
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
