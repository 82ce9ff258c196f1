"""The search of the top bar and its page."""

from itertools import groupby

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from portal.listing import whole_number
from portal.registry import SearchHit, search
from portal.web.responses import PageRequest

MOST_QUICK_HITS = 10
MOST_HITS = 200
MOST_QUERY = 200


@require_safe
def search_page(request: PageRequest) -> HttpResponse:
    """Return the matches that the user may see: for htmx a short list under the search box, else a page."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:MOST_QUERY]
    namespace_pk = whole_number(request.GET.get("namespace", ""))
    quick = bool(request.htmx) and not request.htmx.boosted
    limit = MOST_QUICK_HITS if quick else MOST_HITS
    hits: list[SearchHit] = []
    for hit in search(request.user, query, namespace_pk):
        hits.append(hit)
        if len(hits) > limit:
            break
    context = {
        "search_query": query,
        "search_namespace": namespace_pk,
        "groups": [(kind, list(found)) for kind, found in groupby(hits[:limit], key=lambda hit: hit.kind)],
        "count": len(hits[:limit]),
        "more": len(hits) > limit,
    }
    response = render(request, "portal/search.html#quick" if quick else "portal/search.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response
