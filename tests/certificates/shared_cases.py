"""Rows of the table of cases that people shared: files of *Share this attempt*, *Download as test case*.

To add one, put the file into `tests/certificates/shared_cases/`. `tests/certificates/authentication/test_shared_cases.py` runs them.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from certificates.authentication.engine import ClientRecord
from certificates.x509.reading import read_upload
from lab.sharing.engine_case import FORMAT
from tests.certificates.authentication.engine_table.cases import Case
from tests.support.certificates.chains import Identity

FOLDER = Path(__file__).parent / "shared_cases"


def shared_cases(folder: Path = FOLDER) -> tuple[Case, ...]:
    """Return the row of each file."""
    return tuple(read_case(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json")))


def read_case(row: Mapping[str, Any]) -> Case:
    assert row["format"] == FORMAT
    at = datetime.fromisoformat(row["at"])

    def identity(name: str, pem: str) -> Identity:
        (certificate,) = read_upload(pem.encode())
        return Identity(name, certificate.der, None, x509.Name([]), at)

    return Case(
        row["id"],
        identity("presented", row["presented"]) if row["presented"] else None,
        {name: identity(name, pem) for name, pem in row["uploaded"].items()},
        fails_at=row["fails_at"],
        anchor=row["anchor"],
        user_name=row["user_name"],
        clients=tuple(ClientRecord(**{**each, "thumbprints": tuple(each["thumbprints"])}) for each in row["clients"]),
        client=row["client"],
        chain=tuple(identity(f"sent {number}", pem) for number, pem in enumerate(row["chain"])),
        sources=tuple(row["sources"]),
        presentable=False,  # its key is not shared
        at=at,
    )
