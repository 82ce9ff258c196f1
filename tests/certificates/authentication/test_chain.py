"""Verifying chains from several threads."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from certificates.authentication.certification_paths import TrustAnchors
from certificates.authentication.chain import verify_chain
from certificates.x509.certificate import load_certificate
from tests.support.certificates.chains import AT, authority


def test_threads_verify_at_different_moments_without_interfering() -> None:
    line = authority("Line CA")
    leaf = load_certificate(line.issue("sensor-1").der)
    anchors = TrustAnchors([("line-ca", line.der)])
    moments = [AT, AT - timedelta(days=36_500)] * 200

    def verified(number: int) -> bool:
        return verify_chain(leaf, (), anchors, at=moments[number]).verified

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(verified, range(len(moments)))) == [True, False] * 200
