"""The clients that a CA certificate signed, and those that would have no trusted issuer without it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import CACertificate
from certificates.pages import ca_usage
from certificates.pages.ca_usage import impact_of
from certificates.samples.chain import ClientName, SampleCertificate, SampleChain, make_sample_chain
from certificates.x509.reading import Certificate, load_certificate
from namespaces.connections.client_certificates import Showing, read_chain, remember
from namespaces.models import Namespace
from tests.support.browser.editions import edition
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain() -> SampleChain:
    return make_sample_chain([ClientName("press-1"), ClientName("press-2")], at=timezone.now())


@pytest.fixture
def namespace() -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"))
    make_client(namespace, "press-1")
    make_client(namespace, "press-2")
    return namespace


NOW, DAY = timezone.now(), timedelta(days=1)


def show_at(namespace: Namespace, at: datetime, *shown: Identity, has_connected: bool = True) -> None:
    certificates = tuple(load_certificate(each.der) for each in shown)
    remember(namespace.pk, [Showing(shown[0].name, certificates, at, has_connected)])


def show(namespace: Namespace, name: str, *samples: SampleCertificate) -> None:
    certificates = tuple(load_certificate(sample.certificate_der) for sample in samples)
    remember(namespace.pk, [Showing(name, certificates, timezone.now(), has_connected=True)])


def test_a_client_with_no_other_issuer_is_a_dependent(namespace: Namespace, chain: SampleChain) -> None:
    ca = make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    show(namespace, "press-1", chain.clients[0])
    insight = impact_of(ca).insight
    assert insight is not None
    assert [client.client_name for client in insight.dependents] == ["press-1"]


def test_a_client_whose_chain_leads_to_another_uploaded_ca_is_not(namespace: Namespace, chain: SampleChain) -> None:
    ca = make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_ca_certificate(namespace, "the-root", der=chain.root.certificate_der)
    show(namespace, "press-1", chain.clients[0], chain.intermediate)
    show(namespace, "press-2", chain.clients[1])
    insight = impact_of(ca).insight
    assert insight is not None
    others = {client.client_name: client.other_anchor for client in insight.signed}
    assert others == {"press-1": "the-root", "press-2": ""}


def dependents(ca: CACertificate) -> list[str]:
    insight = impact_of(ca).insight
    assert insight is not None
    return [client.client_name for client in insight.dependents]


def test_after_a_rotation_the_old_ca_may_go(namespace: Namespace) -> None:
    old, new = authority("Old CA", at=NOW), authority("New CA", at=NOW)
    old_row, new_row = (make_ca_certificate(namespace, name, der=ca.der) for name, ca in (("old", old), ("new", new)))
    show_at(namespace, NOW - 5 * DAY, old.issue("press-1"))
    show_at(namespace, NOW, new.issue("press-1", key_label="second"))
    assert (dependents(old_row), dependents(new_row)) == ([], ["press-1"])


def test_a_test_does_not_count_where_the_client_has_connected(namespace: Namespace) -> None:
    old, new = authority("Old CA", at=NOW), authority("New CA", at=NOW)
    old_row, new_row = (make_ca_certificate(namespace, name, der=ca.der) for name, ca in (("old", old), ("new", new)))
    show_at(namespace, NOW - 5 * DAY, old.issue("press-1"))
    show_at(namespace, NOW, new.issue("press-1", key_label="second"), has_connected=False)
    assert (dependents(old_row), dependents(new_row)) == (["press-1"], [])


def test_the_chain_that_a_device_sent_last_counts(namespace: Namespace) -> None:
    root = authority("Root CA", at=NOW)
    line = root.issue("Line CA", ca=True)
    leaf = line.issue("press-1")
    make_ca_certificate(namespace, "root", der=root.der)
    row = make_ca_certificate(namespace, "line", der=line.der)
    show_at(namespace, NOW - 2 * DAY, leaf)
    assert dependents(row) == ["press-1"]
    show_at(namespace, NOW, leaf, line)
    assert dependents(row) == []
    show_at(namespace, NOW - DAY, leaf)  # a late page of the log
    show_at(namespace, NOW + DAY, leaf, has_connected=False)  # a test without the chain
    assert dependents(row) == []
    show_at(namespace, NOW + DAY, leaf)
    assert dependents(row) == ["press-1"]


def test_a_ca_that_was_used_shows_when(ada: Browser, namespace: Namespace) -> None:
    make_ca_certificate(namespace, "line-a")
    make_ca_certificate(namespace, "line-b", last_used_at=NOW)
    clients = ada.get(reverse("certificates:ca_certificate_clients", args=[namespace.pk, "line-b"])).content.decode()
    assert "data-last-used" in clients
    detail = ada.get(reverse("certificates:ca_certificate_detail", args=[namespace.pk, "line-b"])).content.decode()
    assert f"{NOW:%Y-%m-%d}" in detail.split('data-impact="unknown"')[1].split("</p>")[0]


def test_the_number_of_checked_clients_is_limited_and_shown(
    ada: Browser, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ca_usage, "MAX_KNOWN", 2)
    line, other = authority("Line CA", at=NOW), authority("Other CA", at=NOW)
    row, stranger = (make_ca_certificate(namespace, ca.name.split()[0].lower(), der=ca.der) for ca in (line, other))
    for number in range(3):
        make_client(namespace, f"robot-{number}")
        show_at(namespace, NOW - number * DAY, line.issue(f"robot-{number}"))
    found = impact_of(row)
    assert (found.known, found.checked, found.is_cut) == (3, 2, True)
    assert dependents(row) == ["robot-0", "robot-1"]  # the latest ones
    for page in ("ca_certificate_detail", "ca_certificate_clients", "ca_certificate_delete"):
        text = ada.get(reverse(f"certificates:{page}", args=[namespace.pk, row.name])).content.decode()
        assert 'data-checked="2"' in text
    assert (impact_of(stranger).known, impact_of(stranger).is_cut) == (0, False)


def test_the_number_of_different_chains_read_is_limited(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ca_usage, "MAX_CHAINS", 1)
    root = authority("Root CA", at=NOW)
    row = make_ca_certificate(namespace, "root", der=root.der)
    for name in ("press-1", "press-2"):
        line = root.issue(f"CA of {name}", ca=True)
        show_at(namespace, NOW, line.issue(name), line)
    assert dependents(row) == ["press-1", "press-2"]


def test_a_shared_chain_is_read_once(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leaf is verified, but the certificates above it are read once."""
    root = authority("Root CA", at=NOW)
    line = root.issue("Line CA", ca=True)
    row = make_ca_certificate(namespace, "root", der=root.der)
    for number in range(20):
        make_client(namespace, f"robot-{number}")
        show_at(namespace, NOW, line.issue(f"robot-{number}"), line, root)
    read: list[int] = []

    def counted(pems: Sequence[object]) -> tuple[Certificate, ...]:
        read.append(len(pems))
        return read_chain(pems)

    monkeypatch.setattr(ca_usage, "read_chain", counted)
    assert len(dependents(row)) == 20
    assert read == [2]


def test_the_pages_name_the_clients(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_ca_certificate(namespace, "line-b")
    show(namespace, "press-1", chain.clients[0])
    arguments = [namespace.pk, "line-a"]
    clients = ada.get(reverse("certificates:ca_certificate_clients", args=arguments)).content.decode()
    assert "press-1" in clients
    assert 'class="status bad"' in clients
    for page in ("ca_certificate_detail", "ca_certificate_delete"):
        text = ada.get(reverse(f"certificates:{page}", args=arguments)).content.decode()
        assert "press-1" in text.split('data-impact="some"')[1].split("</p>")[0]
    unused = ada.get(reverse("certificates:ca_certificate_clients", args=[namespace.pk, "line-b"]))
    assert "data-last-used" not in unused.content.decode()
    assert "<table" not in unused.content.decode()


@pytest.mark.parametrize("typed", [None, "LINE-A", "line-a"])
def test_the_name_of_one_in_use_is_typed_to_delete_it(
    ada: Browser, namespace: Namespace, chain: SampleChain, typed: str | None
) -> None:
    row = make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    show(namespace, "press-1", chain.clients[0])
    address = reverse("certificates:ca_certificate_delete", args=[namespace.pk, "line-a"])
    assert 'data-typed-name="line-a"' in ada.get(address).content.decode()
    answer = ada.post(address, edition(row) | ({} if typed is None else {"typed_name": typed}))
    row.refresh_from_db()
    assert (answer.status_code, row.deleted_at is None) == ((302, False) if typed == "line-a" else (422, True))
    assert ('data-code="not-the-name"' in answer.content.decode()) is (typed != "line-a")


def test_an_unused_one_is_deleted_without_typing(ada: Browser, namespace: Namespace) -> None:
    row = make_ca_certificate(namespace, "line-a")
    address = reverse("certificates:ca_certificate_delete", args=[namespace.pk, "line-a"])
    assert "data-typed-name" not in ada.get(address).content.decode()
    assert ada.post(address, edition(row)).status_code == 302


def test_the_issuer_is_linked_when_it_is_uploaded_too(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    url = reverse("certificates:ca_certificate_detail", args=[namespace.pk, "line-a"])
    issuer = reverse("certificates:ca_certificate_detail", args=[namespace.pk, "the-root"])
    assert issuer not in ada.get(url).content.decode()
    make_ca_certificate(namespace, "the-root", der=chain.root.certificate_der)
    assert f'href="{issuer}"' in ada.get(url).content.decode()


def test_an_unreadable_certificate_has_its_pages(ada: Browser, namespace: Namespace) -> None:
    ca = make_ca_certificate(namespace, "line-a")
    CACertificate.objects.filter(pk=ca.pk).update(der=b"", subject="", issuer="", thumbprint="", not_after=None)
    for page in ("ca_certificate_detail", "ca_certificate_clients", "ca_certificate_delete", "ca_certificate_json"):
        assert ada.get(reverse(f"certificates:{page}", args=[namespace.pk, "line-a"])).status_code == 200
