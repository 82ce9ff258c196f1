"""The search: namespaces, certificates, clients, thumbprints, pages, and what a person may do."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import ClientCertificate, ConnectionAttempt, Namespace, NamespaceRole, Role
from portal.models import User
from tests.support.database.factories import make_client, make_namespace

pytestmark = pytest.mark.django_db


def find(browser: Browser, query: str, **headers: str) -> str:
    return browser.get(reverse("portal:search"), {"q": query}, headers=headers).content.decode()


def test_search_finds_namespaces_certificates_and_clients(browser: Browser, namespace: Namespace) -> None:
    assert reverse("namespaces:namespace_overview", args=[namespace.pk]) in find(browser, "FACT")
    client = reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])
    assert client in find(browser, "press-1")
    assert client in find(browser, "urn:press:one")
    certificate = namespace.ca_certificates.get()
    ca = reverse("certificates:ca_certificate_detail", args=[namespace.pk, "line-a"])
    digits = certificate.thumbprint[:12].upper()
    assert ca in find(browser, ":".join(digits[i : i + 2] for i in range(0, 12, 2)))
    assert "<html" not in find(browser, "press", **{"HX-Request": "true"})


def test_search_finds_nothing_of_others(browser: Browser, namespace: Namespace) -> None:
    other = make_namespace("hidden-factory")
    make_client(other, "press-2")
    page = find(browser, "press-2") + find(browser, "hidden")
    assert "hidden-factory" not in page
    assert 'data-code="no-results"' in page


def hits(browser: Browser, query: str, **more: Any) -> list[tuple[str, str]]:
    """Title and address of what is found."""
    page = browser.get(reverse("portal:search"), {"q": query, **more}).content.decode()
    return [(title, url) for url, title in re.findall(r'<a class="hit" href="([^"]+)">([^<]+)', page)]


def test_search_finds_pages_of_the_portal_and_the_current_namespace(
    browser: Browser, namespace: Namespace, ada: User
) -> None:
    other = make_namespace("another", reader=ada)
    mine = ("Sync", reverse("sync:sync_overview", args=[namespace.pk]))
    assert hits(browser, "sync", namespace=namespace.pk) == [mine, ("Sync", reverse("sync:sync_all"))]
    assert ("Sync", reverse("sync:sync_overview", args=[other.pk])) in hits(browser, "sync")
    assert ("Access control (IAM)", reverse("namespaces:role_list", args=[namespace.pk])) in hits(
        browser, "iam", namespace=namespace.pk
    )
    assert [title for title, _ in hits(browser, "TEST perm", namespace=namespace.pk)] == ["Test permission"]
    assert hits(browser, "account") == [("Account", reverse("portal:account"))]
    overview = browser.get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()
    assert f'<input type="hidden" name="namespace" value="{namespace.pk}">' in overview


def test_search_finds_no_pages_of_a_namespace_of_others(browser: Browser, namespace: Namespace) -> None:
    hidden = make_namespace("hidden")
    assert f"/namespaces/{hidden.pk}/" not in str(hits(browser, "clients", namespace=hidden.pk))
    assert hits(browser, "clients", namespace="x" * 30)


@pytest.mark.parametrize(("role", "found"), [(Role.READER, False), (Role.CONTRIBUTOR, True)])
def test_search_finds_what_a_person_may_do(browser: Browser, namespace: Namespace, role: Role, found: bool) -> None:
    NamespaceRole.objects.update(role=role)
    actions = [
        ("create cli", "Create client", "namespaces:client_create"),
        ("import", "Import clients", "namespaces:client_import_files"),
        ("upload", "Upload CA certificate", "certificates:ca_certificate_upload"),
    ]
    for query, title, name in actions:
        action = (title, reverse(name, args=[namespace.pk]))
        assert (action in hits(browser, query, namespace=namespace.pk)) is found
    assert not [title for title, _ in hits(browser, "create client", namespace=make_namespace("others").pk)]


def test_search_finds_presented_and_registered_thumbprints(browser: Browser, namespace: Namespace) -> None:
    now, other = timezone.now(), make_namespace("hidden")
    for where, digit in ((namespace, "a"), (other, "a"), (namespace, "b"), (namespace, "c")):
        ConnectionAttempt.objects.create(
            namespace=where,
            cursor=ord(digit),
            at=now,
            accepted=False,
            thumbprint=digit * 64,
            user_name=digit,
            record={},
        )
    ClientCertificate.objects.create(
        namespace=namespace, client_name="press-1", thumbprint="a" * 64, der=b"", not_after=now, seen_at=now
    )
    make_client(namespace, "press-2", thumbprints=["d" * 64], validation_scheme="ThumbprintMatch")
    client = reverse("namespaces:client_detail", args=[namespace.pk, "press-1"])
    assert hits(browser, "AA:aa:aa:aa") == [("press-1", client)]
    assert hits(browser, "bbbb bbbb") == [("b", reverse("namespaces:connection_detail", args=[namespace.pk, ord("b")]))]
    assert hits(browser, "dddddd") == [("press-2", reverse("namespaces:client_detail", args=[namespace.pk, "press-2"]))]
    assert hits(browser, "c" * 65) == []
