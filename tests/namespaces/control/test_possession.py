"""A CA certificate that needs approval and a proof of possession: neither replaces the other."""

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates.actions.possession import prove_possession
from certificates.models import CACertificate
from certificates.x509.reading import load_certificate
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.models import ChangeSet, Namespace, Possession
from sync.push.claim_and_settle import Pushed, push
from tests.namespaces.control.conftest import Plant, approve_now
from tests.support.certificates.chains import authority
from tests.sync.arranging import again
from tests.sync.scripted_arm import ScriptedArm

pytestmark = pytest.mark.django_db


def test_an_approved_upload_still_waits_for_its_proof(arm: ScriptedArm, plant: Plant) -> None:
    Namespace.objects.update(possession=Possession.REQUIRED)
    ca = authority("Line A CA", at=timezone.now() - timedelta(days=1))
    change_set = plant.request(held=plant.held(certificate=load_certificate(ca.der)))
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    row = CACertificate.objects.get()
    assert push(row) is Pushed.NOT_CLAIMED
    assert arm.held(row.arm_id()) is None
    proof = load_certificate(ca.issue(row.nonces.get().nonce).der)
    prove_possession(plant.dana, certificate=row, proof=[proof])
    assert push(again(row)) is Pushed.SUCCEEDED
    run_change_set(change_set.pk)
    change_set.refresh_from_db()
    assert change_set.state == ChangeSet.State.DONE
