"""Show invisible characters on pages, so that no name reverses, hides or imitates the text beside it.

Templates mark such text by the filter `visible`; this middleware is the net under them, for every page and partial.
"""

import re
import unicodedata
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_UNSEEN = r"\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_ANY = re.compile(f"[{_UNSEEN}]")
# Unchanged: tags, whose attributes hold what forms submit, and the text of a field that the user edits.
_PIECE = re.compile(rf"<textarea\b[^>]*>.*?</textarea>|<[^>]*>|[{_UNSEEN}]", re.DOTALL)


def named(text: str, *, kept: str = "\n\t") -> str:
    """Return the text with ‹U+202E› for each invisible character, except for those in `kept`."""
    if text.isprintable():  # nearly always, and fast
        return text
    return "".join(f"‹U+{ord(char):04X}›" if _is_unseen(char) and char not in kept else char for char in text)


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


class ShowUnseenMiddleware:
    """Replace invisible characters in the text of HTML by ‹U+202E›."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        page = response.content.decode(response.charset)
        if _ANY.search(page):
            response.content = _PIECE.sub(_shown, page)
        return response


def _shown(piece: re.Match[str]) -> str:
    return piece[0] if piece[0].startswith("<") else f"‹U+{ord(piece[0]):04X}›"
