"""Changes to CA certificates: what is saved, refused and recorded."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import Http404
from django.utils import timezone

from certificates.actions import ca_certificates
from certificates.models import CACertificate, next_expiries
from certificates.samples.chain import ClientName, make_sample_chain
from certificates.x509.reading import load_certificate
from namespaces.access import get_resource
from namespaces.models import Namespace
from namespaces.rules.errors import RuleError
from portal.models import Activity
from sync.models import SyncState
from tests.support.database.factories import make_ca_certificate, make_ca_der, make_namespace, make_user, owner_of

pytestmark = pytest.mark.django_db


def upload(namespace: Namespace, name: str = "line-ca", *, der: bytes = b"", actor: Any = None) -> CACertificate:
    return ca_certificates.upload_ca_certificate(
        actor or owner_of(namespace),
        namespace=namespace,
        team=None,
        name=name,
        description="",
        certificate=load_certificate(der or make_ca_der()),
    )


def refused(call: Any, *args: Any, **kwargs: Any) -> RuleError:
    with pytest.raises(RuleError) as refusal:
        call(*args, **kwargs)
    return refusal.value


def test_an_uploaded_certificate_is_due_with_its_facts_in_columns() -> None:
    der = make_ca_der()
    row = upload(make_namespace(), der=der)
    row.refresh_from_db()
    facts = load_certificate(der)
    assert bytes(row.der) == der
    assert (row.subject, row.thumbprint, row.not_after) == (facts.subject, facts.thumbprint_sha256, facts.not_after)
    assert row.sync_state is SyncState.PENDING
    assert Activity.objects.get().verb == "Upload certificate"


def test_what_reaches_azure_has_no_line_breaks() -> None:
    body = upload(make_namespace()).body()
    assert "\n" not in body["encodedCertificate"]
    assert body["encodedCertificate"].startswith("-----BEGIN CERTIFICATE-----")


def test_a_leaf_is_refused() -> None:
    leaf = make_sample_chain([ClientName("sensor-1")], at=timezone.now()).clients[0].certificate_der
    assert refused(upload, make_namespace(), der=leaf).field == "file"
    assert not CACertificate.objects.exists()


def test_an_expired_certificate_is_refused() -> None:
    der = make_ca_der(at=timezone.now() - timedelta(days=3650))
    assert refused(upload, make_namespace(), der=der).field == "file"


def test_the_same_certificate_under_another_name_is_not_stored_silently() -> None:
    namespace, der = make_namespace(), make_ca_der()
    upload(namespace, "one-ca", der=der)
    twice = refused(upload, namespace, "two-ca", der=der)
    assert twice.field == "file"


def test_a_name_that_differs_only_in_case_is_taken() -> None:
    namespace = make_namespace()
    upload(namespace, "Line-CA")
    assert refused(upload, namespace, "line-ca").code == "taken"


def test_the_eleventh_certificate_is_refused(settings: Any) -> None:
    settings.MAX_CA_CERTIFICATES = 1
    namespace = make_namespace()
    upload(namespace, "one-ca")
    assert refused(upload, namespace, "two-ca").code == "limit"


def test_a_description_is_changed_and_the_same_again_is_no_change() -> None:
    row = make_ca_certificate(make_namespace())
    user = owner_of(row.namespace)
    ca_certificates.update_ca_certificate(user, certificate=row, description="press line")
    ca_certificates.update_ca_certificate(user, certificate=row, description="press line")
    row.refresh_from_db()
    assert row.generation == 2
    assert Activity.objects.count() == 1


def test_the_name_of_a_deleted_certificate_can_be_reused() -> None:
    row = make_ca_certificate(make_namespace())
    user = owner_of(row.namespace)
    ca_certificates.delete_ca_certificate(user, certificate=row)
    row.refresh_from_db()
    assert row.sync_state is SyncState.DELETING
    der = make_ca_der()
    again = upload(row.namespace, row.name, der=der)
    assert (again.pk, again.deleted_at, bytes(again.der)) == (row.pk, None, der)


def test_the_next_expiry_is_the_earliest() -> None:
    namespace = make_namespace()
    assert next_expiries(namespace.sight) == {}
    first = make_ca_certificate(namespace, "first")
    make_ca_certificate(namespace, "later", der=make_ca_der(at=timezone.now() + timedelta(days=1)))
    assert next_expiries(namespace.sight) == {namespace.pk: first.not_after}


def test_an_unreadable_certificate_from_azure_is_kept_and_noted() -> None:
    row = CACertificate(namespace=make_namespace())
    row.adopt({"name": "odd-one", "properties": {"encodedCertificate": "nonsense"}})
    row.save()
    assert (row.certificate, row.pem, row.subject) == (None, "", "")
    assert row.rule_problems()
    assert "encodedCertificate" not in row.body()


def test_a_user_without_a_role_gets_404() -> None:
    row = make_ca_certificate(make_namespace())
    with pytest.raises(Http404):
        get_resource(make_user(), CACertificate, row.namespace_id, row.name)
