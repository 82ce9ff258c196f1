"""The steps from one CA certificate to another."""

import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.x509.reading import load_certificate
from namespaces.connections.client_certificates import Showing, remember
from namespaces.models import Namespace
from tests.support.chains import Identity, authority
from tests.support.factories import PASSWORD, make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()
OLD, NEW = authority("Old CA", at=NOW), authority("New CA", at=NOW)


@pytest.fixture
def namespace(client: Browser) -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"), reader=make_user("rea"))
    for name in ("press-1", "press-2"):
        make_client(namespace, name)
        show(namespace, OLD.issue(name))
    make_ca_certificate(namespace, "old", der=OLD.der)
    client.login(username="ada", password=PASSWORD)
    return namespace


def show(namespace: Namespace, shown: Identity, *, days: int = 0) -> None:
    at = NOW + timedelta(days=days)
    remember(namespace.pk, [Showing(shown.name, (load_certificate(shown.der),), at, has_connected=True)])


def page(browser: Browser, namespace: Namespace, by: str = "") -> str:
    url = reverse("certificates:ca_certificate_replace", args=[namespace.pk, "old"])
    return browser.get(url, {"by": by} if by else {}).content.decode()


def step(text: str) -> str:
    return str(re.findall(r'data-replacement="(\w+)"', text)[0])


def numbers(text: str) -> tuple[str, str]:
    moved, total = re.findall(r'data-moved="(\d+)" data-total="(\d+)"', text)[0]
    return moved, total


def test_the_new_one_is_uploaded_first(client: Browser, namespace: Namespace) -> None:
    text = page(client, namespace)
    assert step(text) == "upload"
    assert reverse("certificates:ca_certificate_upload", args=[namespace.pk]) in text


def test_it_waits_until_azure_has_the_new_one(client: Browser, namespace: Namespace) -> None:
    make_ca_certificate(namespace, "new", der=NEW.der, synced_generation=0)
    assert step(page(client, namespace, "new")) == "trust"


def test_clients_are_counted_as_they_move(client: Browser, namespace: Namespace) -> None:
    make_ca_certificate(namespace, "new", der=NEW.der)
    text = page(client, namespace, "new")
    assert (step(text), numbers(text), text.count("data-waiting")) == ("move", ("0", "2"), 2)
    show(namespace, NEW.issue("press-1", key_label="second"), days=1)
    text = page(client, namespace, "new")
    assert (step(text), numbers(text), text.count("data-waiting")) == ("move", ("1", "2"), 1)
    show(namespace, NEW.issue("press-2", key_label="second"), days=1)
    text = page(client, namespace, "new")
    assert (step(text), numbers(text)) == ("delete", ("2", "2"))
    assert (
        f'class="button danger" href="{reverse("certificates:ca_certificate_delete", args=[namespace.pk, "old"])}"'
        in text
    )


def test_deletion_is_not_proposed_while_no_client_is_known_to_have_moved(client: Browser, namespace: Namespace) -> None:
    """Without a connection log, nobody knows which clients use the old one."""
    make_ca_certificate(namespace, "new", der=NEW.der)
    namespace.client_certificates.all().delete()
    assert step(page(client, namespace, "new")) == "move"


def test_another_line_is_not_taken_for_the_replacement(client: Browser, namespace: Namespace) -> None:
    make_ca_certificate(namespace, "new", der=NEW.der)
    assert step(page(client, namespace)) == "upload"
    assert '<option value="new">' in page(client, namespace)


def test_a_renewed_one_of_the_same_name_is(client: Browser, namespace: Namespace) -> None:
    renewed = authority("Old CA", at=NOW + timedelta(days=30), key_label="renewed")
    make_ca_certificate(namespace, "renewed", der=renewed.der)
    assert step(page(client, namespace)) == "move"


def test_a_reader_sees_the_steps_and_no_buttons(client: Browser, namespace: Namespace) -> None:
    client.login(username="rea", password=PASSWORD)
    text = page(client, namespace)
    assert step(text) == "upload"
    assert "upload-certificate/" not in text
    assert "/delete/" not in text
