"""`manage.py devices`, with each key that it makes written to a file in the folder WATCHED_KEYS, for the key watch to search for."""

import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import execute_from_command_line

from certificates.samples import certificates, chain


def main() -> None:
    make, folder = certificates.new_key, Path(os.environ["WATCHED_KEYS"])
    made = 0

    def watched() -> ec.EllipticCurvePrivateKey:
        nonlocal made
        key = make()
        made += 1
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{os.getpid()}-{made}.key").write_bytes(pem)
        return key

    chain.new_key = watched  # type: ignore[attr-defined]
    execute_from_command_line(["manage.py", "devices", *sys.argv[1:]])


if __name__ == "__main__":
    main()
