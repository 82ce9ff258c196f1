"""A CA certificate that is deleted leaves its rules to another one with the same key."""

import pytest
from django.utils import timezone

from certificates.actions.ca_certificates import delete_ca_certificate
from certificates.actions.decision_rules.bindings import bind_issuer
from certificates.actions.decision_rules.lists import take_list
from certificates.actions.first_contact.registering import Outcome, meet
from certificates.actions.first_contact.templates import TemplateValues, set_template
from certificates.models import CACertificate, FirstContact, RegisteredDevice, RegistrationTemplate, WaitingDevice
from certificates.namespace_rules import rules_of, templates_of
from portal.models import User
from sync.drift.resolutions import take_azures
from sync.models import Finding
from sync.push.comparison import field_differences
from tests.certificates.first_contacts import LINE as LINE_NOW
from tests.certificates.first_contacts import device_of
from tests.support.certificates.chains import authority
from tests.support.certificates.revocation_lists import revocation_list
from tests.support.database.factories import make_ca_certificate, make_namespace, make_user

pytestmark = pytest.mark.django_db
LINE = authority("Line 1 CA")
RENEWED = authority("Line 1 CA", path_length=1)
STOLEN = LINE.issue("press-9")


@pytest.fixture
def olga() -> User:
    return make_user("olga")


@pytest.fixture
def old(olga: User) -> CACertificate:
    """A CA certificate that is bound to press-* and has a revocation list, beside its renewal."""
    namespace = make_namespace(owner=olga)
    old: CACertificate = make_ca_certificate(namespace, "line-ca", der=LINE.der)
    make_ca_certificate(namespace, "line-ca-2", der=RENEWED.der)
    bind_issuer(olga, ca=old, teams=[], groups=[], patterns=["press-*"])
    take_list(olga, ca=old, data=revocation_list(LINE, STOLEN, number=5))
    return old


def assert_kept(old: CACertificate) -> None:
    CACertificate.objects.filter(pk=old.pk).delete()  # Azure has confirmed it
    rules = rules_of(old.namespace_id)
    assert [each.patterns for each in rules.bindings.values()] == [("press-*",)]
    assert [each.number for each in rules.lists] == [5]


def test_a_deletion_leaves_binding_and_list_to_the_renewal(olga: User, old: CACertificate) -> None:
    delete_ca_certificate(olga, certificate=old)
    assert_kept(old)


def test_a_deletion_in_azure_that_is_taken_does_so_too(olga: User, old: CACertificate) -> None:
    now = timezone.now()
    fields = field_differences(CACertificate, base=old.base, ours=old, azure=None)
    facts = {"object_pk": old.pk, "drift": Finding.Class.DELETED, "found_at": now, "seen_at": now, "fields": fields}
    kind = old._meta.label_lower
    finding = Finding.objects.create(kind=kind, scope=old.namespace_id, name=old.name, **facts)
    take_azures(olga, finding=finding)
    assert_kept(old)


def test_a_renewal_with_rules_of_its_own_keeps_them(olga: User, old: CACertificate) -> None:
    renewed = CACertificate.objects.get(name="line-ca-2")
    bind_issuer(olga, ca=renewed, teams=[], groups=[], patterns=["robot-*"])
    take_list(olga, ca=renewed, data=revocation_list(LINE, number=6))
    delete_ca_certificate(olga, certificate=old)
    CACertificate.objects.filter(pk=old.pk).delete()
    rules = rules_of(old.namespace_id)
    assert [each.patterns for each in rules.bindings.values()] == [("robot-*",)]
    assert [each.number for each in rules.lists] == [6]


def registering(olga: User, cap: int = 100) -> tuple[CACertificate, CACertificate]:
    """Return a CA certificate that has registered one device on first contact, and its renewal."""
    namespace = make_namespace(owner=olga)
    old = make_ca_certificate(namespace, "line-ca", der=LINE_NOW.der)
    renewal = authority("Line 1 CA", path_length=1, at=timezone.now())
    new = make_ca_certificate(namespace, "line-ca-2", der=renewal.der)
    set_template(olga, ca=old, values=TemplateValues(mode=FirstContact.REGISTER, cap=cap))
    assert meet(device_of(old, "press-1")).outcome == Outcome.REGISTERED
    return old, new


def test_a_deletion_leaves_first_contact_with_its_count_to_the_renewal(olga: User) -> None:
    old, new = registering(olga, cap=2)
    waiting = device_of(old, "press-2")
    RegistrationTemplate.objects.update(mode=FirstContact.QUEUE)
    assert meet(waiting).outcome == Outcome.WAITING
    RegistrationTemplate.objects.update(mode=FirstContact.REGISTER)
    before = device_of(old, "press-3")
    delete_ca_certificate(olga, certificate=old)
    CACertificate.objects.filter(pk=old.pk).delete()  # Azure has confirmed it
    assert [each.ca for each in templates_of(new.namespace_id).values()] == [new.pk]
    assert list(WaitingDevice.objects.values_list("ca", flat=True)) == [new.pk]
    assert meet(before).outcome == Outcome.CHANGED  # it was asked about with the template of the other
    assert meet(device_of(new, "press-3")).outcome == Outcome.REGISTERED
    assert meet(device_of(new, "press-4")).outcome == Outcome.WAITING  # the limit in all counts both


def test_a_renewal_that_registers_nothing_keeps_to_that(olga: User) -> None:
    old, new = registering(olga)
    RegistrationTemplate.objects.create(ca=new, mode=FirstContact.OFF, changed_at=timezone.now())
    delete_ca_certificate(olga, certificate=old)
    CACertificate.objects.filter(pk=old.pk).delete()
    assert not templates_of(new.namespace_id)
    assert not RegisteredDevice.objects.exists()
