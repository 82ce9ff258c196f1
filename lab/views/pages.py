"""The pages of the lab: the exercises, and one exercise as a page of its own."""

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from lab.pages.catalogue import catalogue_of
from lab.pages.panel import panel_of
from lab.places import get_place
from lab.views.context import check_lab
from namespaces.views.context import namespace_context
from portal.web.responses import PageRequest, render_page


@require_safe
def home(request: PageRequest) -> HttpResponse:
    """Show the exercises, and where the person works."""
    check_lab()
    return render_page(request, "lab/home.html", {"catalogue": catalogue_of(request.user)})


@require_safe
def place(request: PageRequest, pk: int) -> HttpResponse:
    """Show the exercises inside a namespace, which they would use."""
    check_lab()
    namespace = get_place(request.user, pk)
    context = namespace_context(request, namespace, catalogue=catalogue_of(request.user, pk))
    return render_page(request, "lab/place.html", context)


@require_safe
def exercise(request: PageRequest) -> HttpResponse:
    """Show the exercise that the person is working on as a page, as it is without JavaScript; before the first, the exercises."""
    check_lab()
    if panel_of(request.user) is None:
        return home(request)
    return exercise_page(request)


def exercise_page(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    panel = panel_of(request.user)
    return render_page(request, "lab/exercise.html", {"panel": panel, "is_page": True, **more}, status=status)
