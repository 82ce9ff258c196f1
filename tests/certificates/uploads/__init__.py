"""Files that people really bring, each with the code that must come out. Made by the chain builder, from fixed dates."""

from tests.certificates.uploads.authorities import other_authorities, unfit_cas, unmarked_cas, warned_cas
from tests.certificates.uploads.chains import LINE, ROOT, RSA_LINE, RSA_ROOT, RSA_SENSOR, SENSOR, Upload, in_one_line
from tests.certificates.uploads.files import broken_files, bundles, good_notations, leaves, other_files

__all__ = [
    "LINE",
    "ROOT",
    "RSA_LINE",
    "RSA_ROOT",
    "RSA_SENSOR",
    "SENSOR",
    "Upload",
    "in_one_line",
    "unfit_cas",
    "uploads",
    "warned_cas",
]


def uploads() -> list[Upload]:
    """Every file that holds no private key."""
    return [
        *good_notations(),
        *broken_files(),
        *other_files(),
        *bundles(),
        *leaves(),
        *unmarked_cas(),
        *other_authorities(),
        *unfit_cas(),
        *warned_cas(),
    ]
