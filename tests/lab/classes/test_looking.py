"""The trainer looks over the shoulder, and the seat sees it."""

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from lab.actions.classes.looking import LOOKS_FOR
from lab.models import Seat, TrainingClass
from portal.models import Activity, User
from tests.lab.classes.joining import join, page
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_user

pytestmark = pytest.mark.django_db


def test_the_trainer_looks_over_the_shoulder_and_the_seat_sees_it(training: TrainingClass, admin: User) -> None:
    browser, seat, _ = join(training, "Ines")
    assert seat.namespace is not None
    make_client(seat.namespace, "press-1")
    trainer, url = signed_in(admin), page("seat_look", training.pk, seat.number)
    assert "look" not in trainer.get(url).context
    assert "data-watched" not in browser.get(page("seat_bar")).content.decode()
    assert trainer.post(url).status_code == 302
    assert [client.name for client in trainer.get(url).context["look"].clients] == ["press-1"]
    assert "data-watched" in browser.get(page("seat_bar")).content.decode()
    log = browser.get(reverse("namespaces:namespace_activity", args=[seat.namespace_id])).content.decode()
    assert "Look over the shoulder" in log
    look, poll = trainer.get(url).context["look"], {"HX-Request": "true", "HX-Trigger": "seat-look"}
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


# The page on the screen


def reports(browser: Browser, path: str) -> None:
    """Let the trainee's browser say what it shows, as the bar does every five seconds."""
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{path}"}
    assert browser.get(page("seat_bar"), headers=headers).status_code in {200, 204}


def looking(training: TrainingClass, admin: User) -> tuple[Browser, Browser, Seat]:
    browser, seat, _ = join(training, "Ines")
    trainer = signed_in(admin)
    trainer.post(page("seat_look", training.pk, seat.number))
    return trainer, browser, seat


def test_the_page_on_the_screen_is_shown_in_the_trainers_session(training: TrainingClass, admin: User) -> None:
    trainer, browser, seat = looking(training, admin)
    assert seat.namespace is not None
    make_client(seat.namespace, "press-1")
    path = reverse("namespaces:client_list", args=[seat.namespace_id])
    screen, look = page("seat_screen", training.pk, 1), page("seat_look", training.pk, 1)
    assert trainer.get(look).context["look"].screen.path == ""
    assert trainer.get(screen).status_code == 204
    reports(browser, f"{path}?q=press")
    found = trainer.get(look)
    assert (found.context["look"].screen.path, found.context["look"].screen.is_shown) == (f"{path}?q=press", True)
    assert "frame-src 'self'" in found["Content-Security-Policy"]
    shown = trainer.get(screen)
    text = shown.content.decode()
    assert 'data-row="press-1"' in text
    assert 'value="press"' in text
    assert admin.username in text  # it is the trainer's own session
    assert "<script" not in text
    assert "autofocus" not in text
    policy = shown["Content-Security-Policy"]
    assert "sandbox allow-same-origin" in policy
    assert "frame-ancestors 'self'" in policy
    assert shown["X-Frame-Options"] == "SAMEORIGIN"
    assert trainer.get(path)["X-Frame-Options"] == "DENY"
    assert trainer.post(screen).status_code == 405


def test_without_javascript_the_page_that_was_opened_is_shown(training: TrainingClass, admin: User) -> None:
    trainer, browser, seat = looking(training, admin)
    path = f"{reverse('namespaces:client_list', args=[seat.namespace_id])}?q=press"
    browser.get(path)
    look = trainer.get(page("seat_look", training.pk, 1)).context["look"]
    assert (look.screen.path, look.screen.is_shown) == (path, True)
    assert 'value="press"' in trainer.get(page("seat_screen", training.pk, 1)).content.decode()
    browser.post(reverse("namespaces:client_create", args=[seat.namespace_id]))  # sent back: no address to open
    assert trainer.get(page("seat_look", training.pk, 1)).context["look"].screen.path == path
    reports(browser, reverse("namespaces:client_detail", args=[seat.namespace_id, "deleted"]))
    assert trainer.get(page("seat_screen", training.pk, 1)).status_code == 204


@pytest.mark.parametrize(
    "address",
    [
        "/account/",
        "/lab/exercise/",
        "/class/",
        "https://example.com/",
        "http://[",
        "/no-such-page/",
        "/namespaces/{other}/clients/",
        "/namespaces/{own}/clients/export.csv",
        "//example.com/namespaces/{own}/clients/",
    ],
)
def test_no_other_page_is_shown(training: TrainingClass, admin: User, address: str) -> None:
    trainer, browser, seat = looking(training, admin)
    other = training.seats.get(number=2)
    headers = {"HX-Request": "true", "HX-Current-URL": address.format(own=seat.namespace_id, other=other.namespace_id)}
    browser.get(page("seat_bar"), headers=headers)
    assert not trainer.get(page("seat_look", training.pk, 1)).context["look"].screen.is_shown
    assert trainer.get(page("seat_screen", training.pk, 1)).status_code == 204


def test_the_screen_is_known_while_the_trainer_looks_and_no_longer(training: TrainingClass, admin: User) -> None:
    browser, seat, _ = join(training, "Ines")
    path = reverse("namespaces:namespace_overview", args=[seat.namespace_id])
    reports(browser, path)
    trainer = signed_in(admin)
    look, screen = page("seat_look", training.pk, 1), page("seat_screen", training.pk, 1)
    trainer.post(look)
    assert trainer.get(look).context["look"].screen.path == ""  # what was on it before is not known
    reports(browser, path)
    assert trainer.get(screen).status_code == 200
    for stranger in (browser, join(training, "Olu")[0], signed_in(make_user("ada"))):
        assert stranger.get(screen).status_code == 403
    trainer.post(page("seat_look_end", training.pk, 1))
    assert trainer.get(screen).status_code == 204
