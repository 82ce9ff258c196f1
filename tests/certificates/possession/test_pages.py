"""The pages about proof of possession: state, commands, form, badge and the setting of the namespace."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from namespaces.models import Namespace, Possession
from portal.models import Activity, User
from tests.support.browser.browsing import signed_in
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import make_ca_certificate, make_namespace, make_user, owner_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ca() -> Identity:
    return authority("Line 1 CA", at=timezone.now() - timedelta(days=1))


@pytest.fixture
def namespace() -> Namespace:
    namespace = make_namespace(reader=make_user("rita"))
    Namespace.objects.update(possession=Possession.REQUIRED)
    return namespace


@pytest.fixture
def owner(namespace: Namespace) -> Browser:
    return signed_in(owner_of(namespace))


def uploaded(owner: Browser, namespace: Namespace, ca: Identity) -> str:
    """Upload the certificate through the form, and return the address to which it leads."""
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    answer = owner.post(url, {"name": "line-1", "pem": ca.pem.decode()})
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    return str(answer.headers["Location"])


def page_of(browser: Browser, url: str) -> str:
    return browser.get(url).content.decode()


def nonce_on(page: str) -> str:
    found = re.search(r"data-nonce>([0-9a-f]{40})<", page)
    assert found is not None
    return found[1]


def test_the_upload_leads_to_the_proof_and_the_proof_to_the_badge(
    owner: Browser, namespace: Namespace, ca: Identity
) -> None:
    url = uploaded(owner, namespace, ca)
    page = page_of(owner, url)
    assert 'data-possession="waiting"' in page
    nonce = nonce_on(page)
    for tool in ("openssl", "step", "device"):
        lines = re.search(rf'<pre id="lines-{tool}"[^>]*>(.*?)</pre>', page, re.DOTALL)
        assert lines is not None
        assert nonce in lines[1]
    listed = page_of(owner, reverse("certificates:ca_certificate_list", args=[namespace.pk]))
    assert 'data-badge="unproved"' in listed
    answer = owner.post(url, {"file": SimpleUploadedFile("proof.crt", ca.issue(nonce).pem)})
    assert (answer.status_code, answer.headers["Location"]) == (302, url)
    proved = page_of(owner, url)
    assert 'data-possession="proved"' in proved
    assert 'data-proof="ca_key"' in proved
    assert 'data-badge="ca_key"' in page_of(owner, reverse("certificates:ca_certificate_list", args=[namespace.pk]))


def test_a_refused_proof_shows_its_reason_and_is_kept_in_the_form(
    owner: Browser, namespace: Namespace, ca: Identity
) -> None:
    url = uploaded(owner, namespace, ca)
    wrong = authority("Other CA").issue(nonce_on(page_of(owner, url))).pem.decode()
    answer = owner.post(url, {"pem": wrong})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'data-code="wrong-key"' in page
    assert wrong.splitlines()[1] in page
    assert CACertificate.objects.get().badges == ()


@pytest.mark.parametrize("way", ["file", "pem"])
def test_a_private_key_is_refused_and_neither_shown_nor_stored(
    owner: Browser, namespace: Namespace, ca: Identity, way: str
) -> None:
    url = uploaded(owner, namespace, ca)
    before = Activity.objects.count()
    both = ca.issue(nonce_on(page_of(owner, url))).pem + ca.key_pem
    sent = SimpleUploadedFile("proof.pem", both) if way == "file" else both.decode()
    answer = owner.post(url, {way: sent})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'data-code="private-key"' in page
    assert ca.key_pem.decode().splitlines()[1] not in page
    assert Activity.objects.count() == before


@pytest.mark.parametrize("text", ["", "hello", "<script>", "\x00", "-----BEGIN CERTIFICATE-----\nAAAA"])
def test_what_is_no_certificate_is_refused_at_the_field(
    owner: Browser, namespace: Namespace, ca: Identity, text: str
) -> None:
    url = uploaded(owner, namespace, ca)
    answer = owner.post(url, {"pem": text})
    assert answer.status_code == 422
    assert 'id="id_file_error" data-code="' in answer.content.decode()


def test_another_nonce_is_given_on_demand(owner: Browser, namespace: Namespace, ca: Identity) -> None:
    url = uploaded(owner, namespace, ca)
    first = nonce_on(page_of(owner, url))
    answer = owner.post(reverse("certificates:ca_certificate_nonce", args=[namespace.pk, "line-1"]))
    assert answer.headers["Location"] == url
    second = nonce_on(page_of(owner, url))
    assert second != first
    assert owner.post(url, {"pem": ca.issue(first).pem.decode()}).status_code == 302  # the first still counts


def test_a_reader_sees_the_state_and_no_nonce(owner: Browser, namespace: Namespace, ca: Identity) -> None:
    url = uploaded(owner, namespace, ca)
    page = page_of(signed_in(User.objects.get(username="rita")), url)
    assert 'data-possession="waiting"' in page
    assert "data-nonce" not in page


def test_one_that_azure_cannot_read_has_nothing_to_prove(owner: Browser, namespace: Namespace) -> None:
    row = make_ca_certificate(namespace, "broken-ca")
    row.forget_certificate()
    row.save()
    url = reverse("certificates:ca_certificate_possession", args=[namespace.pk, "broken-ca"])
    assert owner.get(url).status_code == 200
    owner.post(reverse("certificates:ca_certificate_nonce", args=[namespace.pk, "broken-ca"]))
    assert not row.nonces.exists()
    assert owner.post(url, {"pem": make_ca_certificate(namespace).pem}).status_code == 422


def test_an_owner_sets_it_on_the_configuration(owner: Browser, namespace: Namespace) -> None:
    url = reverse("namespaces:possession", args=[namespace.pk])
    assert 'value="required" checked' in page_of(owner, url)
    for wrong in ("", "always"):
        answer = owner.post(url, {"possession": wrong})
        assert answer.status_code == 422
        assert 'data-code="' in answer.content.decode()
    assert owner.post(url, {"possession": "asked"}).status_code == 302
    namespace.refresh_from_db()
    assert namespace.possession == "asked"


def test_the_overview_names_a_certificate_that_waits(owner: Browser, namespace: Namespace, ca: Identity) -> None:
    url = uploaded(owner, namespace, ca)
    overview = reverse("namespaces:namespace_overview", args=[namespace.pk])
    assert "proof-missing" in page_of(owner, overview)
    owner.post(url, {"pem": ca.issue(nonce_on(page_of(owner, url))).pem.decode()})
    assert "proof-missing" not in page_of(owner, overview)
