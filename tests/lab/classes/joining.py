"""Join a class as a trainee does."""

from django.test import Client as Browser
from django.urls import reverse

from lab.actions.classes import codes as class_codes
from lab.models import Seat, TrainingClass


def join_code(training: TrainingClass) -> str:
    training.refresh_from_db()
    return class_codes.shown(class_codes.opened(training.join_code), training.pk)


def join(training: TrainingClass, name: str) -> tuple[Browser, Seat, str]:
    """Join as a trainee does, and return the browser, the seat and the return code that the page shows."""
    browser = Browser()
    answer = browser.post(reverse("classes:join"), {"code": join_code(training), "first_name": name})
    assert answer.status_code == 200, answer.content.decode()
    return browser, Seat.objects.get(pk=answer.context["seat"].pk), answer.context["code"]


def page(name: str, *args: object) -> str:
    return reverse(f"classes:{name}", args=args)
