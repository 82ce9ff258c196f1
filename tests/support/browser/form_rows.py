"""What a browser posts for an editor of rows."""

from collections.abc import Mapping, Sequence


def posted_rows(prefix: str, rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the fields of a Django formset with these rows."""
    fields = {f"{prefix}-{at}-{name}": value for at, row in enumerate(rows) for name, value in row.items()}
    return {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": "0", **fields}
