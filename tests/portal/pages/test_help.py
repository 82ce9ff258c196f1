"""The help page, and that each list leads to the article about it."""

import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.urls import reverse

from portal import __version__
from tests.support.database.factories import make_namespace, make_user

pytestmark = pytest.mark.django_db


def test_the_version_is_that_of_the_project() -> None:
    declared = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())
    assert declared["project"]["version"] == __version__


def test_help_has_articles_terms_keys_and_the_version() -> None:
    browser = Browser()
    browser.force_login(make_user("reader"))
    page = browser.get(reverse("portal:help")).content.decode()
    assert f'data-version="{__version__}"' in page
    assert 'id="validation-scheme"' in page
    assert "<kbd>Ctrl</kbd>" in page
    assert "/azure/event-grid/mqtt-certificate-chain-client-authentication" in page


@pytest.mark.parametrize(
    ("url", "article"),
    [
        ("certificates:ca_certificate_list", "mqtt-certificate-chain-client-authentication"),
        ("namespaces:client_list", "mqtt-clients"),
        ("namespaces:client_group_list", "mqtt-client-groups"),
        ("namespaces:topic_space_list", "mqtt-topic-spaces"),
        ("namespaces:permission_binding_list", "mqtt-access-control"),
    ],
)
def test_a_list_leads_to_the_article_about_it(url: str, article: str) -> None:
    browser = Browser()
    browser.force_login(make_user("admin", is_superuser=True))
    page = browser.get(reverse(url, args=[make_namespace().pk])).content.decode()
    assert f"/azure/event-grid/{article}" in page
