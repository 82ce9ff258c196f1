"""Markdown of exercises as HTML. HTML in the text is shown as text."""

from functools import lru_cache

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_READER = MarkdownIt("commonmark", {"html": False}).enable("table")


@lru_cache(maxsize=512)
def as_html(text: str) -> SafeString:
    """Return CommonMark as HTML; its HTML is escaped, and links to scripts are no links."""
    html: str = _READER.render(text)
    return mark_safe(html)  # noqa: S308  the reader escapes HTML
