"""Revoke certificates that the portal has seen, and release them: through the pages, down to what is kept."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.rules.revocation import check_revocation
from certificates.forms.unseen_certificates import serial_written
from certificates.models import RevokedCertificate
from certificates.namespace_rules import rules_of
from certificates.x509.certificate import load_certificate, public_key_hash
from certificates.x509.reading import to_azure_pem
from namespaces.models import PREVIEW, ClientCertificate, ConnectionAttempt, DecisionChange, Namespace
from portal.models import Activity, NoticeRecipient, User
from tests.support.certificates.chains import authority
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_certificate,
    make_configuration,
    make_namespace,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db

ROOT = authority("Plant Root CA")
LINE = ROOT.issue("Line 1 CA", ca=True)
UNSEEN = ROOT.issue("Intermediate that only devices send", ca=True)
PRESS = LINE.issue("press-1")
STRANGER = UNSEEN.issue("stranger")


@dataclass
class Place:
    namespace: Namespace
    people: dict[str, User]

    def as_(self, who: str) -> Browser:
        browser = Browser()
        browser.force_login(self.people[who])
        return browser

    def url(self, page: str, *args: Any) -> str:
        return reverse(f"certificates:{page}", args=[self.namespace.pk, *args])

    def revoke(self, who: str, thumbprint: str, **fields: str) -> Any:
        given = {"reason": "keyCompromise", "note": "It was stolen."} | fields
        return self.as_(who).post(self.url("certificate_revoke", thumbprint), given)


@pytest.fixture
def place() -> Place:
    names = ("owner", "contributor", "of_line_1", "of_line_2", "uploader", "reader")
    people = {name: make_user(name) for name in names}
    line_1 = make_team("Line 1", people["of_line_1"], people["uploader"])
    make_team("Line 2", people["of_line_2"])
    roles: dict[str, Any] = {"client_manager": people["of_line_1"], "certificate_uploader": people["uploader"]}
    roles |= {each: people[each] for each in ("owner", "contributor", "reader")}
    namespace = make_namespace("factory", **roles)
    namespace.roles.create(user=people["of_line_2"], role="client_manager")
    make_client(namespace, "press-1", team=line_1)
    make_ca_certificate(namespace, "line-ca", der=LINE.der, team=line_1)
    make_client_certificate(namespace, "press-1", PRESS.der)
    pems = ["".join(each.pem.decode().split("-----")[2].split()) for each in (STRANGER, UNSEEN)]
    chain = [f"-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----" for text in pems]
    ConnectionAttempt.objects.create(
        namespace=namespace, cursor=1, at=timezone.now(), accepted=False, code="client-found", reason="",
        thumbprint=STRANGER.thumbprint, record={"presentedChain": chain},
    )  # fmt: skip
    return Place(namespace, people)


def test_a_team_revokes_its_client_s_certificate_and_releases_it(place: Place) -> None:
    assert place.revoke("of_line_1", PRESS.thumbprint).status_code == 302
    row = RevokedCertificate.objects.get()
    assert (row.client_name, row.reason, row.is_ca, row.revoked_by) == (
        "press-1", "keyCompromise", False, place.people["of_line_1"],
    )  # fmt: skip
    assert (row.thumbprint, int(row.serial, 16)) == (PRESS.thumbprint, PRESS.certificate.serial_number)
    assert DecisionChange.objects.filter(namespace_pk=place.namespace.pk, client_pk=None).count() == 1
    entry = Activity.objects.get(verb="Revoke certificate")
    assert (entry.kind, entry.object_name, entry.reason) == ("namespaces.client", "press-1", "It was stolen.")
    told = set(NoticeRecipient.objects.values_list("user__username", flat=True))
    assert {"of_line_1", "owner"} <= told
    assert "of_line_2" not in told
    page = place.as_("reader").get(place.url("client_certificates", "press-1")).content.decode()
    assert f'data-certificate="{PRESS.thumbprint}"' in page
    assert "data-revoked" in page
    assert place.as_("of_line_1").post(place.url("certificate_release", row.pk)).status_code == 302
    row.refresh_from_db()
    assert row.released_at is not None
    assert row.released_by == place.people["of_line_1"]
    assert DecisionChange.objects.filter(client_pk=None).count() == 2
    assert place.revoke("of_line_1", PRESS.thumbprint).status_code == 302  # again: the history keeps both
    assert RevokedCertificate.objects.in_force().count() == 1


@pytest.mark.parametrize(
    ("who", "what", "status"),
    [
        ("of_line_2", PRESS, 403),
        ("uploader", PRESS, 403),
        ("reader", PRESS, 403),
        ("contributor", PRESS, 403),  # in no team
        ("owner", PRESS, 302),
        ("of_line_1", LINE, 403),
        ("uploader", LINE, 302),
        ("of_line_1", STRANGER, 403),  # of no client
        ("contributor", STRANGER, 302),
        ("owner", ROOT, 404),  # never seen
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_who_revokes_which_certificate(place: Place, who: str, what: Any, status: int) -> None:
    assert place.revoke(who, what.thumbprint).status_code == status
    assert RevokedCertificate.objects.count() == (status == 302)
    assert DecisionChange.objects.count() == (status == 302)


def test_an_intermediate_that_only_devices_send_is_revoked_as_a_ca(place: Place) -> None:
    assert place.revoke("contributor", UNSEEN.thumbprint).status_code == 404
    page = place.as_("contributor").get(place.url("certificate_revoke", STRANGER.thumbprint)).content.decode()
    assert f'data-sent-with="{UNSEEN.thumbprint}"' in page
    assert place.revoke("of_line_1", UNSEEN.thumbprint, below=STRANGER.thumbprint).status_code == 403
    assert place.revoke("contributor", UNSEEN.thumbprint, below=STRANGER.thumbprint).status_code == 302
    assert RevokedCertificate.objects.get().is_ca


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"reason": "because"}, "invalid_choice"),
        ({"reason": "cACompromise"}, "invalid_choice"),  # of a CA certificate only
        ({"note": "x" * 501}, "max_length"),
        ({"note": LINE.key_pem.decode()}, "private-key"),
    ],
)
def test_a_refused_form_revokes_nothing(place: Place, fields: dict[str, str], code: str) -> None:
    answer = place.revoke("owner", PRESS.thumbprint, **fields)
    assert answer.status_code == 422
    assert f'data-code="{code}"' in answer.content.decode()
    assert "PRIVATE KEY" not in answer.content.decode()
    assert not RevokedCertificate.objects.exists()
    assert not DecisionChange.objects.exists()


def test_what_is_revoked_already_is_said_and_kept(place: Place) -> None:
    place.revoke("owner", PRESS.thumbprint)
    assert (
        'data-code="revoked-already"'
        in place.as_("owner").get(place.url("certificate_revoke", PRESS.thumbprint)).content.decode()
    )
    assert place.revoke("of_line_1", PRESS.thumbprint, reason="superseded").status_code == 422
    assert RevokedCertificate.objects.get().reason == "keyCompromise"
    row = RevokedCertificate.objects.get()
    for _ in range(2):  # the second finds it released
        assert place.as_("owner").post(place.url("certificate_release", row.pk)).status_code == 302
    assert Activity.objects.filter(verb="Release certificate").count() == 1


@pytest.mark.parametrize("who", ["of_line_2", "reader"])
def test_only_who_may_revoke_may_release(place: Place, who: str) -> None:
    place.revoke("owner", PRESS.thumbprint)
    row = RevokedCertificate.objects.get()
    assert place.as_(who).post(place.url("certificate_release", row.pk)).status_code == 403
    assert RevokedCertificate.objects.in_force().exists()


def test_the_effect_is_said_before_pressing(place: Place) -> None:
    url = place.url("certificate_revoke", PRESS.thumbprint)
    page = place.as_("of_line_1").get(url).content.decode()
    assert 'data-effect="azure"' in page
    assert reverse("namespaces:client_update", args=[place.namespace.pk, "press-1"]) in page  # what helps instead
    make_configuration(place.namespace, webhook_url="https://decide.example/decide/key")
    assert 'data-effect="not-confirmed"' in place.as_("of_line_1").get(url).content.decode()
    assert 'data-code="not-enforced"' not in place.as_("of_line_1").get(url).content.decode()


def test_the_pages_of_a_ca_certificate_show_that_it_is_revoked(place: Place) -> None:
    page = reverse("certificates:ca_certificate_detail", args=[place.namespace.pk, "line-ca"])
    assert 'data-code="revoked"' not in place.as_("reader").get(page).content.decode()
    place.revoke("uploader", LINE.thumbprint, reason="cACompromise")
    assert 'data-code="revoked"' in place.as_("reader").get(page).content.decode()
    listed = place.as_("reader").get(place.url("revoked_list")).content.decode()
    assert f'data-revoked="{LINE.thumbprint}"' in listed
    assert (
        f'data-revoked="{LINE.thumbprint}"'
        not in place.as_("reader").get(place.url("revoked_list") + "?q=press").content.decode()
    )
    serial = f"{LINE.certificate.serial_number:X}"
    assert LINE.thumbprint in place.as_("reader").get(place.url("revoked_list") + f"?q={serial}").content.decode()


def test_what_is_revoked_offers_undo_and_not_revoke(place: Place) -> None:
    place.revoke("owner", STRANGER.thumbprint)
    place.revoke("owner", LINE.thumbprint)
    release = [place.url("certificate_release", row.pk) for row in RevokedCertificate.objects.order_by("pk")]
    pages = {
        reverse("namespaces:connection_detail", args=[place.namespace.pk, 1]): (release[0], STRANGER),
        place.url("ca_certificate_detail", "line-ca"): (release[1], LINE),
        place.url("certificate_revoke", LINE.thumbprint): (release[1], None),
    }
    for page, (undo, identity) in pages.items():
        text = place.as_("owner").get(page).content.decode()
        assert undo in text, page
        if identity is not None:
            assert place.url("certificate_revoke", identity.thumbprint) not in text, page
    assert 'name="reason"' not in text


def test_the_json_view_has_the_version_in_which_the_webhook_is_sent(place: Place) -> None:
    row = make_configuration(place.namespace, base={"properties": {"topicSpacesConfiguration": {"state": "Enabled"}}})
    url = reverse("namespaces:configuration_json", args=[place.namespace.pk])
    assert f"api-version={PREVIEW}" not in place.as_("owner").get(url).content.decode()
    row.webhook_url, row.webhook_audience, row.webhook_tenant = "https://decide.example.com/decide/k", "api://d", "t"
    for base in (row.base, {"properties": row.body()}):  # on its way, and there
        row.base = base
        row.save()
        assert f"api-version={PREVIEW}" in place.as_("owner").get(url).content.decode()


@pytest.mark.parametrize(
    ("text", "notation", "number"),
    [
        ("4A:2F:09", "hex", 0x4A2F09),
        ("serial=4A2F09", "hex", 0x4A2F09),
        ("Serial Number: 4a 2f 09", "hex", 0x4A2F09),
        ("0x1000", "hex", 0x1000),
        ("1000", "hex", 0x1000),
        ("1000", "decimal", 1000),
        ("4096 (0x1000)", "hex", 4096),
        ("Serial Number: 4096 (0x1000)", "decimal", 4096),
        ("\u20104A", "hex", 0x4A),
    ],
)
def test_serial_numbers_as_people_paste_them(text: str, notation: str, number: int) -> None:
    assert serial_written(text, notation) == number


@pytest.mark.parametrize(
    ("text", "notation", "code"),
    [
        ("4A2F", "decimal", "not-decimal"),
        ("hello", "hex", "no-serial"),
        ("", "hex", "no-serial"),
        ("0", "hex", "range"),
        ("f" * 41, "hex", "range"),
        ("4096 (0x1001)", "hex", "differ"),
        ("\u0664\u0662", "decimal", "no-serial"),
    ],
)
def test_what_is_no_serial_number(text: str, notation: str, code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        serial_written(text, notation)
    assert refusal.value.code == code


def revoke_other(place: Place, who: str, **fields: Any) -> Any:
    given = {"reason": "keyCompromise", "note": "", "notation": "hex"} | fields
    return place.as_(who).post(place.url("revoke_unseen"), given)


def test_a_certificate_that_was_never_seen_is_revoked_by_issuer_and_serial(place: Place) -> None:
    lost = LINE.issue("lost", key_label="lost")
    serial = f"{lost.certificate.serial_number:X}"
    assert revoke_other(place, "owner", ca="line-ca", serial=serial).status_code == 302
    row = RevokedCertificate.objects.get()
    assert (row.thumbprint, row.issuer_key, row.serial) == ("", public_key_hash(LINE.der), serial.lower())
    rules = rules_of(place.namespace.pk)
    path = [load_certificate(each.der) for each in (lost, LINE)]
    assert check_revocation(path, rules, at=timezone.now()).outcome == "failed"
    twin = ROOT.issue("Line 1 CA", ca=True, key_label="twin")  # of the same name: its certificate is another one
    path = [load_certificate(each.der) for each in (twin.issue("lost", key_label="lost"), twin)]
    assert check_revocation(path, rules, at=timezone.now()).outcome == "passed"
    again = revoke_other(place, "owner", ca="line-ca", serial=serial)
    assert again.status_code == 422
    assert 'data-code="revoked-already"' in again.content.decode()
    page = place.as_("uploader").get(place.url("revoked_list")).content.decode()
    release = place.url("certificate_release", row.pk)
    assert release in page  # it belongs to the team of the CA
    assert place.as_("of_line_2").post(release).status_code == 403
    assert place.as_("owner").post(release).status_code == 302
    assert revoke_other(place, "owner", ca="line-ca", serial=serial).status_code == 302


def test_an_attempt_offers_no_second_revocation_by_serial(place: Place) -> None:
    lost = LINE.issue("lost", key_label="lost")
    twin = ROOT.issue("Line 1 CA", ca=True, key_label="twin").issue("lost", key_label="twin's")
    revoke_other(place, "owner", ca="line-ca", serial=f"{lost.certificate.serial_number:X}")
    facts = {"namespace": place.namespace, "at": timezone.now(), "accepted": False, "code": "client-found"}
    pages = []
    for cursor, device in ((7, lost), (8, twin)):
        chain = [to_azure_pem(device.der)]
        ConnectionAttempt.objects.create(
            cursor=cursor, thumbprint=device.thumbprint, record={"presentedChain": chain}, **facts
        )
        detail = reverse("namespaces:connection_detail", args=[place.namespace.pk, cursor])
        pages.append(place.as_("owner").get(detail).content.decode())
    release = place.url("certificate_release", RevokedCertificate.objects.get().pk)
    assert (release in pages[0], place.url("certificate_revoke", lost.thumbprint) in pages[0]) == (True, False)
    assert (release in pages[1], place.url("certificate_revoke", twin.thumbprint) in pages[1]) == (False, True)


def test_a_known_serial_is_the_clients_and_a_file_needs_no_issuer(place: Place) -> None:
    ClientCertificate.objects.update(serial=f"{PRESS.certificate.serial_number:x}")
    revoke_other(place, "owner", ca="line-ca", serial=f"{PRESS.certificate.serial_number:x}")
    row = RevokedCertificate.objects.get()
    assert (row.client_name, row.thumbprint) == ("press-1", PRESS.thumbprint)
    other = UNSEEN.issue("never seen")
    assert revoke_other(place, "contributor", pem=other.pem.decode()).status_code == 302
    assert RevokedCertificate.objects.filter(thumbprint=other.thumbprint).exists()


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "file", "required"),
        ({"serial": "4a"}, "ca", "required"),
        ({"ca": "line-ca"}, "serial", "required"),
        ({"ca": "nonsense", "serial": "4a"}, "ca", "invalid_choice"),
        ({"ca": "line-ca", "serial": "what"}, "serial", "no-serial"),
        ({"ca": "line-ca", "serial": "4a", "pem": PRESS.pem.decode()}, "file", "both"),
        ({"pem": "nonsense"}, "file", "not-a-certificate"),
        ({"ca": "line-ca", "serial": "4a", "reason": "because"}, "reason", "invalid_choice"),
    ],
)
def test_what_is_missing_or_wrong_is_said_at_its_field(
    place: Place, fields: dict[str, str], field: str, code: str
) -> None:
    answer = revoke_other(place, "owner", **fields)
    assert answer.status_code == 422
    found = re.findall(r'id="id_(\w+)_error" data-code="([\w-]+)"', answer.content.decode())
    assert found == [(field, code)] or (code == "not-a-certificate" and found[0][0] == "file")
    assert not RevokedCertificate.objects.exists()


def test_only_contributors_and_owners_revoke_what_was_never_seen(place: Place) -> None:
    for who in ("reader", "of_line_1"):
        assert revoke_other(place, who, pem=STRANGER.pem.decode()).status_code == 403
    assert revoke_other(place, "contributor", ca="line-ca", serial="4a").status_code == 422  # of another team's CA
    assert not RevokedCertificate.objects.exists()
