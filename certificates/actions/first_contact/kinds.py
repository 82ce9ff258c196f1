"""First contact in change sets: to turn a template on or loosen it, and to release a name, waits for approval by default."""

from certificates.actions.first_contact.blocks import BLOCK_KIND, release_name
from certificates.actions.first_contact.templates import TEMPLATE_KIND, TemplateValues, edition_of, set_template
from certificates.authentication.types import authentication_name_key
from certificates.models import BlockedName, CACertificate, RegistrationTemplate
from namespaces.actions.change_sets.row_kinds import row_named
from namespaces.control.kinds import ChangeKind, Draft
from namespaces.control.reach import NO_TEAM
from namespaces.models import Change, Namespace
from namespaces.rules.errors import RuleError
from portal.models import User


def _apply_template(actor: User, namespace: Namespace, change: Change) -> None:
    ca = row_named(CACertificate, namespace, change.name)
    set_template(actor, ca=ca, values=TemplateValues.from_dict(change.values), opened=change.edition)


def _template_of(namespace: Namespace, name: str) -> RegistrationTemplate | None:
    return RegistrationTemplate.objects.filter(ca=row_named(CACertificate, namespace, name)).first()


def _affected_by_template(namespace: Namespace, change: Change) -> frozenset[int]:
    """Return the team of the CA certificate, and the one that gets clients by it."""
    return frozenset({change.team_id or NO_TEAM, change.values["team"] or NO_TEAM})


def _inverse_template(namespace: Namespace, change: Change) -> Draft:
    row = _template_of(namespace, change.name)
    before = TemplateValues.of(row).as_dict()
    return Draft(TEMPLATE_KIND, "set", change.name, edition_of(row), change.team, before, change.before)


def _renew_template(namespace: Namespace, change: Change) -> None:
    row = _template_of(namespace, change.name)
    change.edition, change.before = edition_of(row), TemplateValues.of(row).as_dict()


def _apply_release(actor: User, namespace: Namespace, change: Change) -> None:
    key = authentication_name_key(change.name)
    row = BlockedName.objects.filter(namespace=namespace, authentication_key=key, thumbprint="").first()
    if row is None:
        raise RuleError("", "released-already", "This name was released already.")
    release_name(actor, blocked=row)


def _own_team(namespace: Namespace, change: Change) -> frozenset[int]:
    return frozenset({change.team_id or NO_TEAM})


def _no_inverse(namespace: Namespace, change: Change) -> Draft | None:
    """A name is blocked again when its client is deleted."""
    return None


def _as_it_is(namespace: Namespace, change: Change) -> None:
    """There is nothing to read again: the change says what it undoes."""


FIRST_CONTACT_KINDS = (
    ChangeKind(
        TEMPLATE_KIND,
        "registration on first contact",
        _apply_template,
        _affected_by_template,
        _inverse_template,
        _renew_template,
    ),
    ChangeKind(BLOCK_KIND, "blocked name", _apply_release, _own_team, _no_inverse, _as_it_is),
)
