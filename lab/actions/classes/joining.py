"""Join a class and return to one's seat, by codes."""

from django.db import transaction
from django.utils import timezone

from lab.actions.classes import codes as class_codes
from lab.actions.classes.codes import Guess
from lab.actions.classes.errors import ClassError
from lab.actions.classes.making import record
from lab.models import Seat, TrainingClass

WRONG = "This code opens no class. Check it with your trainer; upper and lower case are the same."
WRONG_RETURN = "This code opens no seat. Your trainer can give you a new one."


def join(typed: str, first_name: str) -> tuple[Seat, str]:
    """Give a trainee the next free seat. Return it with its return code, which is stored as a hash only.

    Raise ClassError, TooManyGuessesError.
    """
    training = _class_of(typed)
    if training.has_ended:
        raise ClassError("code", "ended", "This class has ended.")
    if training.state == TrainingClass.State.LOCKED:
        raise ClassError("code", "locked", "Your trainer has locked joining. Ask them to open it.")
    with transaction.atomic(durable=True):
        seat = _take_free_seat(training, first_name)
        secret = class_codes.new_secret()
        seat.return_hash = class_codes.return_hash(secret, seat.pk)
        Seat.objects.filter(pk=seat.pk).update(return_hash=seat.return_hash)
        user = seat.user
        user.first_name, user.is_active = first_name, True
        user.save(update_fields=["first_name", "is_active"])
        record(user, training, "Join class", name=f"Seat {seat.number:02}", after={"first_name": first_name})
    return seat, class_codes.shown(secret, training.pk, seat.number)


def _class_of(typed: str) -> TrainingClass:
    """Return the class whose join code was typed."""
    code = class_codes.read_join_code(typed)
    training = TrainingClass.objects.filter(pk=code.training).first() if code else None
    if code is None or training is None:
        raise ClassError("code", "wrong-code", WRONG)
    guess = Guess(training.pk)
    if not class_codes.is_same(class_codes.opened(training.join_code), code.secret):
        raise ClassError("code", "wrong-code", WRONG)
    guess.was_right()
    return training


def _take_free_seat(training: TrainingClass, first_name: str) -> Seat:
    """Take the free seat with the lowest number. Two trainees who join at once get two."""
    locked = TrainingClass.objects.select_for_update(no_key=True).get(pk=training.pk)
    if locked.state != TrainingClass.State.OPEN:
        raise ClassError("code", "locked", "Your trainer has just locked joining.")
    for seat in training.seats.filter(joined_at=None).select_related("user", "namespace", "training"):
        free = Seat.objects.filter(pk=seat.pk, joined_at=None)
        if free.update(joined_at=timezone.now(), first_name=first_name, return_hash="-"):
            seat.first_name = first_name
            return seat
    raise ClassError("code", "full", "All seats are taken. Ask your trainer.")


def return_to_seat(typed: str) -> Seat:
    """Return the seat whose return code was typed. Raise ClassError, TooManyGuessesError."""
    code = class_codes.read_return_code(typed)
    training = TrainingClass.objects.filter(pk=code.training).first() if code else None
    if code is None or training is None:
        raise ClassError("return_code", "wrong-code", WRONG_RETURN)
    guess = Guess(training.pk)
    seat = training.seats.joined().filter(number=code.seat).select_related("user", "namespace").first()
    right = class_codes.return_hash(code.secret, seat.pk) if seat else ""
    if seat is None or not class_codes.is_same(right, seat.return_hash):
        raise ClassError("return_code", "wrong-code", WRONG_RETURN)
    guess.was_right()
    if training.has_ended or not seat.user.is_active:
        raise ClassError("return_code", "ended", "This class has ended.")
    seat.training = training
    return seat
