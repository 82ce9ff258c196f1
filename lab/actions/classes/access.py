"""Who may do what with a class: administrators hold them, trainees sit in them. Only where the target is an emulator."""

from django.conf import settings
from django.http import Http404

from lab.models import Seat, TrainingClass
from lab.models.classes import ACCOUNTS
from portal.models import User
from portal.web.access_denied import Denied
from sync.capabilities.fault_training import FaultControl, fault_control

NAMED = 5


def is_offered() -> bool:
    """Return whether there can be classes: the target is an emulator, which offers a control API."""
    return bool(settings.FAULT_CONTROL_GATEWAY)


def emulator() -> FaultControl:
    """Return the control of the emulator. Raise Http404 where the portal is connected to something else."""
    control = fault_control()
    if control is None:
        raise Http404("The portal is not connected to an emulator.")
    return control


def check_trainer(user: User) -> None:
    """Raise Http404 where there are no classes, and Denied for everyone but administrators."""
    emulator()
    if not user.is_superuser:
        raise Denied("Only administrators hold classes.", _ask_an_administrator)


def get_class(user: User, pk: int, *, is_running: bool = False) -> TrainingClass:
    """Return a class for its trainer. Raise Http404, Denied."""
    check_trainer(user)
    training = TrainingClass.objects.filter(pk=pk).select_related("trainer").first()
    if training is None:
        raise Http404("There is no such class.")
    if is_running and training.has_ended:
        raise Http404("This class has ended.")
    return training


def get_seat(training: TrainingClass, number: int) -> Seat:
    """Return a seat by its number. Raise Http404."""
    seat = training.seats.select_related("namespace", "user").filter(number=number).first()
    if seat is None:
        raise Http404("The class has no such seat.")
    seat.training = training
    return seat


def seat_of(user: User) -> Seat | None:
    """Return the seat of a trainee in a running class, or None for every other user."""
    if not user.is_authenticated or not user.username.startswith(ACCOUNTS):  # without asking the database
        return None
    return Seat.objects.running().joined().filter(user=user).select_related("training").first()


def administrator_now(actor: User) -> None:
    """Raise Denied unless the actor is an active administrator now."""
    if not User.objects.filter(pk=actor.pk, is_active=True, is_superuser=True).exists():
        raise Denied("Only administrators hold classes.", _ask_an_administrator)


def _ask_an_administrator() -> str:
    rows = User.objects.filter(is_superuser=True, is_active=True).order_by("username")[:NAMED]
    return f"Ask an administrator: {', '.join(row.display_name for row in rows)}."
