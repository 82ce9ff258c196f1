"""Renewing a client's certificate without a gap: both thumbprints first, and the old one goes when the new one was seen."""

import re
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.x509.reading import load_certificate
from namespaces.actions.clients import update_client
from namespaces.connections.client_certificates import Showing, remember
from namespaces.models import Client, Namespace
from portal.models import Activity
from tests.support.browser.browsing import signed_in
from tests.support.certificates.chains import AT, YEAR, Identity, self_signed
from tests.support.database.factories import make_client, make_namespace, make_user, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _has_log(settings: Any) -> None:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace(contributor=make_user("ada"), reader=make_user("rita"))


@pytest.fixture
def ada(namespace: Namespace) -> Browser:
    return signed_in(owner_of(namespace))


@cache
def certificate(label: str, years: int = 100) -> Identity:
    return self_signed("press-1", key_label=label, not_after=AT + years * YEAR)


OLD, NEW, OTHER = "old", "new", "other"


def pressed(namespace: Namespace, *labels: str) -> Client:
    held = [certificate(label).thumbprint for label in labels]
    return make_client(namespace, "press-1", validation_scheme="ThumbprintMatch", thumbprints=held)


def connects(client: Client, identity: Identity, at: Any = None) -> None:
    showing = Showing(client.name, (load_certificate(identity.der),), at or timezone.now(), has_connected=True)
    remember(client.namespace_id, [showing])


def page_of(browser: Browser, client: Client) -> str:
    url = reverse("namespaces:client_renew", args=[client.namespace_id, client.name])
    return browser.get(url).content.decode()


def state_on(page: str) -> str:
    found = re.search(r'data-renewal="([a-z-]+)"', page)
    assert found is not None
    return found[1]


def send(browser: Browser, client: Client, **fields: Any) -> Any:
    client.refresh_from_db()
    url = reverse("namespaces:client_renew", args=[client.namespace_id, client.name])
    return browser.post(url, {"generation": client.edition, **fields})


def remove(browser: Browser, client: Client, thumbprint: str, **fields: Any) -> Any:
    client.refresh_from_db()
    url = reverse("namespaces:client_renew_end", args=[client.namespace_id, client.name])
    return browser.post(url, {"generation": client.edition, "remove": thumbprint, **fields})


def test_a_certificate_is_renewed_without_a_gap(ada: Browser, namespace: Namespace) -> None:
    old, new = certificate(OLD), certificate(NEW)
    client = pressed(namespace, OLD)
    connects(client, old)
    page = page_of(ada, client)
    assert state_on(page) == "none"
    assert "Renewal(" not in page  # the context holds nothing that the frame of the page would print
    assert send(ada, client, certificate=SimpleUploadedFile("new.crt", new.pem)).status_code == 302
    client.refresh_from_db()
    assert client.thumbprints == [old.thumbprint, new.thumbprint]
    page = page_of(ada, client)
    assert state_on(page) == "unseen"
    assert "data-safe" not in page
    connects(client, new)
    page = page_of(ada, client)
    assert state_on(page) == "safe"
    assert page.count("data-safe") == 1
    assert remove(ada, client, old.thumbprint).status_code == 302
    client.refresh_from_db()
    assert (client.thumbprints, client.renewed_to) == ([new.thumbprint], "")
    verbs = list(Activity.objects.of_object(client.kind, client.pk).order_by("pk").values_list("verb", flat=True))
    assert verbs == ["Renew certificate", "Remove old thumbprint"]


def test_the_page_shows_which_one_the_last_connection_used(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD, NEW)
    assert "data-last-used" not in page_of(ada, client)
    connects(client, certificate(NEW), timezone.now() - timedelta(hours=2))
    connects(client, certificate(OLD), timezone.now() - timedelta(hours=1))
    cards = page_of(ada, client).split("data-thumbprint=")
    shown = next(card for card in cards if "data-last-used" in card)
    assert shown.startswith(f'"{certificate(OLD).thumbprint}"')


def test_what_is_not_known_to_be_safe_is_removed_only_with_a_confirmation(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD)
    send(ada, client, thumbprint=certificate(NEW).thumbprint)
    old = certificate(OLD).thumbprint
    answer = remove(ada, client, old)
    assert answer.status_code == 422
    assert 'data-code="not-safe"' in answer.content.decode()
    connects(client, certificate(NEW))
    connects(client, certificate(OLD), timezone.now() + timedelta(minutes=1))
    assert state_on(page_of(ada, client)) == "old-in-use"
    assert remove(ada, client, old).status_code == 422
    assert remove(ada, client, old, anyway="on").status_code == 302
    client.refresh_from_db()
    assert client.thumbprints == [certificate(NEW).thumbprint]


def test_without_a_connection_log_nothing_is_safe(ada: Browser, namespace: Namespace, settings: Any) -> None:
    client = pressed(namespace, OLD)
    send(ada, client, thumbprint=certificate(NEW).thumbprint)
    connects(client, certificate(NEW))
    settings.CONNECTION_LOG_GATEWAY = ""
    page = page_of(ada, client)
    assert state_on(page) == "unknown"
    assert "data-safe" not in page
    assert "data-last-used" not in page
    assert remove(ada, client, certificate(OLD).thumbprint).status_code == 422


def test_a_test_of_the_new_certificate_is_no_connection(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD)
    send(ada, client, thumbprint=certificate(NEW).thumbprint)
    tested = Showing(client.name, (load_certificate(certificate(NEW).der),), timezone.now(), has_connected=False)
    remember(namespace.pk, [tested])
    assert state_on(page_of(ada, client)) == "unseen"


def test_another_clients_use_of_the_certificate_does_not_count(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD)
    send(ada, client, thumbprint=certificate(NEW).thumbprint)
    connects(make_client(namespace, "press-2"), certificate(NEW))
    assert state_on(page_of(ada, client)) == "unseen"


def test_with_two_thumbprints_the_person_says_which_one_goes(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD, OTHER)
    answer = send(ada, client, thumbprint=certificate(NEW).thumbprint)
    assert answer.status_code == 422
    assert 'id="replaces-error" data-code="required"' in answer.content.decode()
    chosen = certificate(OTHER).thumbprint
    assert send(ada, client, thumbprint=certificate(NEW).thumbprint, replaces=chosen).status_code == 302
    client.refresh_from_db()
    assert client.thumbprints == [certificate(OLD).thumbprint, certificate(NEW).thumbprint]


def test_a_renewal_is_taken_back(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD)
    send(ada, client, thumbprint=certificate(NEW).thumbprint)
    assert remove(ada, client, certificate(NEW).thumbprint, anyway="on").status_code == 302
    client.refresh_from_db()
    assert client.thumbprints == [certificate(OLD).thumbprint]
    assert state_on(page_of(ada, client)) == "none"


@pytest.mark.parametrize("text", ["", "hello", "ab" * 20, "<script>", "\x00" * 64])
def test_what_is_no_thumbprint_is_refused(ada: Browser, namespace: Namespace, text: str) -> None:
    client = pressed(namespace, OLD)
    assert send(ada, client, thumbprint=text).status_code == 422
    assert send(ada, client, thumbprint=certificate(OLD).thumbprint).status_code == 422  # it has that one
    client.refresh_from_db()
    assert client.thumbprints == [certificate(OLD).thumbprint]


def test_an_expired_certificate_is_refused(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD)
    expired = self_signed("press-1", not_before=AT - 3 * YEAR, not_after=AT - 2 * YEAR)
    answer = send(ada, client, certificate=SimpleUploadedFile("new.crt", expired.pem))
    assert (answer.status_code, answer.context["form"].errors.as_data()["certificate"][0].code) == (422, "expired")


@pytest.mark.parametrize("field", ["certificate", "thumbprint"])
def test_a_private_key_is_refused(ada: Browser, namespace: Namespace, field: str) -> None:
    client, key = pressed(namespace, OLD), certificate(NEW).key_pem
    sent = SimpleUploadedFile("new.pem", key) if field == "certificate" else key.decode()
    answer = send(ada, client, **{field: sent})
    assert answer.status_code == 422
    assert key.decode().splitlines()[1] not in answer.content.decode()


def test_the_last_thumbprint_stays(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD)
    for each in (certificate(OLD).thumbprint, certificate(NEW).thumbprint, ""):
        assert remove(ada, client, each, anyway="on").status_code == 422
    client.refresh_from_db()
    assert client.thumbprints == [certificate(OLD).thumbprint]


def test_an_edit_of_the_thumbprints_ends_the_renewal(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD)
    send(ada, client, thumbprint=certificate(NEW).thumbprint)
    connects(client, certificate(NEW))
    row = Client.objects.get()
    held = [certificate(NEW).thumbprint, certificate(OTHER).thumbprint]
    update_client(
        owner_of(namespace),
        client=row,
        validation_scheme=row.validation_scheme,
        thumbprints=held,
        state="Enabled",
        description="",
        attributes={},
    )
    assert state_on(page_of(ada, client)) == "none"


def test_an_edit_by_others_meanwhile_is_shown(ada: Browser, namespace: Namespace) -> None:
    client = pressed(namespace, OLD)
    url = reverse("namespaces:client_renew", args=[namespace.pk, "press-1"])
    opened = client.edition
    send(ada, client, thumbprint=certificate(NEW).thumbprint)
    for address, fields in (
        (url, {"thumbprint": certificate(OTHER).thumbprint, "replaces": certificate(OLD).thumbprint}),
        (f"{url}end/", {"remove": certificate(OLD).thumbprint, "anyway": "on"}),
    ):
        answer = ada.post(address, {"generation": opened, **fields})
        assert answer.status_code == 409
        assert 'data-code="changed-meanwhile"' in answer.content.decode()
        assert ada.post(address, fields).status_code == 422


def test_a_client_with_another_scheme_needs_nothing(ada: Browser, namespace: Namespace) -> None:
    client = make_client(namespace, "press-1")
    assert 'data-code="not-by-thumbprint"' in page_of(ada, client)
    assert send(ada, client, thumbprint=certificate(NEW).thumbprint).status_code == 422
    client.refresh_from_db()
    assert client.thumbprints == []
