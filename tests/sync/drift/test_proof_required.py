"""Decisions about CA certificates in Azure where the namespace requires a proof of possession: none of them is a way around it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates.actions.ca_certificates import update_ca_certificate, upload_ca_certificate
from certificates.actions.possession import prove_possession
from certificates.models import CACertificate
from certificates.x509.reading import load_certificate, to_azure_pem
from namespaces.importing.runs import run_import
from namespaces.models import Namespace, Possession
from portal.models import User
from sync.drift import resolutions
from sync.drift.resolutions import CannotResolve
from sync.models import SyncState
from sync.push.claim_and_settle import Pushed, push
from tests.support.certificates.chains import Identity, authority
from tests.sync.arranging import again, change_in_azure, delete_in_azure, scan, the_finding
from tests.sync.scripted_arm import ScriptedArm

pytestmark = pytest.mark.django_db


@pytest.fixture
def ca() -> Identity:
    return authority("Line 1 CA", at=timezone.now() - timedelta(days=1))


@pytest.fixture
def other() -> Identity:
    return authority("Line 2 CA", at=timezone.now() - timedelta(days=1))


def require(factory: Namespace) -> None:
    Namespace.objects.update(possession=Possession.REQUIRED)
    factory.refresh_from_db()


def uploaded(ada: User, factory: Namespace, ca: Identity, name: str = "line-1") -> CACertificate:
    return upload_ca_certificate(
        ada, namespace=factory, team=None, name=name, description="", certificate=load_certificate(ca.der)
    )


def refused(call: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(CannotResolve) as refusal:
        call(*args, **kwargs)  # type: ignore[operator]
    return refusal.value.code


def test_one_that_appeared_is_not_adopted_but_taken_over_with_a_proof(
    arm: ScriptedArm, ada: User, factory: Namespace, ca: Identity
) -> None:
    require(factory)
    arm.hold(f"{factory.resource_id}/caCertificates/line-1", {"encodedCertificate": to_azure_pem(ca.der)})
    scan(factory)
    assert refused(resolutions.adopt, ada, finding=the_finding()) == "proof-required"
    assert not CACertificate.objects.exists()
    row = uploaded(ada, factory, ca)
    assert push(again(row)) is Pushed.NOT_CLAIMED
    proof = load_certificate(ca.issue(row.nonces.get().nonce).der)
    prove_possession(ada, certificate=row, proof=[proof])
    assert push(again(row)) is Pushed.SUCCEEDED
    assert scan(factory).found == 0


def test_another_certificate_is_not_taken_but_a_description_is(
    arm: ScriptedArm, ada: User, factory: Namespace, ca: Identity, other: Identity
) -> None:
    row = uploaded(ada, factory, ca)
    assert push(row) is Pushed.SUCCEEDED
    require(factory)
    change_in_azure(arm, row, encodedCertificate=to_azure_pem(other.der), description="theirs")
    scan(factory)
    assert refused(resolutions.take_azures, ada, finding=the_finding()) == "proof-required"
    fields = ["subject", "thumbprint"]
    assert refused(resolutions.take_azures, ada, finding=the_finding(), fields=fields) == "proof-required"
    assert bytes(again(row).der) == ca.der
    resolutions.take_azures(ada, finding=the_finding(), fields=["description"])
    held = again(row)
    assert (bytes(held.der), held.description) == (ca.der, "theirs")
    assert push(held) is Pushed.NOT_CLAIMED  # it would bring back a certificate that Azure no longer has


def test_discarding_a_change_takes_no_other_certificate(
    arm: ScriptedArm, ada: User, factory: Namespace, ca: Identity, other: Identity
) -> None:
    row = uploaded(ada, factory, ca)
    assert push(row) is Pushed.SUCCEEDED
    require(factory)
    row = update_ca_certificate(ada, certificate=again(row), description="ours")
    change_in_azure(arm, row, encodedCertificate=to_azure_pem(other.der))
    assert refused(resolutions.discard_change, ada, row=again(row)) == "proof-required"
    change_in_azure(arm, row, encodedCertificate=to_azure_pem(ca.der))
    resolutions.discard_change(ada, row=again(row))
    assert (again(row).description, again(row).sync_state) == ("", SyncState.SUCCEEDED)


def test_keeping_ours_sends_no_unproved_certificate_again(
    arm: ScriptedArm, ada: User, factory: Namespace, ca: Identity
) -> None:
    row = uploaded(ada, factory, ca)
    assert push(row) is Pushed.SUCCEEDED
    require(factory)
    delete_in_azure(arm, row)
    scan(factory)
    resolutions.keep_ours(ada, finding=the_finding())
    assert push(again(row)) is Pushed.NOT_CLAIMED
    assert again(row).waits_for
    assert arm.held(row.arm_id()) is None


def test_an_import_takes_what_azure_trusts_and_shows_it_as_unproved(
    arm: ScriptedArm, factory: Namespace, ca: Identity
) -> None:
    require(factory)
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    arm.hold(f"{factory.resource_id}/caCertificates/line-1", {"encodedCertificate": to_azure_pem(ca.der)})
    run_import(factory.pk)
    row = CACertificate.objects.get()
    assert row.lacks_proof
    assert row.what_it_waits_for() == ""
    assert CACertificate.objects.trusted().count() == 1
