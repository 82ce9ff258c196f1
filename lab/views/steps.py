"""What a trainee does in the lab: each a POST that answers with the panel, or with the page where there is no JavaScript."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from lab.actions.exercises import progress as actions
from lab.actions.exercises.progress import Begun
from lab.actions.exercises.showing import show_me, wait_for_azure
from lab.catalogue.exercise import Exercise
from lab.models import Progress
from lab.pages.catalogue import done_in_words
from lab.pages.panel import PANEL, panel_of
from lab.places import get_place
from lab.views.context import check_lab, current, download_context, get_exercise
from lab.views.pages import exercise_page
from namespaces.models import Namespace
from namespaces.rules.errors import RuleError
from portal.listing import whole_number
from portal.web.recorded_requests import mark_as_download
from portal.web.responses import PageRequest, local_url, render_page
from sync.arm.gateway import AzureRefused, AzureUnreachable
from sync.control import HeldBack

FAULTS = (RuleError, HeldBack, AzureRefused, AzureUnreachable)
SHOWN = "The portal does the steps now. Watch the checks, and read what each step did."


@require_POST
def begin(request: PageRequest, slug: str) -> HttpResponseBase:
    """Begin an exercise in a namespace, or start it over."""
    exercise = get_exercise(slug)
    pk = whole_number(request.POST.get("namespace", ""))
    if pk is None:
        return redirect("lab:home")  # to choose one
    namespace = get_place(request.user, pk)
    return _begin(request, exercise, namespace)


def _begin(request: PageRequest, exercise: Exercise, namespace: Namespace) -> HttpResponseBase:
    """Put the start state, and show the page with the files: their keys are in no other place."""
    try:
        begun = actions.begin(request.user, namespace=namespace, exercise=exercise)
    except FAULTS as fault:
        messages.error(request, f"The start state is incomplete. {fault} Choose Start over to try again.")
        return redirect("lab:exercise")
    if begun.chain is None:
        return redirect("lab:exercise")
    page = exercise_page(request, **download_context(begun.chain))
    return mark_as_download(page, "exercise-files.zip")


@require_POST
def again(request: PageRequest) -> HttpResponseBase:
    """Start over: put the start state back."""
    found = current(request.user)
    return _begin(request, found[1], found[2]) if found else redirect("lab:home")


@require_POST
def show(request: PageRequest) -> HttpResponseBase:
    """Do the steps of the exercise."""
    found = current(request.user)
    if found is None:
        return redirect("lab:home")
    _, exercise, namespace = found
    try:
        _show(request, exercise, namespace)
    except FAULTS as fault:
        messages.error(request, f"The steps cannot be shown. {fault}")
    else:
        messages.info(request, SHOWN)
    return redirect("lab:exercise")


def _show(request: PageRequest, exercise: Exercise, namespace: Namespace) -> Begun:
    return show_me(request.user, namespace=namespace, exercise=exercise, wait=wait_for_azure, in_background=True)


@require_POST
def watch(request: PageRequest) -> HttpResponseBase:
    """Check what really happened. A poll with the version of the panel it shows gets an answer only if that changed."""
    found = current(request.user)
    if found is None:
        return _answer(request)
    actions.watch(found[0], found[2])
    panel = panel_of(request.user)
    if request.htmx and panel is not None and panel.version == request.POST.get("version", ""):
        return HttpResponse(status=204)
    return _answer(request)


def _answer(request: PageRequest) -> HttpResponseBase:
    """Return the panel to htmx, and go back to the page elsewhere."""
    if not request.htmx:
        back = request.POST.get("next", "")
        return redirect(local_url(request, back)) if back else redirect("lab:exercise")
    is_page = "page" in request.POST
    return render_page(request, PANEL, {"panel": panel_of(request.user), "is_page": is_page} | _note(request))


def _note(request: PageRequest) -> dict[str, str]:
    """Return what the menu shows of the progress: the page has it from before."""
    return {"note": done_in_words(request.user)}


def _change(change: Callable[[Progress], object]) -> Callable[[PageRequest], HttpResponseBase]:
    """Return the view of a button that changes the progress."""

    @require_POST
    def view(request: PageRequest) -> HttpResponseBase:
        found = current(request.user)
        if found is not None:
            change(found[0])
        return _answer(request)

    return view


hint = _change(actions.open_hint)
skip = _change(actions.skip)


@require_POST
def fold(request: PageRequest) -> HttpResponseBase:
    """Fold the panel to a rail, or unfold it."""
    check_lab()
    actions.fold(request.user, is_folded=request.POST.get("folded") == "yes")
    return _answer(request)


@require_POST
def close(request: PageRequest) -> HttpResponseBase:
    """Close the panel. Progress is kept."""
    check_lab()
    actions.close(request.user)
    return redirect("lab:home")
