"""Machines open the addresses for them under any host name."""

import pytest
from django.test import Client as Browser
from django.test import override_settings

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
