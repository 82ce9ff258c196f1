"""Trainees join by a code and come back by another."""

import json
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from lab.actions.classes import codes as class_codes
from lab.actions.classes.making import create_class
from lab.models import Seat, TrainingClass
from portal.demo.tls import tls_files
from portal.models import Activity, User
from portal.sign_in import rate_limits
from tests.lab.classes.joining import join, join_code, page
from tests.support.browser.browsing import signed_in

pytestmark = pytest.mark.django_db


def test_the_code_gives_the_next_free_seat_and_its_return_code_once(training: TrainingClass) -> None:
    browser, seat, code = join(training, "Ines")
    assert (seat.number, seat.first_name) == (1, "Ines")
    assert browser.get(reverse("namespaces:namespace_overview", args=[seat.namespace_id])).status_code == 200
    assert code not in str(list(Seat.objects.values())) + str(list(Activity.objects.values()))
    again = browser.post(page("join"), {"code": join_code(training), "first_name": "Ines"})
    assert again.status_code == 302
    assert Seat.objects.joined().count() == 1
    assert join(training, "Olu")[1].number == 2


@pytest.mark.parametrize(
    ("code", "name", "field", "reason"),
    [
        ("{code}x", "Ines", "code", "wrong-code"),
        ("{class}-0000-0000", "Ines", "code", "wrong-code"),
        ("999999-0000-0000", "Ines", "code", "wrong-code"),
        ("hello", "Ines", "code", "wrong-code"),
        ("", "Ines", "code", "required"),
        ("{code}", "", "first_name", "required"),
        ("{code}", "a\u202eb", "first_name", "not-printable"),
    ],
)
def test_a_wrong_code_or_name_opens_nothing(
    training: TrainingClass, code: str, name: str, field: str, reason: str
) -> None:
    typed = code.format_map({"code": join_code(training), "class": training.pk})
    answer = Browser().post(page("join"), {"code": typed, "first_name": name})
    assert answer.status_code == 422
    assert answer.context["form"].errors.as_data()[field][0].code == reason
    assert not Seat.objects.joined().exists()


def test_nobody_joins_a_locked_full_or_ended_class(training: TrainingClass, admin: User) -> None:
    trainer = signed_in(admin)
    code = join_code(training)

    def refused() -> str:
        answer = Browser().post(page("join"), {"code": code, "first_name": "Olu"})
        assert answer.status_code == 422
        return str(answer.context["form"].errors.as_data()["code"][0].code)

    trainer.post(page("class_lock", training.pk))
    assert refused() == "locked"
    trainer.post(page("class_lock", training.pk))
    for name in ("Ines", "Tuva", "Ben"):
        join(training, name)
    assert refused() == "full"
    trainer.post(page("class_code_renew", training.pk))
    assert refused() == "wrong-code"


def test_a_trainee_returns_with_the_code_until_the_trainer_renews_it(training: TrainingClass, admin: User) -> None:
    before, seat, code = join(training, "Ines")
    own = reverse("namespaces:namespace_overview", args=[seat.namespace_id])
    elsewhere = Browser()
    assert elsewhere.post(page("join_return"), {"return_code": code.lower().replace("-", " ")}).status_code == 302
    assert elsewhere.get(own).status_code == 200
    renewed = signed_in(admin).post(page("seat_code_renew", training.pk, 1))
    assert before.get(own).status_code == elsewhere.get(own).status_code == 302
    assert Browser().post(page("join_return"), {"return_code": code}).status_code == 422
    new = Browser()
    assert new.post(page("join_return"), {"return_code": renewed.context["code"]}).status_code == 302
    assert new.get(own).status_code == 200


def test_a_new_return_code_is_the_only_way_to_a_seat(training: TrainingClass, admin: User) -> None:
    _, seat, _ = join(training, "Ines")
    user = seat.user
    user.email = "ines@example.com"
    user.set_password("correct horse battery")
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    renewed = signed_in(admin).post(page("seat_code_renew", training.pk, 1))
    user.refresh_from_db()
    assert (user.has_usable_password(), user.email) == (False, "")
    assert not EmailAddress.objects.filter(user=user).exists()
    assert Browser().post(page("join_return"), {"return_code": renewed.context["code"]}).status_code == 302


def test_a_free_seat_has_no_return_code(training: TrainingClass, admin: User) -> None:
    assert signed_in(admin).post(page("seat_code_renew", training.pk, 2)).status_code == 422
    for typed in (f"{training.pk}-02-0000-0000", f"{training.pk}-02----------", f"{training.pk}020"):
        assert Browser().post(page("join_return"), {"return_code": typed}).status_code == 422


def test_guesses_are_limited_for_each_class(
    training: TrainingClass, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_codes, "MOST_GUESSES", 4)
    monkeypatch.setattr(rate_limits, "clock", lambda: 1_800_000_000.0)
    other = create_class(admin, title="Tuesday", seats=1)
    join(training, "Ines")  # a right code takes its count back
    wrong = {"code": f"{training.pk}-0000-0000", "first_name": "Eve"}
    assert [Browser().post(page("join"), wrong).status_code for _ in range(5)] == [422] * 4 + [429]
    right = {"code": join_code(training), "first_name": "Olu"}
    assert Browser().post(page("join"), right).status_code == 429
    assert Browser().post(page("join_return"), {"return_code": f"{training.pk}-01-0000-0000"}).status_code == 429
    join(other, "Ben")


# From other machines


def test_the_ca_certificates_to_trust_are_offered_where_they_are_needed(
    training: TrainingClass, settings: Any, tmp_path: Path
) -> None:
    url = page("join")
    for which in ("site", "mqtt", "other"):
        assert Browser().get(page("join_ca", which)).status_code == 404
    assert "data-cas" not in Browser().get(url).content.decode()
    made = []
    for name in ("site", "mqtt"):
        (tmp_path / name).mkdir()
        made.append(tls_files(tmp_path / name, "127.0.0.2", now=timezone.now()).ca)
    settings.PORTAL_CA_FILE = str(made[0])
    settings.MQTT_ENDPOINTS = json.dumps({"/x": {"host": "h", "port": 1, "ca": str(made[1])}})
    shown = Browser().get(url)
    assert shown.context["fingerprint"] in shown.content.decode()
    assert len(shown.context["fingerprint"]) == 95
    for which, ca in zip(("site", "mqtt"), made, strict=True):
        answer = Browser().get(page("join_ca", which))
        assert (answer.content, answer["Content-Type"]) == (ca.read_bytes(), "application/x-x509-ca-cert")
    settings.PORTAL_CA_FILE = str(tmp_path / "gone.pem")
    assert "data-cas" not in Browser().get(url).content.decode()
    settings.FAULT_CONTROL_GATEWAY = ""
    assert Browser().get(page("join_ca", "site")).status_code == 404
