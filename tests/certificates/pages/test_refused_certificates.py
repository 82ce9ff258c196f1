"""Certificates of refused clients, and of clients registered by thumbprint, are listed with the others."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.calendar_feeds import create_calendar_feed
from certificates.authentication.engine import authenticate
from certificates.models import CACertificate
from certificates.pages import refused_certificates as refused
from certificates.pages.authentication_trace import namespace_state
from certificates.pages.refused_certificates import refused_certificates
from certificates.x509.reading import load_certificate, to_azure_pem
from namespaces.connections.client_certificates import Showing, remember
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import Namespace
from portal.models import User
from tests.support.browser.markup import on_one_line
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

NOW, DAY = timezone.now(), timedelta(days=1)
LINE, OTHER = authority("Line CA", at=NOW), authority("Other CA", at=NOW)
EXPIRED = LINE.issue("press-1", not_after=NOW - DAY)


@pytest.fixture
def namespace() -> Namespace:
    namespace = make_namespace(reader=make_user("rita"))
    make_ca_certificate(namespace, "line-a", der=LINE.der)
    make_client(namespace, "press-1")
    return namespace


def attempt(namespace: Namespace, cursor: int, *sent: Identity, user_name: str = "press-1", at: datetime = NOW) -> None:
    """Import an attempt that the endpoint decided with the namespace as it is now."""
    ders: Sequence[bytes] = [each.der for each in sent]
    state = namespace_state(namespace)
    decision = authenticate(presented=ders[0], chain=ders[1:], user_name=user_name, state=state, at=NOW)
    record = {
        "cursor": cursor,
        "time": at.isoformat(),
        "resultType": "Succeeded" if decision.accepted else "Failed",
        "userName": user_name,
        "presentedChain": [to_azure_pem(der) for der in ders],
        "decision": decision.as_dict(),
        "clientName": decision.client.name if decision.client else "",
    }
    ConnectionIntake().take(namespace.pk, [record], cursor)


def found(namespace: Namespace) -> list[tuple[str, str]]:
    return [(each.client_name, each.code) for each in refused_certificates(namespace, at=NOW)]


def page(browser: Browser, namespace: Namespace, name: str, *args: object) -> str:
    return browser.get(reverse(f"certificates:{name}", args=[namespace.pk, *args])).content.decode()


def test_a_refused_expired_certificate_is_listed(rita: Browser, namespace: Namespace) -> None:
    attempt(namespace, 1, EXPIRED)
    expiries = page(rita, namespace, "expiries")
    assert f'data-thumbprint="{EXPIRED.thumbprint}"' in expiries
    (refused_one,) = refused_certificates(namespace, at=NOW)
    assert refused_one.why in expiries
    clients = page(rita, namespace, "ca_certificate_clients", "line-a")
    assert refused_one.why in clients
    for tab in (clients, page(rita, namespace, "ca_certificate_detail", "line-a")):
        assert "Clients it signed · 1<" in on_one_line(tab)
    assert reverse("namespaces:client_detail", args=[namespace.pk, "press-1"]) in clients
    address = reverse(
        "certificates:expiry_feed", args=[create_calendar_feed(User.objects.get(username="rita"), namespace=namespace)]
    )
    assert "press-1" not in Browser().get(address).content.decode()  # nobody is reminded of it


def test_a_client_with_two_certificates_counts_once(rita: Browser, namespace: Namespace) -> None:
    attempt(namespace, 1, LINE.issue("press-1", key_label="renewed"), at=NOW - DAY)
    attempt(namespace, 2, EXPIRED)  # an old device
    clients = page(rita, namespace, "ca_certificate_clients", "line-a")
    assert clients.count(f'href="{reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])}"') == 2
    for name in ("detail", "clients", "activity", "json", "commands"):
        tab = page(rita, namespace, f"ca_certificate_{name}", "line-a")
        assert "Clients it signed · 1<" in on_one_line(tab), name


def test_a_client_that_has_connected_since_is_left_out(namespace: Namespace) -> None:
    attempt(namespace, 1, EXPIRED, at=NOW - DAY)
    attempt(namespace, 2, LINE.issue("press-1", key_label="renewed"))
    assert found(namespace) == []
    attempt(namespace, 3, EXPIRED, at=NOW + DAY)  # somebody put the old one back
    assert found(namespace) == [("press-1", "within-validity")]


def test_a_certificate_that_no_uploaded_ca_signed_is_not_listed(namespace: Namespace) -> None:
    twin = authority("Line CA", at=NOW, key_label="twin")
    attempt(namespace, 1, OTHER.issue("press-1", not_after=NOW - DAY))
    attempt(namespace, 2, twin.issue("press-1"))
    attempt(namespace, 3, twin.issue("press-1", digest="SHA-1"), twin)
    attempt(namespace, 4, LINE.issue("nobody", not_after=NOW - DAY), user_name="nobody")
    assert found(namespace) == []


def test_the_certificate_or_else_the_attempt_names_the_client(namespace: Namespace) -> None:
    make_client(namespace, "press-2")
    thumbprints = [OTHER.issue("press-3", not_after=NOW - DAY).thumbprint]
    make_client(namespace, "press-3", validation_scheme="ThumbprintMatch", thumbprints=thumbprints)
    attempt(namespace, 1, LINE.issue("press-1"), user_name="press-2")
    attempt(namespace, 2, LINE.issue("another name"), user_name="press-2")
    attempt(namespace, 3, OTHER.issue("press-3", not_after=NOW - DAY), user_name="press-3")
    assert found(namespace) == [
        ("press-3", "within-validity"),
        ("press-2", "scheme-compared"),
        ("press-1", "scheme-compared"),
    ]


def test_the_number_of_certificates_is_limited(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    for cursor in range(1, 5):
        make_client(namespace, f"robot-{cursor}")
        attempt(namespace, cursor, LINE.issue(f"robot-{cursor}", not_after=NOW - DAY), user_name=f"robot-{cursor}")
    monkeypatch.setattr(refused, "MAX_CERTIFICATES", 2)
    assert [name for name, _ in found(namespace)] == ["robot-4", "robot-3"]


def test_a_thumbprint_client_that_this_ca_signed_is_listed(rita: Browser, namespace: Namespace) -> None:
    signed, alone = LINE.issue("press-6"), OTHER.issue("press-7")
    for each in (signed, alone):
        thumbprints = [each.thumbprint]
        make_client(namespace, each.name, validation_scheme="ThumbprintMatch", thumbprints=thumbprints)
        remember(namespace.pk, [Showing(each.name, (load_certificate(each.der),), NOW, has_connected=True)])
    clients = page(rita, namespace, "ca_certificate_clients", "line-a")
    assert "CN=press-6" in clients
    assert "Thumbprint Match" in clients
    assert "CN=press-7" not in clients
    detail = page(rita, namespace, "ca_certificate_detail", "line-a")
    assert "Clients it signed · 1<" in on_one_line(detail)
    assert 'data-impact="some"' not in detail
    CACertificate.objects.update(der=b"")  # what Azure holds and nobody can read signed nobody
    assert "CN=press-6" not in page(rita, namespace, "ca_certificate_clients", "line-a")
