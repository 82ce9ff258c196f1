"""Machines open the addresses for them under any host name, and health needs no database."""

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("allowed", ["portal.example", ".portal.example", "*"])
@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 503), ("/metrics", 401)])
def test_a_probe_by_address_is_answered(allowed: str, path: str, status: int) -> None:
    with override_settings(ALLOWED_HOSTS=[allowed], SECURE_SSL_REDIRECT=True):
        assert Browser().get(path, headers={"host": "10.0.0.5:8000"}).status_code == status


@override_settings(ALLOWED_HOSTS=["portal.example"])
@pytest.mark.parametrize("path", ["/sign-in/", "/healthz/", "/readyz/x"])
def test_other_addresses_need_the_name_of_the_portal(path: str) -> None:
    assert Browser().get(path, headers={"host": "10.0.0.5:8000"}).status_code == 400


def test_health_of_a_signed_in_user_asks_no_database() -> None:
    browser = signed_in(make_user())
    with CaptureQueriesContext(connection) as statements:
        assert browser.get("/healthz").status_code == 200
    assert not list(statements)
