"""The sources of the search: pages, actions, and things by name."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from portal.models import User


@dataclass(frozen=True)
class SearchHit:
    kind: str
    title: str
    subtitle: str
    url: str


SearchSource = Callable[[User, str], Iterable[SearchHit]]
# The pages that a user may open: of the portal, and of the current namespace (its primary key).
PageSource = Callable[[User, int | None], Iterable[SearchHit]]
MOST_PAGES = 5  # in search results
_search_sources: list[SearchSource] = []
_page_sources: list[PageSource] = []
_action_sources: list[PageSource] = []


def register_search(source: SearchSource) -> None:
    if source not in _search_sources:
        _search_sources.append(source)


def page_hit(title: str, subtitle: str, url: str) -> SearchHit:
    return SearchHit("Page", title, subtitle, url)


def register_pages(source: PageSource) -> None:
    if source not in _page_sources:
        _page_sources.append(source)


def register_actions(source: PageSource) -> None:
    """Let the search find what a user may do, by its verb: each is a page that begins it."""
    if source not in _action_sources:
        _action_sources.append(source)


def search(user: User, query: str, namespace_pk: int | None = None) -> Iterator[SearchHit]:
    """Yield the matches that the user may see: pages, actions, then source by source. Each source limits its own results.

    `namespace_pk` is the current namespace, whose pages are searched too.
    """
    query = query.strip()
    if query:
        yield from islice(_titled(_page_sources, user, query, namespace_pk), MOST_PAGES)
        yield from islice(_titled(_action_sources, user, query, namespace_pk), MOST_PAGES)
        for source in _search_sources:
            yield from source(user, query)


def _titled(sources: Sequence[PageSource], user: User, query: str, namespace_pk: int | None) -> Iterator[SearchHit]:
    """Yield the pages in whose title each word of the query starts a word."""
    wanted = query.casefold().split()
    for source in reversed(sources):  # the apps registered last know the current namespace: its pages come first
        for page in source(user, namespace_pk):
            words = re.split(r"\W+", page.title.casefold())
            if all(any(word.startswith(each) for word in words) for each in wanted):
                yield page
