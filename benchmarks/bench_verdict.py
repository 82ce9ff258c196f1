"""Verdicts from the leaf's DER: the engine with its full trace against the bare verifier.

The peer is the verifier that the engine itself asks: pyOpenSSL, with the same flags and the same refusal of keys that burn
processor time. For each verdict it parses the leaf from DER, builds a store for the moment from all uploaded CA
certificates, and verifies: no name, no client, no trace. Both know the CA certificates beforehand, as a running endpoint
does, and neither has seen the leaf.

Each verdict is of another second, so that both build their verifier for it (an endpoint shares one between the connections
of a second, which does not count here). The two take turns, verdict by verdict, and the medians count: so both meet the
same machine, however busy it is, and neither has the processor's caches to itself, as neither has in an endpoint, where a
handshake lies between two verdicts.
(A thousand of the same in a row are faster, the bare verifier's more so: it is little code.)
"""

import statistics
import time
from datetime import datetime, timedelta

from OpenSSL import crypto

from benchmarks.report import Measurement, report
from certificates.authentication.engine import NamespaceState, TrustedCA, authenticate
from certificates.x509.strength import MAX_RSA_BITS
from tests.certificates.cases import a_client
from tests.support.chains import AT, Identity, authority

VERDICTS = 5000
PACE = timedelta(seconds=1)


def chain(kind: str) -> tuple[Identity, Identity]:
    """An intermediate and a client certificate with all that a bare verifier asks for."""
    root = authority("Bench Root CA", key=kind)
    line = root.issue("Bench Line CA", key=kind, ca=True, path_length=0)
    return line, line.issue("sensor-1", key=kind, dns=["sensor-1.plant.example"])


def measure(kind: str) -> Measurement:
    line, leaf = chain(kind)
    cas = [line, *(authority(f"Other CA {number}") for number in range(9))]
    state = NamespaceState(tuple(TrustedCA(ca.name, ca.der) for ca in cas), {"sensor-1": a_client()})
    parsed = [crypto.X509.from_cryptography(ca.certificate) for ca in cas]

    def ours(at: datetime) -> None:
        decision = authenticate(presented=leaf.der, user_name="sensor-1", state=state, at=at)
        assert decision.accepted
        assert len(decision.steps) == 9

    def bare(at: datetime) -> None:
        presented = crypto.load_certificate(crypto.FILETYPE_ASN1, leaf.der)
        assert presented.get_pubkey().bits() <= MAX_RSA_BITS
        store = crypto.X509Store()
        for anchor in parsed:
            store.add_cert(anchor)
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(at)
        crypto.X509StoreContext(store, presented).verify_certificate()

    own, peer = [], []
    for number in range(VERDICTS):
        at = AT + number * PACE
        began = time.perf_counter_ns()
        ours(at)
        between = time.perf_counter_ns()
        bare(at)
        ended = time.perf_counter_ns()
        own.append(between - began)
        peer.append(ended - between)
    per_second = [1e9 / statistics.median(times) for times in (own, peer)]
    return Measurement(f"verdict {kind}", per_second[0], "/s", 0.5, peer=per_second[1], more_is_better=True)


def main() -> None:
    results = [report(measure(kind)) for kind in ("P-256", "RSA 2048")]
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
