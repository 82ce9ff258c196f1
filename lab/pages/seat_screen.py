"""The page on a trainee's screen: which one it is, and whether the trainer can be shown it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.urls import Resolver404, ResolverMatch, resolve

from lab.actions.classes.looking import screen_of
from lab.models import Seat

SHOWN_APPS = ("namespaces", "certificates", "sync")  # their pages are of the namespace, not of the person
NO_PAGES = (
    "_csv",
    "_pem",
    "_export",
    "_live",
    "_states",
    "_state",
    "_newer",
    "_draft",
    "_check",
    "_check_name",
    "_detail_json",
)


@dataclass(frozen=True)
class Screen:
    """A path of the portal, "" while it is not known. `is_shown`: a page of the seat's namespace."""

    path: str = ""
    is_shown: bool = False


def screen_on(seat: Seat) -> Screen:
    """Return what is on the screen of a seat."""
    path = screen_of(seat)
    return Screen(path, page_of(seat, path) is not None)


def page_of(seat: Seat, path: str) -> ResolverMatch | None:
    """Return the view of a page of the seat's own namespace; None for every other address."""
    try:
        match = resolve(urlsplit(path).path)
    except (Resolver404, ValueError):
        return None
    is_page = match.app_name in SHOWN_APPS and not str(match.url_name).endswith(NO_PAGES)
    return match if is_page and match.kwargs.get("pk") == seat.namespace_id else None
