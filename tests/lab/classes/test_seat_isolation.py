"""A seat reaches nothing but its own namespace, by any address of the portal."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from lab.actions.classes import codes
from lab.actions.classes.making import create_class
from lab.models import Seat, TrainingClass
from namespaces.models import Namespace
from portal.models import User
from tests.portal.access.place import arguments, body_of, place
from tests.portal.access.urls import url_arguments
from tests.portal.test_access_table import CHANGES, TABLE
from tests.support.azure.emulator_process import EmulatorProcess

__all__ = ["place"]
pytestmark = pytest.mark.django_db
NAMES_OF_OTHERS = ("press-1", "line-a", "factory")  # what the namespace of the table is called, and has in it


@pytest.fixture
def training(place: Namespace, azure: EmulatorProcess, settings: Any) -> TrainingClass:
    return create_class(User.objects.get(username="admin"), title="Tuesday", seats=2)


def joined(training: TrainingClass, name: str) -> tuple[Browser, Seat]:
    browser = Browser()
    code = codes.shown(codes.opened(training.join_code), training.pk)
    answer = browser.post(reverse("classes:join"), {"code": code, "first_name": name})
    return browser, Seat.objects.get(pk=answer.context["seat"].pk)


@pytest.mark.long
def test_no_address_of_another_namespace_opens(training: TrainingClass, place: Namespace) -> None:
    browser, _ = joined(training, "Ines")
    other = Seat.objects.get(training=training, number=2)
    rows = [*((name, method) for name, (method, _) in TABLE.items()), *((name, "POST") for name in CHANGES)]
    for name, method in rows:
        if "pk" not in url_arguments()[name]:
            continue
        for pk in (place.pk, other.namespace_id):
            url = reverse(name, kwargs=arguments(name, pk or 0))
            answer = browser.get(url) if method == "GET" else browser.post(url)
            assert answer.status_code == 404, f"{method} {url}"


def test_pages_without_a_namespace_show_nothing_of_others(training: TrainingClass, place: Namespace) -> None:
    browser, seat = joined(training, "Ines")
    for name, (method, least) in TABLE.items():
        if method != "GET" or "pk" in url_arguments()[name] or least == "everybody":
            continue
        answer = browser.get(reverse(name, kwargs=arguments(name, 0)))
        if least in {"admin", "lead", "owner"}:
            assert answer.status_code in {403, 404}, name
        else:
            text = body_of(answer).decode(errors="replace")
            assert not [word for word in NAMES_OF_OTHERS if f">{word}<" in text], name
            assert f"class-{seat.user.username[6:-3]}-02" not in text, name
