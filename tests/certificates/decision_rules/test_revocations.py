"""Revoke certificates that the portal has seen, and release them: through the pages, down to what is kept."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import RevokedCertificate
from namespaces.models import ConnectionAttempt, DecisionChange, Namespace
from portal.models import Activity, NoticeRecipient, User
from tests.support.chains import authority
from tests.support.factories import (
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
