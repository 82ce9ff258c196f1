"""What a file says about a client: values as they are written there, and why a row or a file cannot be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_ROWS = 10_000
MAX_BYTES = 20_000_000  # of all files together, also unpacked
PRIVATE_KEY = "private-key"


@dataclass(frozen=True)
class FoundRow:
    """One client in a file.

    Attributes:
        source: the file, with its folder in an archive.
        place: the line or row in it; None where the file is one client.
        values: by the keys of `Client.describe`; a key that the file does not have is missing.
        certificate: facts of the client's certificate: subject, issuer, thumbprint and what it proposes; empty without one.
        problem: the code of why it cannot be read, "" where it can; `sentence` says it to people.
    """

    source: str
    place: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    certificate: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    sentence: str = ""


class UnreadableFileError(ValueError):
    """A whole file cannot be read. `code` is stable, `sentence` is for people; neither repeats any part of the file."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def too_many_rows() -> UnreadableFileError:
    return UnreadableFileError("too-many-rows", f"An import has at most {MAX_ROWS:,} rows. Split the file.")
