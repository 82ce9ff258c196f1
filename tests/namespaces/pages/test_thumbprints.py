"""Thumbprints in the form of a client, the import and the search, in the notations of tools and people."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Client, Namespace
from tests.certificates.x509.thumbprint_notations import INVALID, NOTATIONS, SHA1_NOTATIONS, THUMBPRINT
from tests.support.database.factories import PASSWORD, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace(client: Browser) -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"))
    client.login(username="ada", password=PASSWORD)
    return namespace


def create(browser: Browser, namespace: Namespace, thumbprint: str) -> Any:
    typed = {
        "name": "press-1",
        "validation_scheme": "ThumbprintMatch",
        "thumbprints": [thumbprint, ""],
        "state": "Enabled",
    }
    return browser.post(reverse("namespaces:client_create", args=[namespace.pk]), typed)


def codes(answer: Any) -> list[str]:
    return [error.code for error in answer.context["form"].errors.as_data()["thumbprints"]]


@pytest.mark.parametrize("text", NOTATIONS.values(), ids=NOTATIONS)
def test_the_form_stores_a_thumbprint_in_any_notation(client: Browser, namespace: Namespace, text: str) -> None:
    assert create(client, namespace, text).status_code == 302
    assert Client.objects.get().thumbprints == [THUMBPRINT]


@pytest.mark.parametrize("text", SHA1_NOTATIONS.values(), ids=SHA1_NOTATIONS)
def test_a_sha_1_thumbprint_is_refused_by_name(client: Browser, namespace: Namespace, text: str) -> None:
    answer = create(client, namespace, text)
    assert codes(answer) == ["sha1"]
    assert "SHA-1" in answer.content.decode()
    assert not Client.objects.exists()


@pytest.mark.parametrize(("text", "code"), [(text, code) for text, code in INVALID.items() if text], ids=ascii)
def test_the_form_refuses_other_text(client: Browser, namespace: Namespace, text: str, code: str) -> None:
    assert codes(create(client, namespace, text)) == [code]


@pytest.mark.parametrize("text", NOTATIONS.values(), ids=NOTATIONS)
def test_the_search_finds_a_registered_thumbprint_in_any_notation(
    client: Browser, namespace: Namespace, text: str
) -> None:
    make_client(namespace, "press-1", validation_scheme="ThumbprintMatch", thumbprints=[THUMBPRINT])
    answer = client.get(reverse("portal:search"), {"q": text})
    assert reverse("namespaces:client_detail", args=[namespace.pk, "press-1"]) in answer.content.decode()


@pytest.mark.parametrize("text", NOTATIONS.values(), ids=NOTATIONS)
def test_the_import_reads_a_thumbprint_in_any_notation(text: str) -> None:
    client = Client()
    authentication = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": [text]}
    client.adopt({"name": "press-1", "properties": {"clientCertificateAuthentication": authentication}})
    assert client.thumbprints == [THUMBPRINT]
