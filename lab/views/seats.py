"""What a trainee does with the class: ask for help, and see what the trainer tells it."""

from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HTMX_STOP_POLLING

from lab.actions.classes.access import seat_of
from lab.actions.classes.changes import ask_for_help, end_help
from lab.actions.classes.looking import note_screen
from lab.models import Seat
from lab.pages.seat_bar import bar_of
from lab.views.class_forms import AskForm
from portal.web.responses import PageRequest, local_url


@require_safe
def seat_bar(request: PageRequest) -> HttpResponse:
    """Return the bar of a seat, or end its polling when the class is over."""
    bar = bar_of(request.user)
    if bar is None:
        return HttpResponse(status=HTMX_STOP_POLLING)
    note_screen(bar.context["seat"], _address_in(request))
    if request.GET.get("seen") == bar.context["version"]:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)  # the page is left alone: focus, selection, screen reader
    return render(request, "lab/seat_bar.html", {"bar": bar.context})


@require_http_methods(["GET", "HEAD", "POST"])
def seat_ask(request: PageRequest) -> HttpResponseBase:
    """Ask the trainer for help: one click, and a sentence if the trainee wants."""
    seat = _own_seat(request)
    form = AskForm(request.POST if request.method == "POST" else None, initial={"question": seat.help_text})
    if form.is_valid():
        ask_for_help(seat, question=form.cleaned_data["question"])
        return _back(request)
    context = {"form": form, "seat": seat}
    return render(request, "lab/seat_ask.html", context, status=422 if form.is_bound else 200)


@require_POST
def seat_ask_end(request: PageRequest) -> HttpResponseBase:
    """Take the request for help back."""
    end_help(_own_seat(request))
    return _back(request)


def _back(request: PageRequest) -> HttpResponseBase:
    """Go back to the page with the button; after the form for a sentence, home."""
    came_from = request.headers.get("Referer", "")
    is_form = _path_of(came_from) == reverse("classes:seat_ask")
    return redirect(local_url(request, request.POST.get("next") or ("" if is_form else came_from)))


def _address_in(request: PageRequest) -> str:
    """Return path and query of the page that asks, as htmx sends it, or "" for what is no page of this portal."""
    try:
        parts = urlsplit(request.htmx.current_url or "")
    except ValueError:
        return ""
    return urlunsplit(("", "", parts.path, parts.query, "")) if parts.netloc == request.get_host() else ""


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _own_seat(request: PageRequest) -> Seat:
    seat = seat_of(request.user)
    if seat is None:
        raise Http404("You have no seat in a class.")
    return seat
