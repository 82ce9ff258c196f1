"""The private keys that tests upload in every container, and the parts that must not be found anywhere afterwards."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.certificates.uploads import RSA_SENSOR, SENSOR, uploads
from tests.certificates.uploads.key_uploads import key_files
from tests.certificates.x509.written_keys import keys
from tests.key_watch.traces import KeyTraces


def watch_brought_keys(traces: KeyTraces) -> None:
    """Look for the keys of the upload fixtures and of the notations, and for each file whose key must be unpacked to be read."""
    for identity in (SENSOR, RSA_SENSOR):
        assert isinstance(identity.key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        traces.add(identity.key, anywhere=True)
    for written in keys():
        traces.add_bytes(written.number)
    public = b"".join(upload.data for upload in uploads() if len(upload.data) < 20_000)
    for _, data in key_files():
        if not traces.found_in(data):
            traces.add_file(data, public=public)
