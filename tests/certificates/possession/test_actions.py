"""Proof of possession in the portal: nonces, proofs, and certificates that wait for one."""

from datetime import timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate, update_ca_certificate, upload_ca_certificate
from certificates.actions.possession import MOST_OPEN, give_nonce, prove_possession
from certificates.actions.sample_registration import register_samples
from certificates.models import CACertificate, PossessionNonce
from certificates.pages.authentication_trace import trusted_cas
from certificates.possession.verification import CA_KEY, DEVICE_KEY
from certificates.x509.reading import load_certificate, read_upload
from namespaces.access import get_namespace
from namespaces.actions.configuration import set_possession
from namespaces.models import Namespace, Possession, Role
from namespaces.pages.recreation.parts import count_parts, parts_of
from namespaces.rules.errors import RuleError
from portal.models import Activity, User
from sync.push.claim_and_settle import Pushed, push
from tests.support.certificates.chains import Identity, authority
from tests.support.database.factories import make_ca_certificate, make_namespace, make_team, make_user, owner_of
from tests.sync.scripted_arm import ScriptedArm

pytestmark = pytest.mark.django_db

YESTERDAY = timedelta(days=1)


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace()


@pytest.fixture
def ada(namespace: Namespace) -> User:
    return owner_of(namespace)


@pytest.fixture
def ca() -> Identity:
    return authority("Line 1 CA", at=timezone.now() - YESTERDAY)


def require(namespace: Namespace, possession: Possession = Possession.REQUIRED) -> None:
    set_possession(owner_of(namespace), namespace=namespace, possession=possession)
    namespace.possession = possession


def upload(namespace: Namespace, ca: Identity, name: str = "line-1") -> CACertificate:
    return upload_ca_certificate(
        owner_of(namespace),
        namespace=namespace,
        team=None,
        name=name,
        description="",
        certificate=load_certificate(ca.der),
    )


def prove(actor: User, row: CACertificate, *proof: Identity) -> str:
    return prove_possession(actor, certificate=row, proof=read_upload(b"".join(each.pem for each in proof)))


def refused(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(RuleError) as refusal:
        call(*args, **kwargs)
    return refusal.value.code


def nonce_of(row: CACertificate) -> str:
    return PossessionNonce.objects.filter(certificate=row, used_at=None).latest("pk").nonce


def test_nothing_is_asked_where_it_is_off(namespace: Namespace, ca: Identity) -> None:
    row = upload(namespace, ca)
    assert not row.nonces.exists()
    assert row.what_it_waits_for() == ""


def test_where_it_is_asked_a_nonce_is_given_and_nothing_waits(namespace: Namespace, ca: Identity) -> None:
    require(namespace, Possession.ASKED)
    row = upload(namespace, ca)
    assert row.nonces.count() == 1
    assert (row.waits_for, row.what_it_waits_for()) == ("", "")
    assert [each.name for each in trusted_cas(namespace)] == ["line-1"]


def test_a_certificate_without_its_required_proof_is_never_sent(
    arm: ScriptedArm, namespace: Namespace, ada: User, ca: Identity
) -> None:
    require(namespace)
    row = upload(namespace, ca)
    assert row.waits_for
    assert trusted_cas(namespace) == ()
    update_ca_certificate(ada, certificate=row, description="still waits")
    assert push(CACertificate.objects.get(pk=row.pk)) is Pushed.NOT_CLAIMED
    assert arm.held(row.arm_id()) is None
    assert prove(ada, row, ca.issue(nonce_of(row))) == CA_KEY
    assert push(CACertificate.objects.get(pk=row.pk)) is Pushed.SUCCEEDED
    assert arm.held(row.arm_id()) is not None
    assert [each.name for each in trusted_cas(namespace)] == ["line-1"]


def test_a_device_certificate_never_satisfies_what_is_required(namespace: Namespace, ada: User, ca: Identity) -> None:
    require(namespace)
    row = upload(namespace, ca)
    device = ca.issue("sensor-1")
    assert prove(ada, row, device.issue(nonce_of(row)), device) == DEVICE_KEY
    row = CACertificate.objects.get(pk=row.pk)
    assert row.badges == (DEVICE_KEY,)
    assert row.what_it_waits_for()
    assert push(row) is Pushed.NOT_CLAIMED


def test_a_nonce_counts_once_for_one_certificate_in_one_namespace(ca: Identity) -> None:
    first, second = make_namespace("one"), make_namespace("two")
    there, here = make_ca_certificate(first, der=ca.der), make_ca_certificate(second, der=ca.der)
    given = give_nonce(owner_of(first), certificate=there)
    proof = ca.issue(given.nonce)
    assert refused(prove, owner_of(second), here, proof) == "other-nonce"
    assert prove(owner_of(first), there, proof) == CA_KEY
    assert refused(prove, owner_of(first), there, proof) == "nonce-used"
    assert here.badges == ()


def test_an_expired_nonce_is_refused_with_the_reason(namespace: Namespace, ada: User, ca: Identity) -> None:
    row = make_ca_certificate(namespace, der=ca.der)
    given = give_nonce(ada, certificate=row)
    PossessionNonce.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(prove, ada, row, ca.issue(given.nonce)) == "nonce-expired"
    assert row.badges == ()


def test_the_badge_is_lost_when_the_certificate_changes(namespace: Namespace, ada: User, ca: Identity) -> None:
    require(namespace)
    row = upload(namespace, ca)
    prove(ada, row, ca.issue(nonce_of(row)))
    assert row.badges == (CA_KEY,)
    renewed = authority("Line 1 CA", at=timezone.now() - timedelta(hours=1))
    row.set_certificate(load_certificate(renewed.der))
    row.save()
    row = CACertificate.objects.get(pk=row.pk)
    assert row.badges == ()
    assert row.what_it_waits_for()


def test_a_name_that_is_used_again_starts_without_a_proof(namespace: Namespace, ada: User, ca: Identity) -> None:
    require(namespace)
    row = upload(namespace, ca)
    prove(ada, row, ca.issue(nonce_of(row)))
    delete_ca_certificate(ada, certificate=row)
    again = upload(namespace, ca)
    assert again.badges == ()
    assert again.what_it_waits_for()


def test_what_azure_has_already_is_kept_when_proofs_become_required(namespace: Namespace, ca: Identity) -> None:
    row = make_ca_certificate(namespace, der=ca.der)
    row.base = {"name": row.name, "properties": row.body()}
    row.save()
    require(namespace)
    update_ca_certificate(owner_of(namespace), certificate=row, description="changed")
    row = CACertificate.objects.get(pk=row.pk)
    assert row.what_it_waits_for() == ""
    assert [each.name for each in trusted_cas(namespace)] == [row.name]


def test_deleting_never_waits(arm: ScriptedArm, namespace: Namespace, ada: User, ca: Identity) -> None:
    require(namespace)
    row = upload(namespace, ca)
    delete_ca_certificate(ada, certificate=row)
    assert push(CACertificate.objects.get(pk=row.pk)) is Pushed.SUCCEEDED
    assert not CACertificate.objects.filter(pk=row.pk).exists()


def test_a_sample_waits_too_and_the_downloaded_key_proves_it(namespace: Namespace, ada: User, ca: Identity) -> None:
    require(namespace)
    done = register_samples(ada, namespace=namespace, intermediate=ca.pem.decode(), clients=[])
    row = CACertificate.objects.get(name=done[0].name)
    assert row.what_it_waits_for()
    assert prove(ada, row, ca.issue(nonce_of(row))) == CA_KEY


def test_only_the_newest_nonces_stay_open(namespace: Namespace, ada: User, ca: Identity) -> None:
    row = make_ca_certificate(namespace, der=ca.der)
    given = [give_nonce(ada, certificate=row).nonce for _ in range(MOST_OPEN + 2)]
    assert list(row.nonces.order_by("pk").values_list("nonce", flat=True)) == given[2:]
    assert len(set(given)) == len(given)


def test_only_those_who_may_change_the_certificate_prove_or_ask(namespace: Namespace, ca: Identity) -> None:
    row = make_ca_certificate(namespace, der=ca.der, team=make_team("Line 2"))
    given = give_nonce(owner_of(namespace), certificate=row)
    for role in (Role.READER, Role.CONTRIBUTOR, Role.CERTIFICATE_UPLOADER):
        person = make_user(f"a-{role.value}")
        namespace.roles.create(user=person, role=role)
        assert refused(give_nonce, person, certificate=row) == "no-longer-allowed"
        assert refused(prove, person, row, ca.issue(given.nonce)) == "no-longer-allowed"


def test_only_owners_set_what_is_asked(namespace: Namespace) -> None:
    person = make_user("carl")
    namespace.roles.create(user=person, role=Role.CONTRIBUTOR)
    assert refused(set_possession, person, namespace=namespace, possession=Possession.OFF) == "no-longer-allowed"
    assert set_possession(owner_of(namespace), namespace=namespace, possession=Possession.REQUIRED)
    assert not set_possession(owner_of(namespace), namespace=namespace, possession=Possession.REQUIRED)


def test_each_step_is_in_the_activity_log(namespace: Namespace, ada: User, ca: Identity) -> None:
    require(namespace)
    row = upload(namespace, ca)
    given = give_nonce(ada, certificate=row)
    proof = ca.issue(given.nonce)
    prove(ada, row, proof)
    entries = {each.verb: each for each in Activity.objects.of_scope(namespace.pk)}
    assert entries["Change proof of possession"].after == {"possession": "required"}
    assert (entries["Prove possession"].after or {})["proof"] == proof.thumbprint
    assert (entries["Prove possession"].object_pk, entries["Prove possession"].actor) == (row.pk, ada)
    assert "Ask for proof of possession" in entries


def test_files_and_commands_for_azure_leave_out_what_waits_for_its_proof(
    client: Browser, namespace: Namespace, ada: User, ca: Identity
) -> None:
    require(namespace)
    row = upload(namespace, ca)
    client.force_login(ada)
    seen = get_namespace(ada, namespace.pk)
    assert [part.name for part in parts_of(seen) if part.kind == "caCertificates"] == []
    assert count_parts(seen)["CA certificates"] == 0
    page = client.get(reverse("namespaces:template_export", args=[namespace.pk])).content.decode()
    assert 'data-held-back="line-1"' in page
    files = client.get(reverse("namespaces:template_arm", args=[namespace.pk]))
    with ZipFile(BytesIO(b"".join(files))) as archive:
        assert "line-1 waits" in archive.read("README.md").decode()
    commands = reverse("certificates:ca_certificate_commands", args=[namespace.pk, "line-1"])
    assert "data-held-back" in client.get(commands).content.decode()
    prove(ada, row, ca.issue(nonce_of(row)))
    assert "data-held-back" not in client.get(commands).content.decode()
    assert count_parts(seen)["CA certificates"] == 1
