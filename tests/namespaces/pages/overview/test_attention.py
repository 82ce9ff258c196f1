"""The Overview names what needs a person, the most urgent first, and never says "good" beside a need."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from certificates.x509.certificate import name_mark
from certificates.x509.reading import load_certificate
from namespaces.connections.client_certificates import Showing, remember
from namespaces.connections.counts import hour_of
from namespaces.models import Client, ConnectionCount, Namespace
from namespaces.pages.overview.attention import Attention, attention, has_accepted_any
from namespaces.pages.overview.connection_chart import connection_chart
from namespaces.pages.overview.health import summarize
from namespaces.pages.overview.trust import trust_in
from portal.models import User
from sync.models import Finding
from tests.support.browser.browsing import signed_in
from tests.support.certificates.chains import self_signed
from tests.support.database.factories import make_ca_certificate, make_client, make_configuration, make_namespace

pytestmark = pytest.mark.django_db

THUMBPRINT = {"validation_scheme": "ThumbprintMatch", "thumbprints": ["a" * 64]}


@pytest.fixture
def namespace(ada: User) -> Namespace:
    namespace = make_namespace(contributor=ada)
    make_configuration(namespace)
    return namespace


@pytest.fixture(autouse=True)
def _with_a_connection_log(settings: Any) -> None:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"


def needs_of(namespace: Namespace) -> Attention:
    now = timezone.now()
    chart = connection_chart(namespace, "24h", at=now)
    summary = summarize(namespace, now)
    return attention(summary, trust_in(namespace), chart, at=now, has_accepted=has_accepted_any(namespace))


def codes(namespace: Namespace) -> list[str]:
    found = needs_of(namespace)
    return [found.first.code, *(need.code for need in found.then)]


def show(namespace: Namespace, client: Client, issuer: str = "") -> None:
    Client.objects.filter(pk=client.pk).update(certificate_issuer=issuer, certificate_path=name_mark(issuer))


def refuse(namespace: Namespace, count: int, *, hours_ago: int = 0, code: str = "issuer-found") -> None:
    hour = hour_of(timezone.now()) - timedelta(hours=hours_ago)
    ConnectionCount.objects.create(namespace=namespace, hour=hour, code=code, count=count)


def test_a_probe_of_the_port_needs_nobody(namespace: Namespace) -> None:
    before = codes(namespace)
    refuse(namespace, 5, code="tls-closed")
    assert codes(namespace) == before
    refuse(namespace, 1)
    assert codes(namespace)[0] == "refused-now"


def expiring_ca(namespace: Namespace, days: float, name: str = "line-a") -> CACertificate:
    ca = make_ca_certificate(namespace, name)
    CACertificate.objects.filter(pk=ca.pk).update(not_after=timezone.now() + timedelta(days=days))
    return ca


def test_the_guide_goes_on_step_by_step(namespace: Namespace) -> None:
    assert codes(namespace) == ["no-certificate"]
    ca = make_ca_certificate(namespace)
    assert codes(namespace) == ["no-client"]
    client = make_client(namespace)
    assert codes(namespace) == ["no-connection"]
    Client.objects.filter(pk=client.pk).update(last_seen_at=timezone.now())
    show(namespace, client, ca.subject)
    assert codes(namespace) == ["all-good"]


def test_where_there_is_no_connection_log_it_is_not_known_and_never_called_good(
    namespace: Namespace, ada: User, settings: Any
) -> None:
    make_ca_certificate(namespace)
    Client.objects.filter(pk=make_client(namespace).pk).update(last_seen_at=timezone.now())
    settings.CONNECTION_LOG_GATEWAY = ""
    assert codes(namespace) == ["not-known"]
    page = signed_in(ada).get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()
    assert 'data-code="no-connection-log"' in page
    assert "all-good" not in page


def test_clients_without_a_trusted_issuer_are_counted_by_the_names_in_their_certificates(namespace: Namespace) -> None:
    ca = make_ca_certificate(namespace)
    trusted, stranger, unseen, disabled = (make_client(namespace, name) for name in ("a", "b", "c", "d"))
    make_client(namespace, "pinned", **THUMBPRINT)
    Client.objects.filter(pk=disabled.pk).update(state="Disabled")
    show(namespace, trusted, ca.subject)
    for client in (stranger, disabled):
        show(namespace, client, "CN=Fabrikam")
    found = trust_in(namespace)
    assert (found.needing, found.untrusted_count, found.untrusted["CN=Fabrikam"]) == (3, 1, 1)
    need = needs_of(namespace).first
    assert need.code == "no-trusted-issuer"
    assert "CN=Fabrikam" in need.sentence
    assert unseen.certificate_path == ""


def test_without_any_ca_certificate_each_client_that_needs_one_has_no_trusted_issuer(namespace: Namespace) -> None:
    make_client(namespace, "pinned", **THUMBPRINT)
    assert codes(namespace) == ["no-connection"]
    for number in range(3):
        make_client(namespace, f"press-{number}")
    assert (codes(namespace)[0], trust_in(namespace).untrusted_count) == ("no-trusted-issuer", 3)


def test_an_issuer_that_the_client_sends_with_its_certificate_leads_to_a_trusted_one(namespace: Namespace) -> None:
    now = timezone.now()
    root = make_ca_certificate(namespace)
    client = make_client(namespace, "press-1")
    leaf, between = self_signed("press-1", at=now), self_signed("Between", at=now)
    sent = tuple(load_certificate(each.der) for each in (leaf, between))
    remember(namespace.pk, [Showing("press-1", sent, now, has_connected=True)])
    client.refresh_from_db()
    assert client.certificate_path.split() == [name_mark(each.issuer) for each in sent]
    assert (client.certificate_thumbprint, client.certificate_expires_at) == (
        sent[0].thumbprint_sha256,
        sent[0].not_after,
    )
    assert trust_in(namespace).untrusted_count == 1
    CACertificate.objects.filter(pk=root.pk).update(subject=sent[1].issuer)
    found = trust_in(namespace)
    assert (found.untrusted_count, found.behind(found.cas[0])) == (0, 1)


def test_a_refusal_now_outranks_an_expiry_and_one_of_the_day_before_does_not(namespace: Namespace) -> None:
    expiring_ca(namespace, 19)
    refuse(namespace, 5, hours_ago=23)
    assert codes(namespace)[0] == "ca-expires"
    refuse(namespace, 7)
    assert codes(namespace)[:2] == ["refused-now", "ca-expires"]
    assert "7" in needs_of(namespace).first.subject


@pytest.mark.parametrize(("days", "code"), [(-1, "ca-expired"), (29.9, "ca-expires"), (30.1, "no-client")])
def test_an_expiry_is_named_with_the_clients_behind_it(namespace: Namespace, days: float, code: str) -> None:
    ca = expiring_ca(namespace, days)
    need = needs_of(namespace).first
    assert need.code == code
    if code != "no-client":
        assert need.subject == "line-a"
        for name in ("a", "b"):
            show(namespace, make_client(namespace, name), ca.subject)
        assert "2 clients depend" in needs_of(namespace).first.sentence


def test_rejected_changes_and_differences_come_after_and_at_most_three_are_named(namespace: Namespace) -> None:
    client = make_client(namespace, "refused", synced_generation=0, parked_code="InvalidInput")
    Finding.objects.create(
        kind="namespaces.client", scope=namespace.pk, name="robot-04", drift="changed", is_loud=True,
        found_at=timezone.now(), seen_at=timezone.now(), object_pk=client.pk,
    )  # fmt: skip
    expiring_ca(namespace, -1)
    for name in ("line-b", "line-c"):
        expiring_ca(namespace, 3, name)
    assert codes(namespace) == ["ca-expired", "ca-expires", "ca-expires", "rejected"]
    CACertificate.objects.all().delete()
    assert codes(namespace) == ["no-trusted-issuer", "rejected", "loud-difference"]


def test_a_reader_is_not_offered_what_only_contributors_do(namespace: Namespace, ada: User) -> None:
    address = reverse("namespaces:namespace_overview", args=[namespace.pk])
    upload = reverse("certificates:ca_certificate_upload", args=[namespace.pk])
    assert f'href="{upload}"' in signed_in(ada).get(address).content.decode()
    namespace.roles.update(role="reader")
    page = signed_in(ada).get(address).content.decode()
    assert f'class="button primary" href="{upload}"' not in page
    assert 'data-code="contributors-only"' in page


def test_the_charts_of_a_busy_namespace_are_drawn(namespace: Namespace, ada: User) -> None:
    now = timezone.now()
    ConnectionCount.objects.create(namespace=namespace, hour=hour_of(now), code="", count=41)
    refuse(namespace, 3)
    refuse(namespace, 2, hours_ago=30)
    expiring_ca(namespace, 5)
    client = make_client(namespace)
    Client.objects.filter(pk=client.pk).update(certificate_expires_at=now + timedelta(days=100))
    browser, address = signed_in(ada), reverse("namespaces:namespace_overview", args=[namespace.pk])
    page = browser.get(address).content.decode()
    for hook in ("chart-accepted", "chart-refused", 'data-reason="issuer-found"', "mark-urgent", "mark-later"):
        assert hook in page
    for span, refused in (("24h", 3), ("7d", 5), ("30d", 5), ("nonsense", 3)):
        part = browser.get(address, {"span": span}, headers={"HX-Request": "true"}).content.decode()
        assert f"Refused {refused}<" in part
        assert "<html" not in part
