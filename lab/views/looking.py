"""Look over the shoulder of a trainee: begun by a POST, then read by GET only."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from lab.actions.classes.access import get_class, get_seat
from lab.actions.classes.errors import ClassError
from lab.actions.classes.looking import begin_to_look, end_look, is_watched
from lab.pages.seat_look import look_at
from portal.web.responses import PageRequest, go_to, render_page


@require_http_methods(["GET", "HEAD", "POST"])
def seat_look(request: PageRequest, training: int, seat: int) -> HttpResponseBase:
    """Show what the trainee has done; before that, say that the trainee sees it, and begin by POST."""
    found = get_class(request.user, training, is_running=True)
    place = get_seat(found, seat)
    if request.method == "POST":
        try:
            begin_to_look(request.user, seat=place)
        except ClassError as refusal:
            messages.error(request, refusal.sentence)
            return go_to(request, "classes:class_board", found.pk)
        return go_to(request, "classes:seat_look", found.pk, place.number)
    context = {"training": found, "seat": place, "menu_current": "classes:class_list"}
    if is_watched(place, timezone.now()):
        context["look"] = look = look_at(place)
        if request.htmx and request.GET.get("seen") == look.version:
            return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render_page(request, "lab/seat_look.html", context, partial="look")


@require_POST
def seat_look_end(request: PageRequest, training: int, seat: int) -> HttpResponseBase:
    found = get_class(request.user, training, is_running=True)
    place = get_seat(found, seat)
    end_look(request.user, seat=place)
    return go_to(request, "classes:class_board", found.pk)
