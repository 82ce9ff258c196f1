"""Read an Excel workbook in a process of its own, with limits for memory and time: a small file can ask for gigabytes."""

import json
import subprocess
import sys
from pathlib import Path

from namespaces.client_files.found_rows import FoundRow, UnreadableFileError
from namespaces.client_files.tables import rows_of_cells

SECONDS = 20
MOST_OUTPUT = 60_000_000  # bytes of JSON: more than 20 MB of text make
_CHILD = Path(__file__).with_name("workbook_child.py")
_TOO_MUCH = UnreadableFileError(
    "workbook-too-large", "This workbook needs too much memory or time. Save the sheet as CSV, without empty rows."
)


def read_workbook(data: bytes, source: str) -> list[FoundRow]:
    """Return the clients of the first sheet of a workbook. Raise UnreadableFileError."""
    try:
        child = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", str(_CHILD)], input=data, capture_output=True, timeout=SECONDS, check=False, env={}
        )
    except subprocess.TimeoutExpired:
        raise _TOO_MUCH from None
    if child.returncode or len(child.stdout) > MOST_OUTPUT:
        raise _TOO_MUCH
    answer = json.loads(child.stdout)
    if "code" in answer:
        raise UnreadableFileError(answer["code"], answer["sentence"])
    return rows_of_cells(((number, cells) for number, cells in answer["rows"]), source)
