"""The pane Upload certificate: the verdict before Upload, and the fix that one click takes."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.decoding import load_certificate
from certificates.issuing import ClientName, SampleChain, make_sample_chain
from certificates.models import CACertificate
from namespaces.client_certificates import Showing, remember
from namespaces.models import Namespace
from tests.factories import PASSWORD, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain() -> SampleChain:
    return make_sample_chain([ClientName("press-1")], at=timezone.now() - timedelta(days=1))


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace(contributor=make_user("ada"))


@pytest.fixture
def ada(client: Browser, namespace: Namespace) -> Browser:
    client.login(username="ada", password=PASSWORD)
    return client


def bundle(chain: SampleChain) -> str:
    return chain.clients[0].certificate_pem + chain.intermediate.certificate_pem + chain.root.certificate_pem


def verdict(browser: Browser, namespace: Namespace, **sent: object) -> str:
    url = reverse("certificates:ca_certificate_check_file", args=[namespace.pk])
    answer = browser.post(url, sent, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert not CACertificate.objects.exists()
    return answer.content.decode()


def test_of_a_bundle_one_click_takes_the_one_that_signs(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    found = verdict(ada, namespace, file=SimpleUploadedFile("chain.pem", bundle(chain).encode()))
    assert "There are 3 certificates in this file" in found
    wanted = chain.intermediate.thumbprint
    assert f'name="choose" value="{wanted}"' in found
    chosen = verdict(ada, namespace, pem=bundle(chain), choose=wanted)
    assert "This CA certificate can be uploaded." in chosen
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    answer = ada.post(url, {"name": "line-a", "pem": bundle(chain), "choose": wanted})
    assert answer.status_code == 302
    assert CACertificate.objects.get().thumbprint == wanted


def test_a_choice_that_is_not_in_the_file_counts_for_nothing(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    assert "There are 3 certificates" in verdict(ada, namespace, pem=bundle(chain), choose="0" * 64)
    for wrong in (chain.clients[0].thumbprint, "\x00"):
        assert "can be uploaded" not in verdict(ada, namespace, pem=bundle(chain), choose=wrong)


def test_a_client_certificate_names_its_issuer_and_offers_a_thumbprint_client(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    leaf = chain.clients[0]
    found = verdict(ada, namespace, pem=leaf.certificate_pem)
    issuer = load_certificate(chain.intermediate.certificate_der)
    assert issuer.subject in found
    assert issuer.subject_key_identifier in found
    url = found.split('href="' + reverse("namespaces:client_create", args=[namespace.pk]))[1].split('"')[0]
    form = ada.get(reverse("namespaces:client_create", args=[namespace.pk]) + url.replace("&amp;", "&"))
    assert leaf.thumbprint in form.content.decode()
    assert '<option value="ThumbprintMatch" selected>' in form.content.decode()


def test_a_root_is_told_apart_when_known_clients_are_signed_by_an_intermediate(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    make_client(namespace, "press-1")
    shown = tuple(load_certificate(each.certificate_der) for each in (chain.clients[0], chain.intermediate))
    remember(namespace.pk, [Showing("press-1", shown, timezone.now(), has_connected=True)])
    found = verdict(ada, namespace, pem=chain.root.certificate_pem)
    assert "The clients seen here are signed by" in found
    assert load_certificate(chain.intermediate.certificate_der).subject in found


def test_what_was_chosen_as_a_file_is_still_there_after_a_refusal(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    file = SimpleUploadedFile("ca.crt", chain.intermediate.certificate_pem.encode())
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    answer = ada.post(url, {"name": "x!", "file": file, "description": "of line A"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert chain.intermediate.certificate_pem.splitlines()[1] in page
    assert 'value="of line A"' in page
    assert not CACertificate.objects.exists()


def test_certificates_shown_at_a_connection_are_remembered_once(namespace: Namespace, chain: SampleChain) -> None:
    leaf = load_certificate(chain.clients[0].certificate_der)
    now = timezone.now()
    remember(namespace.pk, [Showing("press-1", (leaf,), now, has_connected=False)])
    remember(namespace.pk, [Showing("press-1", (leaf,), now + timedelta(hours=1), has_connected=True)])
    remember(namespace.pk, [Showing("press-1", (leaf,), now - timedelta(hours=1), has_connected=False)])
    row = namespace.client_certificates.get()
    assert (row.thumbprint, row.has_connected) == (leaf.thumbprint_sha256, True)
    assert row.seen_at == now + timedelta(hours=1)
