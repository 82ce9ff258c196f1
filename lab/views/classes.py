"""Classes as their trainer holds them: the list, the board and what is shown large."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from lab.actions.classes.access import check_trainer, get_class
from lab.actions.classes.errors import ClassError
from lab.actions.classes.making import create_class
from lab.models import TrainingClass
from lab.pages.class_board import Board, board_of
from lab.pages.class_list import listed_classes
from lab.pages.class_report import HEADINGS, report_of
from lab.views.class_forms import CreateClassForm
from portal.web.csv_files import csv_response
from portal.web.responses import PageRequest, go_to, render_page


@require_safe
def class_list(request: PageRequest) -> HttpResponse:
    check_trainer(request.user)
    return render_page(request, "lab/class_list.html", {"classes": listed_classes()})


@require_http_methods(["GET", "HEAD", "POST"])
def class_create(request: PageRequest) -> HttpResponseBase:
    """Ask for title and number of seats, and make the class."""
    check_trainer(request.user)
    form = CreateClassForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            training = create_class(request.user, title=form.cleaned_data["title"], seats=form.cleaned_data["seats"])
        except ClassError as refusal:
            form.refuse_class(refusal)
        else:
            messages.success(request, f"{training.title} is ready. Trainees join with the code.")
            return go_to(request, "classes:class_board", training.pk)
    context = {"classes": listed_classes(), "form": form, "menu_current": "classes:class_list"}
    status = 422 if form.is_bound else 200
    return render_page(request, "lab/class_create.html", context, partial="pane", status=status)


@require_safe
def class_board(request: PageRequest, training: int) -> HttpResponse:
    """Show the board; htmx reads its content again while the class runs."""
    found = get_class(request.user, training)
    if found.has_ended:
        context = {"training": found, "headings": HEADINGS, "rows": report_of(found)}
        return render_page(request, "lab/class_ended.html", context | _menu())
    context = board_context(request, found)
    board = context["board"]
    if request.htmx and isinstance(board, Board) and request.GET.get("seen") == board.version:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)  # the page is left alone: focus, selection, screen reader
    return render_page(request, "lab/class_board.html", context, partial="board")


@require_safe
def class_large(request: PageRequest, training: int) -> HttpResponse:
    """Show where to join and the code, large enough for the room."""
    found = get_class(request.user, training, is_running=True)
    return render_page(request, "lab/class_large.html", board_context(request, found))


@require_safe
def class_report_csv(request: PageRequest, training: int) -> HttpResponseBase:
    found = get_class(request.user, training)
    return csv_response("class-report.csv", HEADINGS, report_of(found))


def board_context(request: PageRequest, training: TrainingClass) -> dict[str, object]:
    """Return what the board draws, also below an open pane."""
    board = board_of(training, timezone.now())
    join = request.build_absolute_uri(reverse("classes:join"))
    link = request.build_absolute_uri(reverse("classes:join", query={"code": board.join_code}))
    return {"training": training, "board": board, "join_url": join, "join_link": link} | _menu()


def _menu() -> dict[str, object]:
    return {"menu_current": "classes:class_list"}
