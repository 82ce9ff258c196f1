"""Rules in change sets: what loosens one, or undoes a revocation, is made when other people have approved it."""

from collections.abc import Mapping
from typing import Any

from certificates.actions.decision_rules.bindings import BINDING_KIND, bind_issuer, described, edition_of, unbind_issuer
from certificates.actions.decision_rules.lists import LIST_KIND, remove_list
from certificates.actions.decision_rules.pins import PIN_KIND, unpin_client
from certificates.actions.decision_rules.policy import RULES_KIND, RuleValues, set_decision_rules
from certificates.actions.decision_rules.policy import edition_of as edition_of_rules
from certificates.actions.decision_rules.revocations import REVOCATION_KIND, release_certificate
from certificates.models import CACertificate, DecisionRules, IssuerBinding, PinnedKey, RevokedCertificate
from namespaces.actions.change_sets.row_kinds import row_named
from namespaces.control.kinds import ChangeKind, Draft
from namespaces.control.reach import NO_TEAM, teams_reached
from namespaces.models import Change, Client, ClientGroup, Namespace
from namespaces.rules.errors import RuleError
from portal.models import Team, User

_EVERY_CA = b""  # as a certificate: every client counts that takes a chain


def _everyone(namespace: Namespace, change: Change) -> frozenset[int]:
    return teams_reached(namespace, _EVERY_CA)


def _as_it_is(namespace: Namespace, change: Change) -> None:
    """There is nothing to read again: the change says what it undoes."""


# What a namespace asks of each certificate


def _apply_rules(actor: User, namespace: Namespace, change: Change) -> None:
    set_decision_rules(actor, namespace=namespace, values=RuleValues.from_dict(change.values), opened=change.edition)


def _edition_of_rules(namespace: Namespace) -> str:
    return edition_of_rules(DecisionRules.objects.filter(namespace=namespace.pk).first())


def _inverse_rules(namespace: Namespace, change: Change) -> Draft:
    return Draft(
        RULES_KIND,
        "update",
        change.name,
        edition=_edition_of_rules(namespace),
        before=RuleValues.of(namespace.pk).as_dict(),
        values=change.before,
    )


def _renew_rules(namespace: Namespace, change: Change) -> None:
    change.edition, change.before = _edition_of_rules(namespace), RuleValues.of(namespace.pk).as_dict()


RULES = ChangeKind(RULES_KIND, "rules", _apply_rules, _everyone, _inverse_rules, _renew_rules)


# For whom a CA certificate vouches


def _apply_binding(actor: User, namespace: Namespace, change: Change) -> None:
    ca = row_named(CACertificate, namespace, change.name)
    if change.values is None:
        unbind_issuer(actor, ca=ca, opened=change.edition)
        return
    teams = list(Team.objects.filter(name__in=change.values["teams"]))
    groups = list(ClientGroup.objects.present().filter(namespace=namespace, name__in=change.values["client_groups"]))
    if len(teams) + len(groups) < len(change.values["teams"]) + len(change.values["client_groups"]):
        raise RuleError("", "gone", "A team or client group of this binding has been deleted.")
    bind_issuer(
        actor, ca=ca, teams=teams, groups=groups, patterns=change.values["name_patterns"], opened=change.edition
    )


def _binding_of(namespace: Namespace, name: str) -> IssuerBinding | None:
    return IssuerBinding.objects.filter(ca=row_named(CACertificate, namespace, name)).first()


def _reached_by_binding(namespace: Namespace, change: Change) -> frozenset[int]:
    """Return the teams whose clients the CA certificate could authenticate, and the one that it belongs to."""
    ca = CACertificate.objects.present().filter(namespace=namespace).named(change.name).first()
    der = bytes(ca.der) if ca is not None else _EVERY_CA
    return teams_reached(namespace, der) | {change.team_id or NO_TEAM}


def _inverse_binding(namespace: Namespace, change: Change) -> Draft:
    now = _binding_of(namespace, change.name)
    before, values = described(now), change.before
    operation = "bind" if values is not None else "unbind"
    return Draft(BINDING_KIND, operation, change.name, edition_of(now), change.team, before, values)


def _renew_binding(namespace: Namespace, change: Change) -> None:
    now = _binding_of(namespace, change.name)
    change.edition, change.before = edition_of(now), described(now)


BINDING = ChangeKind(
    BINDING_KIND, "CA certificate's clients", _apply_binding, _reached_by_binding, _inverse_binding, _renew_binding
)


# Pinned keys


def _apply_unpin(actor: User, namespace: Namespace, change: Change) -> None:
    client = row_named(Client, namespace, change.name)
    pin = PinnedKey.objects.filter(client=client, spki_sha256=_held(change)["issuer_key"]).first()
    if pin is None:
        raise RuleError("", "unpinned-already", "This key was removed already.")
    unpin_client(actor, client=client, pin=pin.pk)


def _held(change: Change) -> Mapping[str, Any]:
    held: Mapping[str, Any] = change.before or {}
    return held


def _own_team(namespace: Namespace, change: Change) -> frozenset[int]:
    return frozenset({change.team_id or NO_TEAM})


def _no_inverse(namespace: Namespace, change: Change) -> Draft | None:
    """Making a rule stricter again needs no approval."""
    return None


PIN = ChangeKind(PIN_KIND, "pinned issuer", _apply_unpin, _own_team, _no_inverse, _as_it_is)


# Revocations


def _apply_release(actor: User, namespace: Namespace, change: Change) -> None:
    found = RevokedCertificate.objects.in_force().filter(namespace=namespace, thumbprint=_held(change)["thumbprint"])
    row = found.first()
    if row is None:
        raise RuleError("", "released-already", "This certificate was released already.")
    release_certificate(actor, revoked=row)


def _reached_by_release(namespace: Namespace, change: Change) -> frozenset[int]:
    """Return the certificate's team; for a CA certificate all whose clients it could have signed."""
    is_ca = RevokedCertificate.objects.filter(
        namespace=namespace, thumbprint=_held(change)["thumbprint"], is_ca=True
    ).exists()
    return (_everyone(namespace, change) if is_ca else frozenset()) | {change.team_id or NO_TEAM}


REVOCATION = ChangeKind(
    REVOCATION_KIND, "revoked certificate", _apply_release, _reached_by_release, _no_inverse, _as_it_is
)


# Revocation lists


def _apply_removal(actor: User, namespace: Namespace, change: Change) -> None:
    remove_list(actor, ca=row_named(CACertificate, namespace, change.name))


LIST = ChangeKind(LIST_KIND, "revocation list", _apply_removal, _reached_by_binding, _no_inverse, _as_it_is)

RULE_KINDS = (RULES, BINDING, PIN, REVOCATION, LIST)
