"""What a trainer changes in a running class: each asks first where something is lost."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST

from lab.actions.classes import changes
from lab.actions.classes.access import get_class, get_seat
from lab.actions.classes.errors import ClassError
from lab.actions.classes.faults import end_fault, start_fault
from lab.models import TrainingClass
from lab.pages.class_report import report_of
from lab.views.class_forms import TellForm
from lab.views.classes import board_context
from portal.views.people.context import Question, keep_secret
from portal.web.responses import PageRequest, go_to, render_page

asks_first = require_http_methods(["GET", "HEAD", "POST"])
BOARD = "classes:class_board"


@require_POST
def class_lock(request: PageRequest, training: int) -> HttpResponseBase:
    """Lock joining, or open it again."""
    found = get_class(request.user, training, is_running=True)
    is_locked = found.state == TrainingClass.State.OPEN
    return _done(
        request,
        found,
        lambda: changes.set_locked(request.user, training=found, is_locked=is_locked),
        "Nobody can join any more." if is_locked else "Trainees can join again.",
    )


@asks_first
def class_code_renew(request: PageRequest, training: int) -> HttpResponseBase:
    found = get_class(request.user, training, is_running=True)
    lines = ("The present code stops working at once. Trainees who have joined keep their seats.",)
    question = Question("New join code", found.title, lines, "Create code")
    return _ask(
        request, found, question, lambda: changes.renew_join_code(request.user, training=found), "The code is new."
    )


@asks_first
def class_tell(request: PageRequest, training: int) -> HttpResponseBase:
    """Show a message on the pages of all seats."""
    found = get_class(request.user, training, is_running=True)
    form = TellForm(request.POST if request.method == "POST" else None, initial={"message": found.message})
    if form.is_valid():
        message = form.cleaned_data["message"]
        done = "The class sees your message." if message else "The message is taken away."
        return _done(request, found, lambda: changes.tell(request.user, training=found, message=message), done)
    context = board_context(request, found) | {"form": form}
    return render_page(request, "lab/class_tell.html", context, partial="pane", status=422 if form.is_bound else 200)


@require_POST
def class_fault(request: PageRequest, training: int) -> HttpResponseBase:
    """Start a fault for all seats, or end it."""
    found = get_class(request.user, training, is_running=True)
    act = end_fault if request.POST.get("do") == "end" else start_fault
    done = "The fault has ended." if act is end_fault else "The fault is on, for the seats of this class only."
    return _done(request, found, lambda: act(request.user, training=found, code=request.POST.get("fault", "")), done)


@asks_first
def class_reset(request: PageRequest, training: int) -> HttpResponseBase:
    """Put all seats back to the start."""
    found = get_class(request.user, training, is_running=True)
    seats = list(found.seats.select_related("namespace", "user"))
    lines = (
        f"All {len(seats)} namespaces are emptied, and their progress, connections and requests for help are deleted.",
        "Trainees keep their seats and return codes. Devices are disconnected.",
    )
    question = Question("Reset all seats", found.title, lines, "Reset all seats", "danger")
    return _ask(
        request,
        found,
        question,
        lambda: changes.reset_seats(request.user, training=found, seats=seats),
        "All seats are back at the start.",
    )


@asks_first
def class_end(request: PageRequest, training: int) -> HttpResponseBase:
    """End the class, and keep its report."""
    found = get_class(request.user, training, is_running=True)
    lines = (
        "All trainees are signed out, and their accounts are disabled.",
        "The namespaces of the seats are deleted, and what is in them.",
        "The report is kept.",
    )
    question = Question("End class", found.title, lines, "End class", "danger")

    def act() -> None:
        if not changes.end_class(request.user, training=found, report=report_of(found)):
            messages.warning(request, "The emulator did not answer: the namespaces are still in it.")

    return _ask(request, found, question, act, "The class has ended. Its report is below.")


@asks_first
def seat_reset(request: PageRequest, training: int, seat: int) -> HttpResponseBase:
    """Put one seat back to the start."""
    found = get_class(request.user, training, is_running=True)
    place = get_seat(found, seat)
    lines = (
        "Its namespace is emptied, and its progress, connections and request for help are deleted.",
        "The trainee keeps the seat and the return code. Devices are disconnected.",
    )
    question = Question("Reset seat", str(place), lines, "Reset seat", "danger")
    return _ask(
        request,
        found,
        question,
        lambda: changes.reset_seats(request.user, training=found, seats=[place]),
        f"Seat {place} is back at the start.",
    )


@require_POST
def seat_helped(request: PageRequest, training: int, seat: int) -> HttpResponseBase:
    """Note that a trainee was helped."""
    found = get_class(request.user, training, is_running=True)
    place = get_seat(found, seat)
    return _done(request, found, lambda: changes.end_help(place), f"{place} was helped.")


@asks_first
def seat_code_renew(request: PageRequest, training: int, seat: int) -> HttpResponseBase:
    """Give a trainee a new return code, which only this response shows."""
    found = get_class(request.user, training, is_running=True)
    place = get_seat(found, seat)
    lines = ("The present code stops working, and the seat is signed out everywhere. You get a new code to pass on.",)
    question = Question("New return code", str(place), lines, "Create code")
    context = board_context(request, found) | {"question": question, "seat": place}
    if request.method != "POST":
        return render_page(request, "lab/class_confirm.html", context, partial="pane")
    try:
        context |= {"code": changes.renew_return_code(request.user, seat=place)}
    except ClassError as refusal:
        context |= {"refusal": refusal}
        return render_page(request, "lab/class_confirm.html", context, partial="pane", status=422)
    return keep_secret(render_page(request, "lab/seat_code.html", context, partial="pane"))


def _ask(
    request: PageRequest, training: TrainingClass, question: Question, act: Callable[[], None], done: str
) -> HttpResponseBase:
    """Ask in a pane, and act on POST."""
    context = board_context(request, training) | {"question": question}
    if request.method == "POST":
        try:
            act()
        except ClassError as refusal:
            context |= {"refusal": refusal}
        else:
            messages.success(request, done)
            return go_to(request, BOARD, training.pk)
    status = 422 if request.method == "POST" else 200
    return render_page(request, "lab/class_confirm.html", context, partial="pane", status=status)


def _done(request: PageRequest, training: TrainingClass, act: Callable[[], object], done: str) -> HttpResponseBase:
    """Act at once and go back to the board."""
    try:
        act()
    except ClassError as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, done)
    return go_to(request, BOARD, training.pk)
