"""Compare HTML regardless of how its template is laid out."""

import re


def on_one_line(page: str) -> str:
    """Return the page without line breaks, and without white space beside tags."""
    return re.sub(r" ?([<>]) ?", r"\1", re.sub(r"\s+", " ", page))
