"""The table of docs/fidelity.md: what the emulator does because Microsoft documents it.

`python -m tests.support.azure.fidelity`, part of `make check`, warns in one line when sources are older than 180 days; with
`--all` it lists each of them.
"""

import calendar
import datetime
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).resolve().parents[3] / "docs" / "fidelity.md"
COLUMNS = ("behaviour", "source", "date", "profile", "test")
MOST_DAYS = 180
_DATE = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One row as it is written. `line` counts from 1."""

    line: int
    behaviour: str
    source: str
    date: str
    profile: str
    test: str

    @property
    def is_emulated(self) -> bool:
        return not self.behaviour.startswith("Not emulated")

    @property
    def last_day(self) -> datetime.date:
        """The day of the source; the last day of a month without a day. Raise `ValueError` for anything else."""
        found = _DATE.fullmatch(self.date)
        if found is None:
            raise ValueError(f"line {self.line}: {self.date!r} is not a date such as 2026-05-07 or 2026-05.")
        year, month = int(found[1]), int(found[2])
        day = int(found[3]) if found[3] else calendar.monthrange(year, month)[1]
        return datetime.date(year, month, day)


def read_rows(text: str) -> list[Row]:
    """Return the rows of every table with these columns; rows that only hold a heading are left out.

    Raise `ValueError` for a row with another number of cells.
    """
    rows: list[Row] = []
    is_inside = False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split(" | ")]
        if not line.startswith("|"):
            is_inside = False
        elif tuple(cells) == COLUMNS:
            is_inside = True
        elif is_inside and not line.startswith("| ---") and not cells[0].startswith("**"):
            if len(cells) != len(COLUMNS):
                raise ValueError(f"line {number}: a row has {len(COLUMNS)} cells, this one has {len(cells)}.")
            rows.append(Row(number, *cells))
    return rows


def warning(rows: Sequence[Row], today: datetime.date, *, all_sources: bool = False) -> str:
    """Return one line that counts the rows with sources older than 180 days and names the oldest source; "" for none.

    Arguments: `all_sources`, add a line for each of those sources, with the number of its rows.
    """
    old = Counter((row.date, row.source) for row in rows if (today - row.last_day).days > MOST_DAYS)
    if not old:
        return ""
    found = sorted(old.items())
    (day, source), _ = found[0]
    if all_sources:
        more = ":" + "".join(
            f"\n  {source} of {day}: {count} {'row' if count == 1 else 'rows'}" for (day, source), count in found
        )
    else:
        more = f", the oldest from {day} ({source}). To list them: python -m tests.support.azure.fidelity --all"
    return (
        f"Warning: {old.total()} of {len(rows)} rows of docs/fidelity.md have sources older than {MOST_DAYS} days{more}"
    )


def main(arguments: Sequence[str]) -> int:
    """Print the warning, if there is one. A source that is old is no failure."""
    rows = read_rows(TABLE.read_text(encoding="utf-8"))
    today = datetime.datetime.now(datetime.UTC).date()
    found = warning(rows, today, all_sources="--all" in arguments)
    if found:
        print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
