"""The trainer looks over the shoulder, and the seat sees it."""

import pytest
from django.urls import reverse
from django.utils import timezone

from lab.actions.classes.looking import LOOKS_FOR
from lab.models import Seat, TrainingClass
from portal.models import Activity, User
from tests.lab.classes.joining import join, page
from tests.support.browsing import signed_in
from tests.support.factories import make_client

pytestmark = pytest.mark.django_db


def test_the_trainer_looks_over_the_shoulder_and_the_seat_sees_it(training: TrainingClass, admin: User) -> None:
    browser, seat, _ = join(training, "Ines")
    assert seat.namespace is not None
    make_client(seat.namespace, "press-1")
    trainer, url = signed_in(admin), page("seat_look", training.pk, seat.number)
    assert "look" not in trainer.get(url).context
    assert "data-watched" not in browser.get(page("seat_bar")).content.decode()
    assert trainer.post(url).status_code == 302
    look = trainer.get(url).context["look"]
    assert [client.name for client in look.clients] == ["press-1"]
    assert "data-watched" in browser.get(page("seat_bar")).content.decode()
    log = browser.get(reverse("namespaces:namespace_activity", args=[seat.namespace_id])).content.decode()
    assert "Look over the shoulder" in log
    poll = {"HX-Request": "true", "HX-Trigger": "seat-look"}
    assert trainer.get(url, {"seen": look.version}, headers=poll).status_code == 204
    trainer.post(page("seat_look_end", training.pk, seat.number))
    assert "look" not in trainer.get(url).context
    assert "data-watched" not in browser.get(page("seat_bar")).content.decode()
    assert [entry.verb for entry in Activity.objects.filter(kind="lab.seat").order_by("pk")] == [
        "Look over the shoulder",
        "Stop looking over the shoulder",
    ]


def test_a_look_ends_after_a_while_and_a_free_seat_shows_nothing(training: TrainingClass, admin: User) -> None:
    _, seat, _ = join(training, "Ines")
    trainer, url = signed_in(admin), page("seat_look", training.pk, seat.number)
    trainer.post(url)
    Seat.objects.filter(pk=seat.pk).update(watched_at=timezone.now() - LOOKS_FOR)
    assert "look" not in trainer.get(url).context
    trainer.post(page("seat_look", training.pk, 3))
    assert "look" not in trainer.get(page("seat_look", training.pk, 3)).context
    assert Activity.objects.filter(kind="lab.seat").count() == 1
