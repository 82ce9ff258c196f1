"""What a file says about a client: values as they are written there, and why a row or a file cannot be read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_ROWS = 10_000
MAX_BYTES = 20_000_000  # of all files together, also unpacked
PRIVATE_KEY = "private-key"
CA_CERTIFICATE = "ca-certificate"


@dataclass(frozen=True)
class Table:
    """A table in a file.

    Attributes:
        source: the file.
        headings: of its columns; "Column 1" and so on where it has none.
        keys: what each column holds: a key of `Client.describe`, `attribute:KEY`, or "" for nothing.
        sample: the cells of its first row.
        has_headings: whether the first row had them.
    """

    source: str
    headings: tuple[str, ...]
    keys: tuple[str, ...]
    sample: tuple[str, ...] = ()
    has_headings: bool = True


@dataclass(frozen=True)
class FoundRow:
    """One client in a file.

    Attributes:
        source: the file, with its folder in an archive.
        place: the line or row in it; None where the file is one client.
        values: by the keys of `Client.describe`; a key that the file does not have is missing.
        certificate: facts of the client's certificate: subject, issuer, thumbprint and what it proposes; empty without one.
        table, cells: the table that has it, and its cells there, so that columns can be read as something else; None and empty
            where it is not of a table.
        problem: the code of why it cannot be read, "" where it can; `sentence` says it to people.
    """

    source: str
    place: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    certificate: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    sentence: str = ""
    table: Table | None = None
    cells: tuple[str, ...] = ()


class UnreadableFileError(ValueError):
    """A whole file cannot be read. `code` is stable, `sentence` is for people; neither repeats any part of the file."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def check_storable(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values if a database can keep them. Raise ValueError for NUL, half of a surrogate pair, and infinity."""
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        raise ValueError("A value has a number or character that cannot be kept.") from None
    if "\\u0000" in text:
        raise ValueError("A value has a NUL character; remove it.")
    return values


def too_many_rows() -> UnreadableFileError:
    return UnreadableFileError("too-many-rows", f"An import has at most {MAX_ROWS:,} rows. Split the file.")
