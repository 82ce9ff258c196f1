"""What a CA certificate carries: the clients it signed, and who would be left without a trusted issuer."""

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.decoding import load_certificate
from certificates.impact import impact_of
from certificates.issuing import ClientName, SampleCertificate, SampleChain, make_sample_chain
from certificates.models import CACertificate
from namespaces.client_certificates import Showing, remember
from namespaces.models import Namespace
from tests.factories import PASSWORD, make_ca_certificate, make_client, make_namespace, make_user

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


@pytest.fixture
def ada(client: Browser, namespace: Namespace) -> Browser:
    client.login(username="ada", password=PASSWORD)
    return client


def show(namespace: Namespace, name: str, *samples: SampleCertificate) -> None:
    certificates = tuple(load_certificate(sample.certificate_der) for sample in samples)
    remember(namespace.pk, [Showing(name, certificates, timezone.now(), has_connected=True)])


def test_a_client_with_no_other_issuer_would_be_left_alone(namespace: Namespace, chain: SampleChain) -> None:
    ca = make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    show(namespace, "press-1", chain.clients[0])
    insight = impact_of(ca).insight
    assert insight is not None
    assert [client.client_name for client in insight.left_alone] == ["press-1"]


def test_a_client_whose_chain_leads_to_another_uploaded_ca_is_not(namespace: Namespace, chain: SampleChain) -> None:
    ca = make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_ca_certificate(namespace, "the-root", der=chain.root.certificate_der)
    show(namespace, "press-1", chain.clients[0], chain.intermediate)
    show(namespace, "press-2", chain.clients[1])
    insight = impact_of(ca).insight
    assert insight is not None
    others = {client.client_name: client.other_anchor for client in insight.signed}
    assert others == {"press-1": "the-root", "press-2": ""}


def test_the_pages_name_the_clients(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    make_ca_certificate(namespace, "line-b")
    show(namespace, "press-1", chain.clients[0])
    arguments = [namespace.pk, "line-a"]
    clients = ada.get(reverse("certificates:ca_certificate_clients", args=arguments)).content.decode()
    assert "press-1" in clients
    assert "No trusted issuer" in clients
    for page in ("ca_certificate_detail", "ca_certificate_delete"):
        text = ada.get(reverse(f"certificates:{page}", args=arguments)).content.decode()
        assert "1 known client</strong> would have no trusted issuer: press-1" in text
    unused = ada.get(reverse("certificates:ca_certificate_clients", args=[namespace.pk, "line-b"]))
    assert "Never used" in unused.content.decode()


def test_the_issuer_is_linked_when_it_is_uploaded_too(ada: Browser, namespace: Namespace, chain: SampleChain) -> None:
    make_ca_certificate(namespace, "line-a", der=chain.intermediate.certificate_der)
    url = reverse("certificates:ca_certificate_detail", args=[namespace.pk, "line-a"])
    assert "issuer, not uploaded" in ada.get(url).content.decode()
    make_ca_certificate(namespace, "the-root", der=chain.root.certificate_der)
    assert "issuer, uploaded as the-root" in ada.get(url).content.decode()


def test_what_azure_holds_unreadable_has_a_page_all_the_same(ada: Browser, namespace: Namespace) -> None:
    ca = make_ca_certificate(namespace, "line-a")
    CACertificate.objects.filter(pk=ca.pk).update(der=b"", subject="", issuer="", thumbprint="", not_after=None)
    for page in ("ca_certificate_detail", "ca_certificate_clients", "ca_certificate_delete", "ca_certificate_json"):
        assert ada.get(reverse(f"certificates:{page}", args=[namespace.pk, "line-a"])).status_code == 200
