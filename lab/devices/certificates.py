"""The key and certificates of a device. The key is in OpenSSL's memory alone: no file, no text, no attribute has it."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import to_pem

LABEL = "Device"
WEAK = "DEFAULT:@SECLEVEL=0"  # else OpenSSL does not load a certificate signed with SHA-1


@dataclass(frozen=True)
class DeviceCertificates:
    """What a device shows to others, as PEM, and the TLS context in which it has its key."""

    root: str
    intermediate: str
    leaf: str
    thumbprint: str
    subject: str
    expected: str
    context: ssl.SSLContext = field(repr=False)

    def public(self) -> dict[str, str]:
        """Return everything but the key."""
        names = ("root", "intermediate", "leaf", "thumbprint", "subject", "expected")
        return {name: getattr(self, name) for name in names}


def make_certificates(
    name: ClientName, *, sends_intermediate: bool, at: datetime, ahead: timedelta = timedelta()
) -> DeviceCertificates:
    """Make a key and its own chain: root, intermediate, and a certificate with the fault of `name`.

    `ahead` is how far ahead of `at` the namespace judges certificates. With `sends_intermediate`, the device sends the intermediate with its certificate. The keys of root and intermediate end
    here. Raise IssuingError for a name that cannot be issued.
    """
    chain = make_sample_chain([name], at=at, label=f"{LABEL} {os.urandom(3).hex()}", ahead=ahead)
    (leaf,) = chain.clients
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if name.fault == "sha-1":
        context.set_ciphers(WEAK)
    sent = leaf.certificate_pem + (chain.intermediate.certificate_pem if sends_intermediate else "")
    with _pipe(sent.encode()) as certificate, _pipe(leaf.key_pem) as key:
        context.load_cert_chain(certificate, key)
    return DeviceCertificates(
        root=chain.root.certificate_pem,
        intermediate=chain.intermediate.certificate_pem,
        leaf=to_pem(leaf.certificate_der),
        thumbprint=leaf.thumbprint,
        subject=leaf.subject,
        expected=leaf.expected,
        context=context,
    )


@contextmanager
def _pipe(data: bytes) -> Iterator[str]:
    """Yield a path from which these bytes can be read once. OpenSSL reads files only; a pipe is one without a disk."""
    reading, writing = os.pipe()
    try:
        try:
            os.set_blocking(writing, False)  # fail rather than wait for a reader, if it were larger than a pipe
            if os.write(writing, data) != len(data):
                raise BlockingIOError("The certificates do not fit into a pipe.")
        finally:
            os.close(writing)
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
