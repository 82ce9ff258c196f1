"""The pane Upload certificate: the verdict before the upload, and one-click fixes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate
from certificates.models import CACertificate
from certificates.samples.chain import ClientName, SampleChain, make_sample_chain
from certificates.x509.reading import load_certificate
from namespaces.connections.client_certificates import Showing, remember
from namespaces.forms.base import without_private_keys
from namespaces.models import Namespace
from tests.certificates.uploads import LINE, SENSOR
from tests.certificates.uploads.key_uploads import key_files
from tests.support.browser.markup import on_one_line
from tests.support.certificates.chains import authority
from tests.support.database.factories import make_ca_certificate, make_client, owner_of

pytestmark = pytest.mark.django_db

ACCEPTED, FULL = 'data-verdict="accepted"', 'data-problem="limit"'


@pytest.fixture
def chain() -> SampleChain:
    return make_sample_chain([ClientName("press-1")], at=timezone.now() - timedelta(days=1))


def bundle(chain: SampleChain) -> str:
    return chain.clients[0].certificate_pem + chain.intermediate.certificate_pem + chain.root.certificate_pem


def verdict(browser: Browser, namespace: Namespace, **sent: object) -> str:
    url = reverse("certificates:ca_certificate_check_file", args=[namespace.pk])
    answer = browser.post(url, sent, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert not CACertificate.objects.exists()
    return answer.content.decode()


def test_one_click_chooses_the_signer_from_a_bundle(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    found = verdict(ada, namespace, file=SimpleUploadedFile("chain.pem", bundle(chain).encode()))
    assert 'data-problem="several-certificates" data-detail="signer"' in found
    wanted = chain.intermediate.thumbprint
    assert f'name="choose" value="{wanted}"' in found
    chosen = verdict(ada, namespace, pem=bundle(chain), choose=wanted)
    assert ACCEPTED in chosen
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    answer = ada.post(url, {"name": "line-a", "pem": bundle(chain), "choose": wanted})
    assert answer.status_code == 302
    assert CACertificate.objects.get().thumbprint == wanted


def test_each_ca_has_a_button_when_the_signer_is_unknown(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    other = authority("Other Root CA", at=timezone.now())
    found = verdict(ada, namespace, pem=chain.root.certificate_pem + other.pem.decode())
    for thumbprint in (chain.root.thumbprint, other.thumbprint):
        assert f'name="choose" value="{thumbprint}"' in found
    assert 'data-detail="choose"' in found


def test_a_full_namespace_is_reported_at_every_step(
    ada: Browser, namespace: Namespace, chain: SampleChain, settings: Any
) -> None:
    settings.MAX_CA_CERTIFICATES = 1
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    assert FULL not in ada.get(url).content.decode()
    row = make_ca_certificate(namespace, "first")
    pem = chain.intermediate.certificate_pem
    answers = [
        ada.get(url),
        ada.post(reverse("certificates:ca_certificate_check_file", args=[namespace.pk]), {"pem": pem}),
        ada.post(url, {"pem": pem, "name": "second"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 422]
    for answer in answers:
        assert FULL in answer.content.decode()
        assert ACCEPTED not in answer.content.decode()
    delete_ca_certificate(owner_of(namespace), certificate=row)
    assert ACCEPTED in ada.post(url, {"pem": pem, "name": "FIRST", "team": "x"}).content.decode()
    assert ada.post(url, {"pem": pem, "name": "first"}).status_code == 302


def test_every_error_and_warning_is_shown(ada: Browser, namespace: Namespace) -> None:
    now = timezone.now()
    both = authority("Old CA", key="RSA 1024", at=now, not_after=now - timedelta(days=1))
    found = verdict(ada, namespace, pem=both.pem.decode())
    assert re.findall(r'data-problem="([^"]+)"', found) == ["expired", "weak-key", "root"]
    assert "RSA 1024" in found


def test_a_choice_that_is_not_in_the_file_is_ignored(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    assert 'data-problem="several-certificates"' in verdict(ada, namespace, pem=bundle(chain), choose="0" * 64)
    for wrong in (chain.clients[0].thumbprint, "\x00"):
        assert ACCEPTED not in verdict(ada, namespace, pem=bundle(chain), choose=wrong)


def test_a_leaf_names_its_issuer_and_offers_a_thumbprint_client(
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


def test_a_root_above_the_intermediate_that_signs_clients_is_warned(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    make_client(namespace, "press-1")
    shown = tuple(load_certificate(each.certificate_der) for each in (chain.clients[0], chain.intermediate))
    remember(namespace.pk, [Showing("press-1", shown, timezone.now(), has_connected=True)])
    found = verdict(ada, namespace, pem=chain.root.certificate_pem)
    assert 'data-problem="intermediate-signs-clients"' in found
    assert load_certificate(chain.intermediate.certificate_der).subject in found


def test_a_chosen_file_is_kept_after_an_error(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    file = SimpleUploadedFile("ca.crt", chain.intermediate.certificate_pem.encode())
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    answer = ada.post(url, {"name": "x!", "file": file, "description": "of line A"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert chain.intermediate.certificate_pem.splitlines()[1] in page
    assert 'value="of line A"' in page
    assert not CACertificate.objects.exists()


UNREAD = {
    "words": "hello, is this the right file? " * 40_000,
    "a key with its middle alone": SENSOR.key_pem.decode().splitlines()[2] + "\n",
    "a damaged certificate": LINE.pem.decode().replace("M", "?"),
    "base64 among words": "key = " + " ".join(SENSOR.key_pem.decode().splitlines()[2:-1]),
}


@pytest.mark.parametrize("paste", UNREAD.values(), ids=UNREAD)
@pytest.mark.parametrize("more", [{}, {"description": SENSOR.key_pem.decode()}], ids=["", "beside a key"])
def test_unreadable_text_is_not_sent_back(ada: Browser, namespace: Namespace, paste: str, more: dict[str, str]) -> None:
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    answer = ada.post(url, {"name": "line-a", "pem": paste, "description": "of line A"} | more)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert paste.strip()[-30:] not in page
    assert 'value="line-a"' in page
    assert ('value="of line A"' in page) is not bool(more)
    assert len(page) < 200_000


def test_only_the_certificates_of_pasted_text_are_sent_back(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    pem = chain.intermediate.certificate_pem
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    page = ada.post(url, {"name": "x!", "pem": f"the password is swordfish\n{pem}"}).content.decode()
    assert pem.splitlines()[1] in page
    assert "swordfish" not in page


TEXT_KEYS = {
    name: data.decode()
    for name, data in key_files()
    if data.isascii() and "bare body" not in name and len(data) < 100_000
}


@pytest.mark.parametrize("text", TEXT_KEYS.values(), ids=TEXT_KEYS)
def test_a_private_key_in_any_notation_is_removed_from_every_field(text: str) -> None:
    posted = QueryDict(mutable=True)
    posted.setlist("description", ["of line A", text])
    posted["name"] = "line-a"
    clean, held = without_private_keys(posted)
    assert held == ["description"]
    assert (clean.getlist("description"), clean["name"]) == (["", ""], "line-a")


@pytest.mark.parametrize(
    "text",
    [
        SENSOR.thumbprint,
        "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/plant/providers/Microsoft.EventGrid/namespaces/a",
        "The private key stays on the machine - see the guide.",
        'attributes.line = "1" AND authenticationName IN ["sensor-1", "sensor-2"]',
        LINE.pem.decode(),
    ],
)
def test_other_text_is_kept(text: str) -> None:
    posted = QueryDict(mutable=True)
    posted["description"] = text
    assert without_private_keys(posted) == (posted, [])


@pytest.mark.parametrize("field", ["description", "name"])
@pytest.mark.parametrize("key", ["EC: PKCS#8 base64 without armour", "JSON Web Key", "PGP", "PKCS#8: in small letters"])
def test_a_private_key_in_any_field_is_refused(
    ada: Browser, namespace: Namespace, chain: SampleChain, field: str, key: str
) -> None:
    sent = {"name": "line-a", "pem": chain.intermediate.certificate_pem} | {field: TEXT_KEYS[key]}
    answer = ada.post(reverse("certificates:ca_certificate_upload", args=[namespace.pk]), sent)
    assert answer.status_code == 422
    assert 'data-problem="private-key"' in answer.content.decode()
    assert TEXT_KEYS[key][40:70] not in answer.content.decode()
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


@pytest.mark.parametrize("sent", ["a client certificate", "no certificate", "a private key"])
def test_a_refused_file_cannot_be_uploaded_and_is_explained_once(
    ada: Browser, namespace: Namespace, chain: SampleChain, sent: str
) -> None:
    key = chain.clients[0].key_pem.decode()
    pem = {"a client certificate": chain.clients[0].certificate_pem, "no certificate": "hello", "a private key": key}[
        sent
    ]
    live = verdict(ada, namespace, pem=pem)
    assert 'id="upload-button" disabled hx-swap-oob="true"' in on_one_line(live)
    for usable in (chain.intermediate.certificate_pem, ""):
        assert 'id="upload-button" hx-swap-oob="true"' in on_one_line(verdict(ada, namespace, pem=usable))
    url = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    reason = live.split("<strong>")[1].split("</strong>")[0]
    for is_htmx in (True, False):
        page = ada.post(url, {"name": "line-a", "pem": pem}, headers={"HX-Request": "true"} if is_htmx else {})
        text = page.content.decode()
        assert text.count(reason) == 1
        assert ('data-code="private-key"' in text) is (sent == "a private key")  # shown at its field too
        assert text.count('id="id_file_error"') == 1
        # Without JavaScript only that button sends another file.
        assert ('id="upload-button" disabled' in text) is is_htmx


@pytest.mark.parametrize("scheme", ["SubjectMatchesAuthenticationName", "ThumbprintMatch"])
@pytest.mark.parametrize("is_signer_here", [True, False])
def test_the_certificate_of_a_registered_client_leads_to_that_client(
    ada: Browser, namespace: Namespace, chain: SampleChain, scheme: str, is_signer_here: bool
) -> None:
    make_client(namespace, "Press-One", authentication_name="press-1", validation_scheme=scheme, thumbprints=[])
    url = reverse("certificates:ca_certificate_check_file", args=[namespace.pk])
    if is_signer_here:
        make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    page = ada.post(url, {"pem": chain.clients[0].certificate_pem}, headers={"HX-Request": "true"}).content.decode()
    assert reverse("namespaces:client_detail", args=[namespace.pk, "Press-One"]) in page
    assert reverse("namespaces:client_create", args=[namespace.pk]) not in page
    problem = page.split("data-problem=")[1].split("data-problem=")[0]
    assert "Press-One" in problem
    assert ("Thumbprint Match" in problem) is (scheme == "ThumbprintMatch")


def test_a_bundle_whose_signer_is_uploaded_needs_no_upload(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    make_ca_certificate(namespace, "plant-intermediate", der=chain.intermediate.certificate_der)
    url = reverse("certificates:ca_certificate_check_file", args=[namespace.pk])

    def answer() -> str:
        return ada.post(url, {"pem": bundle(chain)}, headers={"HX-Request": "true"}).content.decode()

    assert 'data-problem="several-certificates" data-detail="signer-uploaded"' in answer()
    assert "plant-intermediate" in answer()
    assert 'name="choose"' not in answer()
    assert reverse("namespaces:client_create", args=[namespace.pk]) in answer()
    make_client(namespace, "press-1")
    assert "client press-1" in answer()
    assert reverse("namespaces:client_detail", args=[namespace.pk, "press-1"]) in answer()
    assert reverse("namespaces:client_create", args=[namespace.pk]) not in answer()


def test_without_javascript_the_choice_is_shown_before_it_is_uploaded(
    ada: Browser, namespace: Namespace, chain: SampleChain
) -> None:
    upload = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    check = reverse("certificates:ca_certificate_check_file", args=[namespace.pk])
    page = ada.post(upload, {"name": "line-a", "pem": bundle(chain)}).content.decode()
    button = page.split('name="choose"')[0].rsplit("<button", 1)[1] + page.split('name="choose"')[1].split(">")[0]
    assert f'formaction="{check}"' in button
    wanted = chain.intermediate.thumbprint
    sent = {"pem": bundle(chain), "choose": wanted, "description": "of line A"}
    for name in ("line-a", ""):
        shown = ada.post(check, {**sent, "name": name}).content.decode()
        assert not CACertificate.objects.exists()
        assert ACCEPTED in shown
        assert f'<input type="hidden" name="choose" value="{wanted}">' in shown
        assert 'value="of line A"' in shown
        assert 'class="errors"' not in shown
    assert ada.post(upload, {**sent, "name": "line-a"}).status_code == 302
    assert CACertificate.objects.get().thumbprint == wanted
