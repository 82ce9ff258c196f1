"""Keys for the state folders of emulators in tests, generated once for each process of tests.

To find RSA keys takes half a second, which a test of something else need not spend again.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from emulator.authority import Authority

KEPT = ("emulator-ca.pem", "emulator-*-key.pem")


@cache
def _prepared() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="emulator-keys-")
    atexit.register(folder.cleanup)
    Authority(Path(folder.name))
    return folder


def put_keys(state_dir: Path) -> None:
    """Put keys and CA certificates into a state folder that has none."""
    if (state_dir / "emulator-ca.pem").exists():
        return
    for pattern in KEPT:
        for path in Path(_prepared().name).glob(pattern):
            shutil.copy2(path, state_dir)
