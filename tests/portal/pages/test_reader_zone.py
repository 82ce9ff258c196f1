"""The zone in which a person types days and times."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from certificates.forms.authentication_trace import TestAuthenticationForm as AuthenticationForm
from namespaces.pages.activity_filter import ActivityFilter
from portal.models import Activity
from portal.pages.reader_zone import zone_named
from tests.certificates.uploads import SENSOR


def test_zones_of_the_database_are_known() -> None:
    assert zone_named("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert zone_named("America/Argentina/Buenos_Aires") == ZoneInfo("America/Argentina/Buenos_Aires")
    assert zone_named("Etc/GMT+5") == ZoneInfo("Etc/GMT+5")


@pytest.mark.parametrize(
    "name", ["", "Europe", "../../etc/passwd", "/etc/passwd", "Europe/Atlantis", "x" * 9999, "Europe/Berlin\n", "\x00"]
)
def test_any_other_text_is_utc(name: str) -> None:
    assert zone_named(name) is UTC


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("since=2026-03-29&until=2026-03-29", {"noon", "late"}),
        (
            "since=2026-03-29&until=2026-03-29&zone=Europe/Berlin",
            {"early", "noon"},
        ),  # a day of 23 hours: 23:00 to 22:00 UTC
        ("since=2026-03-29&until=2026-03-29&zone=nowhere", {"noon", "late"}),
    ],
)
def test_days_of_the_activity_log_begin_in_the_zone(query: str, found: set[str]) -> None:
    for name, hour in (("early", 28 * 24 + 23), ("noon", 29 * 24 + 12), ("late", 29 * 24 + 22)):
        at = datetime(2026, 3, hour // 24, hour % 24, tzinfo=UTC)
        Activity.objects.create(verb="Saved", object_name=name, at=at)
    rows = ActivityFilter.from_query(QueryDict(query)).narrow(Activity.objects.all())
    assert set(rows.values_list("object_name", flat=True)) == found


def moment(at: str, zone: str) -> AuthenticationForm:
    data = QueryDict(mutable=True)
    data.update({"pem": SENSOR.pem.decode(), "at": at, "zone": zone})
    return AuthenticationForm(data, MultiValueDict())


@pytest.mark.parametrize(
    ("zone", "hour"), [("", 10), ("UTC", 10), ("Europe/Berlin", 9), ("Asia/Kolkata", 4), ("nowhere", 10)]
)
def test_a_moment_is_read_in_the_zone(zone: str, hour: int) -> None:
    form = moment("2027-03-01T10:00", zone)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["at"] == datetime(2027, 3, 1, hour, 30 if hour == 4 else 0, tzinfo=UTC)


@pytest.mark.parametrize(("at", "zone"), [("0001-01-01T00:00", "Asia/Tokyo"), ("9999-12-31T23:59", "America/New_York")])
def test_a_moment_beyond_the_calendar_is_an_error_at_its_field(at: str, zone: str) -> None:
    assert moment(at, zone).errors.as_data()["at"][0].code == "invalid"
