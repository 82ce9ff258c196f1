"""The engine's decisions per second with the full trace, compared with a bare verifier: a figure without a goal.

The verifier is the one that the engine calls: pyOpenSSL, with the same flags and the same limit on key sizes. For each
decision it parses the client's certificate from DER, builds a store for that time from all uploaded CA certificates, and
verifies: no name, no client, no trace. Both have read the CA certificates before, as a running endpoint has; neither has
read the client's certificate.

Each decision is for another second, so that both build their store for it. The two alternate, one decision at a time, and
medians count, so that both meet the same load and neither keeps the processor's caches for itself.
"""

import statistics
import time
from datetime import datetime, timedelta

from OpenSSL import crypto

from benchmarks.report import Measurement
from certificates.authentication.engine import NamespaceState, TrustedCA, authenticate
from certificates.x509.strength import MAX_RSA_BITS
from tests.certificates.authentication.engine_table.cases import a_client
from tests.support.certificates.chains import AT, Identity, authority

DECISIONS = 3000
PACE = timedelta(seconds=1)


def chain(kind: str) -> tuple[Identity, Identity]:
    """Return an intermediate and a client certificate with everything that a bare verifier requires."""
    root = authority("Bench Root CA", key=kind)
    line = root.issue("Bench Line CA", key=kind, ca=True, path_length=0)
    return line, line.issue("sensor-1", key=kind, dns=["sensor-1.plant.example"])


def decisions_beside_verifier(kind: str) -> Measurement:
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
    for number in range(DECISIONS):
        at = AT + number * PACE
        began = time.perf_counter_ns()
        ours(at)
        between = time.perf_counter_ns()
        bare(at)
        ended = time.perf_counter_ns()
        own.append(between - began)
        peer.append(ended - between)
    per_second = [1e9 / statistics.median(times) for times in (own, peer)]
    return Measurement(f"mqtt decisions of the engine, {kind}", per_second[0], "/s", None, peer=per_second[1])
