"""Pages are compressed for browsers that accept it; files and exports are not."""

import gzip
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Namespace
from tests.support.database.factories import PASSWORD, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace(client: Browser) -> Namespace:
    namespace = make_namespace(reader=make_user("rea"))
    make_client(namespace, "press-1")
    client.login(username="rea", password=PASSWORD)
    return namespace


def page(browser: Browser, url: str, accepts: str = "gzip, br") -> Any:
    return browser.get(url, headers={"accept-encoding": accepts})


def test_a_page_is_compressed(client: Browser, namespace: Namespace) -> None:
    url = reverse("namespaces:client_list", args=[namespace.pk])
    answer = page(client, url)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert b"press-1" in gzip.decompress(answer.content)
    assert len(answer.content) < len(page(client, url, "identity").content) / 3


def test_a_browser_that_does_not_accept_it_gets_the_page_as_it_is(client: Browser, namespace: Namespace) -> None:
    answer = page(client, reverse("namespaces:client_list", args=[namespace.pk]), "identity")
    assert "Content-Encoding" not in answer.headers
    assert b"press-1" in answer.content


@pytest.mark.parametrize("name", ["client_csv", "connection_csv", "template_arm"])
def test_a_file_is_not(client: Browser, namespace: Namespace, name: str) -> None:
    answer = page(client, reverse(f"namespaces:{name}", args=[namespace.pk]))
    assert "Content-Encoding" not in answer.headers
