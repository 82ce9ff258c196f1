"""What a page keeps of the rows it was opened with: the edition of one row, or those of many as short text."""

import re
from collections.abc import Mapping

MOST_EDITIONS = 20_000
_EDITION = re.compile(r"[1-9][0-9]{0,17}\.[1-9][0-9]{0,17}")
_RUN = re.compile(r"([1-9][0-9]{0,17})(?:-([1-9][0-9]{0,17}))?\.([1-9][0-9]{0,17})")


def edited_generation_of(edition: str) -> int:
    """Return the generation of the last edit that an edition names."""
    return int(edition.partition(".")[2])


def is_edition(text: str) -> bool:
    """Return whether the text has the form of an edition, `PK.GENERATION`."""
    return _EDITION.fullmatch(text) is not None


def written(editions: Mapping[int, int]) -> str:
    """Return the edited generations by primary key as text: neighbours with the same one as `FIRST-LAST.GENERATION`."""
    runs: list[tuple[int, int, int]] = []
    for pk, generation in sorted(editions.items()):
        if runs and runs[-1][1:] == (pk - 1, generation):
            runs[-1] = (runs[-1][0], pk, generation)
        else:
            runs.append((pk, pk, generation))
    return " ".join(
        f"{first}.{generation}" if first == last else f"{first}-{last}.{generation}" for first, last, generation in runs
    )


def read(text: str) -> dict[int, int] | None:
    """Return what `written` wrote; None for other text."""
    found: dict[int, int] = {}
    for part in text.split(" ") if text else ():
        run = _RUN.fullmatch(part)
        if run is None:
            return None
        first = int(run[1])
        last = int(run[2] or first)
        if last < first or len(found) + last - first >= MOST_EDITIONS:
            return None
        found.update(dict.fromkeys(range(first, last + 1), int(run[3])))
    return found
