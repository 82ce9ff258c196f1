"""Time and memory of the upload diagnosis, for a bundle of ten certificates and the worst megabyte. There is no peer."""

import time
import tracemalloc
from base64 import b64encode

from benchmarks.report import Measurement, report
from certificates.diagnosis.upload import Diagnosis, diagnose_upload
from certificates.x509.certificate import load_certificate
from tests.support.certificates.chains import AT, authority

RUNS = 200


def bundle() -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return a root, three intermediates and six clients, RSA and EC, and ten CA certificates already uploaded."""
    root = authority("Bench Root CA", key="RSA 2048")
    lines = [root.issue(f"Line {n} CA", key="RSA 2048" if n else "P-256", ca=True, path_length=0) for n in range(3)]
    clients = [lines[n % 3].issue(f"sensor-{n}") for n in range(6)]
    existing = [(f"ca-{n}", authority(f"Other CA {n}").der) for n in range(10)]
    return b"".join(identity.pem for identity in (*clients, *lines, root)), existing


def worst_megabyte() -> bytes:
    """Return fifty certificates, padded to a megabyte with white space inside their armour."""
    body = b64encode(authority("Padded CA").der)
    block = b"-----BEGIN CERTIFICATE-----\n" + body + b"\n" * (20_000 - len(body)) + b"\n-----END CERTIFICATE-----\n"
    return block * 50


def p95(data: bytes, existing: list[tuple[str, bytes]], expected: str) -> float:
    known = [load_certificate(authority("Shown CA").issue("shown").der)]
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        found: Diagnosis = diagnose_upload(data, existing=existing, known=known, at=AT)
        seconds.append(time.perf_counter() - began)
        assert found.code == expected, found.title
    return sorted(seconds)[int(RUNS * 0.95)] * 1000


def peak_megabytes(data: bytes) -> float:
    tracemalloc.start()
    diagnose_upload(data, at=AT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1_048_576


def main() -> None:
    ten, existing = bundle()
    padded = worst_megabyte()
    junk = (b"-----BEGIN CERTIFICATE-----\n" * 40_000)[:1_048_576]
    results = [
        report(Measurement("upload of ten certificates p95", p95(ten, existing, "several-certificates"), " ms", 100)),
        report(Measurement("upload of a padded megabyte p95", p95(padded, existing, "accepted"), " ms", 100)),
        report(Measurement("upload of a megabyte of BEGIN lines p95", p95(junk, existing, "broken-certificate"), " ms", 100)),
        report(Measurement("memory for a megabyte, peak", max(map(peak_megabytes, (padded, junk))), " MB", 50)),
    ]  # fmt: skip
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
