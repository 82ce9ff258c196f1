"""What loosens a rule, or undoes a revocation, waits for approval where the policy asks, and is made when it is approved."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from certificates.actions.decision_rules.bindings import bind_issuer, unbind_issuer
from certificates.actions.decision_rules.lists import remove_list, take_list
from certificates.actions.decision_rules.pins import pin_client, unpin_client
from certificates.actions.decision_rules.policy import RuleValues, set_decision_rules
from certificates.actions.decision_rules.revocations import release_certificate, revoke_certificate
from certificates.models import CACertificate, IssuerBinding, PinnedKey, RevocationList, RevokedCertificate
from certificates.x509.certificate import load_certificate
from namespaces.actions.change_sets import inverses
from namespaces.actions.change_sets.applying import run_change_set
from namespaces.control.gate import NeedsApproval
from namespaces.control.kinds import kind_of
from namespaces.control.rules.policy import Need, Policy
from namespaces.models import ChangeSet, Client, ControlPolicy
from portal.models import User
from tests.namespaces.control.conftest import Plant, approve_now, plant  # noqa: F401 - a fixture
from tests.support.certificates.chains import authority
from tests.support.certificates.revocation_lists import revocation_list
from tests.support.database.factories import make_ca_certificate

pytestmark = pytest.mark.django_db
LINE = authority("Line 1 CA")
DEVICE = LINE.issue("press-1")
STRICT = RuleValues(max_age_days=90, min_rsa_bits=3072)

Loosen = Callable[[User], Any]


def _rules(place: Plant) -> tuple[Loosen, Callable[[], bool]]:
    set_decision_rules(place.olga, namespace=place.namespace, values=STRICT)
    looser = replace(STRICT, max_age_days=0)
    return (
        lambda actor: set_decision_rules(actor, namespace=place.namespace, values=looser),
        lambda: RuleValues.of(place.namespace.pk) == looser,
    )


def _widen(place: Plant) -> tuple[Loosen, Callable[[], bool]]:
    ca = make_ca_certificate(place.namespace, "line-ca", der=LINE.der, team=place.line_a)
    bind_issuer(place.rita, ca=ca, teams=[place.line_a], groups=[], patterns=[])
    both = [place.line_a, place.line_b]
    return (
        lambda actor: bind_issuer(actor, ca=ca, teams=both, groups=[], patterns=["press-*"]),
        lambda: IssuerBinding.objects.get().patterns == ["press-*"] and IssuerBinding.objects.get().teams.count() == 2,
    )


def _unbind(place: Plant) -> tuple[Loosen, Callable[[], bool]]:
    ca = make_ca_certificate(place.namespace, "line-ca", der=LINE.der, team=place.line_a)
    bind_issuer(place.rita, ca=ca, teams=[place.line_a], groups=[], patterns=[])
    return lambda actor: unbind_issuer(actor, ca=ca), lambda: not IssuerBinding.objects.exists()


def _unpin(place: Plant) -> tuple[Loosen, Callable[[], bool]]:
    ca: CACertificate = make_ca_certificate(place.namespace, "line-ca", der=LINE.der)
    client = Client.objects.get(name="press-1")
    pin = pin_client(place.olga, client=client, ca=ca)
    return lambda actor: unpin_client(actor, client=client, pin=pin.pk), lambda: not PinnedKey.objects.exists()


def _release(place: Plant) -> tuple[Loosen, Callable[[], bool]]:
    certificate = load_certificate(DEVICE.der)
    revoked = revoke_certificate(place.rita, namespace=place.namespace, certificate=certificate, reason="keyCompromise")
    return (
        lambda actor: release_certificate(actor, revoked=revoked),
        lambda: not RevokedCertificate.objects.in_force().exists(),
    )


def _remove_list(place: Plant) -> tuple[Loosen, Callable[[], bool]]:
    ca = make_ca_certificate(place.namespace, "line-ca", der=LINE.der)
    take_list(place.olga, ca=ca, data=revocation_list(LINE, DEVICE, number=1))
    return lambda actor: remove_list(actor, ca=ca), lambda: not RevocationList.objects.get().der


CASES = {
    "rules": (_rules, Need.LOOSEN_RULE),
    "wider binding": (_widen, Need.LOOSEN_RULE),
    "no binding": (_unbind, Need.LOOSEN_RULE),
    "unpinned": (_unpin, Need.LOOSEN_RULE),
    "no list": (_remove_list, Need.LOOSEN_RULE),
    "released": (_release, Need.RELEASE_CERTIFICATE),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_made_when_it_is_approved(plant: Plant, case: str) -> None:  # noqa: F811
    prepare, need = CASES[case]
    loosen, is_loose = prepare(plant)
    with pytest.raises(NeedsApproval) as held:
        loosen(plant.rita)
    assert held.value.needs == (need,)
    assert not is_loose()
    change_set = plant.request(plant.rita, held.value)
    assert kind_of(change_set.changes.get().kind).affected(plant.namespace, change_set.changes.get())
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    change_set.refresh_from_db()
    assert (change_set.state, is_loose()) == (ChangeSet.State.DONE, True)


def test_what_is_stricter_needs_no_approval(plant: Plant) -> None:  # noqa: F811
    set_decision_rules(plant.olga, namespace=plant.namespace, values=STRICT)
    stricter = replace(STRICT, max_age_days=30, longest_session_seconds=3600)
    assert set_decision_rules(plant.dana, namespace=plant.namespace, values=stricter)


def test_rules_that_were_changed_since_are_not_loosened(plant: Plant) -> None:  # noqa: F811
    loosen, is_loose = _rules(plant)
    with pytest.raises(NeedsApproval) as held:
        loosen(plant.rita)
    change_set = plant.request(plant.rita, held.value)
    set_decision_rules(plant.olga, namespace=plant.namespace, values=replace(STRICT, min_rsa_bits=4096))
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    change_set.refresh_from_db()
    assert (change_set.state == ChangeSet.State.DONE, is_loose()) == (False, False)


def test_loosened_rules_have_an_inverse(plant: Plant) -> None:  # noqa: F811
    loosen, _ = _rules(plant)
    with pytest.raises(NeedsApproval) as held:
        loosen(plant.rita)
    change_set = plant.request(plant.rita, held.value)
    approve_now(plant.olga, change_set)
    run_change_set(change_set.pk)
    change_set.refresh_from_db()
    inverse = inverses.build_inverse(plant.rita, change_set=change_set)
    assert RuleValues.from_dict(inverse.changes.get().values) == STRICT


def test_the_migration_asks_where_everything_was_asked(plant: Plant) -> None:  # noqa: F811
    new = {"loosen_rule", "release_certificate"}
    ControlPolicy.objects.update(needs=sorted({need.value for need in Policy().needs} - new))
    import_module("namespaces.migrations.0040_ask_for_looser_rules").ask(apps, None)
    assert new <= set(ControlPolicy.objects.get().needs)
