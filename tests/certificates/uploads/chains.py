"""The certificates in the files, and what is expected of a file."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.support.certificates.chains import Identity, authority

DAY = timedelta(days=1)
BARE: dict[str, Any] = {"ca": None, "key_usage": None, "purposes": None}  # without these extensions
ROOT = authority("Plant Root CA")
LINE = ROOT.issue("Line 1 CA", ca=True, path_length=0)
SENSOR = LINE.issue("sensor-1")
RSA_ROOT = authority("RSA Root CA", key="RSA 2048")
RSA_LINE = RSA_ROOT.issue("RSA Line CA", key="RSA 2048", ca=True, path_length=0)
RSA_SENSOR = RSA_LINE.issue("rsa-sensor", key="RSA 2048")


@dataclass(frozen=True)
class Upload:
    """A file. `says` and `next_step` are data that the sentence and the next step contain; `fix` is the fix's action."""

    id: str
    data: bytes
    code: str
    says: str = ""
    next_step: str = ""
    fix: str = ""
    fix_subject: str = ""
    warns: tuple[str, ...] = ()
    existing: tuple[tuple[str, Identity], ...] = ()
    known: tuple[Identity, ...] = ()
    detail: str = ""


def in_one_line(pem: bytes) -> bytes:
    return pem.replace(b"\n", b"")
