"""Lists: columns that sort, search text, numbers and pages, as a query string asks for them."""

from portal.listing.columns import (
    PAGE_SIZE,
    PAGE_SIZES,
    Column,
    Columns,
    asked_text,
    headings,
    ordering_of,
    size_of,
    sorting_of,
    whole_number,
)
from portal.listing.pages import MOST_COUNTED, page_of

__all__ = [
    "MOST_COUNTED",
    "PAGE_SIZE",
    "PAGE_SIZES",
    "Column",
    "Columns",
    "asked_text",
    "headings",
    "ordering_of",
    "page_of",
    "size_of",
    "sorting_of",
    "whole_number",
]
