"""What a namespace asks of every certificate: the form, what it refuses, and time windows as people write them."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.decision_rules.policy import RuleValues
from certificates.actions.decision_rules.windows import Window, windows_written
from certificates.models import DecisionRules
from certificates.x509.certificate import load_certificate
from namespaces.models import DecisionChange, DecisionPoint, LastAttempt, Namespace
from namespaces.rules.errors import RuleError
from portal.models import Activity, User
from tests.support.certificates.chains import authority
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_user

WANTED = {
    "longest_session_seconds": "3600",
    "max_age_days": "730",
    "min_rsa_bits": "2048",
    "min_ec_bits": "256",
    "stale_list": "refuse",
    "windows": "Mon-Fri 06:00-22:00\nSat 08:00-12:00",
    "zone": "europe/berlin",
    "edition": "0",
}


@pytest.fixture
def place(db: None) -> Namespace:
    return make_namespace("factory", contributor=make_user("cora"), reader=make_user("rita"))


def save(namespace: Namespace, **fields: Any) -> Any:
    browser = Browser()
    browser.force_login(User.objects.get(username="cora"))
    return browser.post(reverse("certificates:rules", args=[namespace.pk]), WANTED | fields)


def test_the_rules_are_saved_shown_and_reported(place: Namespace) -> None:
    assert save(place).status_code == 302
    row = DecisionRules.objects.get()
    assert (row.max_age_days, row.min_rsa_bits, row.min_ec_bits, row.stale_list) == (730, 2048, 256, "refuse")
    assert row.windows == [
        {"days": [0, 1, 2, 3, 4], "start": "06:00", "end": "22:00", "zone": "Europe/Berlin"},
        {"days": [5], "start": "08:00", "end": "12:00", "zone": "Europe/Berlin"},
    ]
    assert DecisionPoint.objects.get().longest_session_seconds == 3600
    assert save(place, edition="1").status_code == 302  # nothing differs
    assert DecisionChange.objects.filter(namespace_pk=place.pk, client_pk=None).count() == 1
    assert Activity.objects.get().after["windows"] == [
        "Mon-Fri 06:00-22:00 Europe/Berlin",
        "Sat 08:00-12:00 Europe/Berlin",
    ]
    browser = Browser()
    browser.force_login(User.objects.get(username="rita"))
    page = browser.get(reverse("certificates:rules", args=[place.pk])).content.decode()
    assert "Sat 08:00-12:00 Europe/Berlin" in page
    assert "data-policy" in page


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"longest_session_seconds": "59"}, "out-of-range"),
        ({"longest_session_seconds": "99999999"}, "out-of-range"),
        ({"max_age_days": "-1"}, "min_value"),
        ({"max_age_days": "99999"}, "out-of-range"),
        ({"max_age_days": "many"}, "invalid"),
        ({"min_rsa_bits": "1024"}, "invalid_choice"),
        ({"stale_list": "maybe"}, "invalid_choice"),
        ({"zone": "Europe/Atlantis"}, "unknown-zone"),
        ({"windows": "whenever"}, "unreadable"),
        ({"windows": "\n".join(f"Mon {at:02}:00-23:00" for at in range(15))}, "too-many"),
    ],
)
def test_refused_rules_change_nothing(place: Namespace, fields: dict[str, str], code: str) -> None:
    answer = save(place, **fields)
    assert answer.status_code == 422
    assert f'data-code="{code}"' in answer.content.decode()
    assert not DecisionRules.objects.exists()
    assert not DecisionChange.objects.exists()


def test_rules_that_were_changed_meanwhile_are_not_overwritten(place: Namespace) -> None:
    save(place)
    assert save(place, max_age_days="10").status_code == 422
    assert DecisionRules.objects.get().max_age_days == 730


WEEK = tuple(range(7))


@pytest.mark.parametrize(
    ("text", "days", "hours"),
    [
        ("Mon-Fri 06:00-22:00", (0, 1, 2, 3, 4), ("06:00", "22:00")),
        ("monday – wednesday, sun 6:00 – 7:30", (0, 1, 2, 6), ("06:00", "07:30")),
        ("Sat and Sun 00:00 to 24:00", (5, 6), ("00:00", "00:00")),
        ("fri-mon 22:00 until 6:00", (0, 4, 5, 6), ("22:00", "06:00")),
        ("06:00-22:00", WEEK, ("06:00", "22:00")),
        ("daily 06:00-22:00", WEEK, ("06:00", "22:00")),
        ("sun-mon 06:00-07:00", (0, 6), ("06:00", "07:00")),
    ],
)
def test_windows_as_people_write_them(text: str, days: tuple[int, ...], hours: tuple[str, str]) -> None:
    found = windows_written(text, "UTC")
    assert found == (Window(days, *hours, "UTC"),)
    assert windows_written(found[0].line, "UTC") == found
    assert Window.from_dict(found[0].as_dict()) == found[0]


@pytest.mark.parametrize(
    "text",
    ["Mon", "06:00", "Mo 06:00-07:00", "Mon 25:00-26:00", "Mon 06:60-07:00", "Mon-Xyz 06:00-07:00", "- 1:00-2:00"],
)
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(RuleError) as refusal:
        windows_written(text, "UTC")
    assert refusal.value.code == "unreadable"


NIGHT = Window(WEEK, "22:00", "06:00", "UTC")


@pytest.mark.parametrize(
    ("before", "after", "looser"),
    [
        ({}, {"max_age_days": 5}, False),
        ({"max_age_days": 5}, {}, True),
        ({"max_age_days": 5}, {"max_age_days": 6}, True),
        ({"max_age_days": 6}, {"max_age_days": 5}, False),
        ({"longest_session_seconds": 60}, {"longest_session_seconds": 61}, True),
        ({"min_rsa_bits": 3072}, {"min_rsa_bits": 2048}, True),
        ({"min_ec_bits": 256}, {"min_ec_bits": 384}, False),
        ({"stale_list": "refuse"}, {"stale_list": "keep"}, True),
        ({}, {"windows": (NIGHT,)}, False),
        ({"windows": (NIGHT,)}, {}, True),
        ({"windows": (NIGHT,)}, {"windows": (Window(WEEK, "21:00", "06:00", "UTC"),)}, True),
    ],
)
def test_which_rules_are_looser(before: dict[str, Any], after: dict[str, Any], looser: bool) -> None:
    assert RuleValues(**after).is_looser_than(RuleValues(**before)) is looser


def test_every_fault_is_shown_at_once(place: Namespace) -> None:
    page = save(place, longest_session_seconds="5", max_age_days="99999", zone="Mars/Base").content.decode()
    assert page.count('data-code="out-of-range"') == 2
    assert 'data-code="unknown-zone"' in page


def test_devices_that_would_be_refused_are_counted_before_saving(place: Namespace) -> None:
    now = timezone.now()
    line = authority("Line 1 CA", at=now)
    device = line.issue("press-1", at=now)
    make_ca_certificate(place, "line-ca", der=line.der)
    make_client(place, "press-1", authentication_name="press-1")
    thumbprint = load_certificate(device.der).thumbprint_sha256
    LastAttempt.objects.create(
        namespace=place,
        client_name="press-1",
        user_name="press-1",
        thumbprint=thumbprint,
        der=device.der,
        chain=[],
        accepted=True,
        at=now,
    )
    strict = save(place, count="1", windows="", min_ec_bits="384", longest_session_seconds="0")
    assert strict.status_code == 200
    assert 'data-foreseen="1"' in strict.content.decode()
    assert 'data-changed="within-policy"' in strict.content.decode()
    assert 'data-foreseen="0"' in save(place, count="1", windows="").content.decode()
    assert not DecisionRules.objects.exists()
