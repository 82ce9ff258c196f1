"""The template of a CA certificate: what happens to a device with a certificate of it and no client."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.utils import timezone

from certificates.actions.decision_rules.bindings import checked_patterns
from certificates.authentication.matching import THUMBPRINT_SCHEME
from certificates.authentication.types import ALTERNATIVE_SOURCES
from certificates.models import CACertificate, FirstContact, RegistrationTemplate
from namespaces.actions.resources import current
from namespaces.actions.teams import check_new
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.decision_changes import decisions_changed
from namespaces.models import Client
from namespaces.rules.clients import check_attributes
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import Team, User
from sync.control import one_transaction

TEMPLATE_KIND = "registration_template"  # in change sets
MOST_EACH_MINUTE, MOST_EACH_HOUR, MOST_IN_ALL = 1_000, 10_000, 100_000
UNSET = "0"  # the edition of a CA certificate without a template
_STRICTNESS = (FirstContact.OFF, FirstContact.QUEUE, FirstContact.REGISTER)


@dataclass(frozen=True)
class TemplateValues:
    """What a template says. `team`: a primary key, None for no team. Without `patterns`, every name."""

    mode: str = FirstContact.OFF.value
    source: str = "ClientCertificateSubject"
    by_thumbprint: bool = False
    team: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    patterns: tuple[str, ...] = ()
    per_minute: int = 10
    per_hour: int = 100
    cap: int = 100

    @property
    def validation_scheme(self) -> str:
        return THUMBPRINT_SCHEME if self.by_thumbprint else ALTERNATIVE_SOURCES[self.source]

    @classmethod
    def of(cls, row: RegistrationTemplate | None) -> "TemplateValues":
        """Return what is stored; the defaults, with the mode off, where nothing is."""
        if row is None:
            return cls()
        return cls(
            mode=row.mode,
            source=row.source,
            by_thumbprint=row.validation_scheme == THUMBPRINT_SCHEME,
            team=row.team_id,
            attributes=row.attributes,
            patterns=tuple(row.patterns),
            per_minute=row.per_minute,
            per_hour=row.per_hour,
            cap=row.cap,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TemplateValues":
        """Return the values that `as_dict` described."""
        return cls(**{**values, "patterns": tuple(values["patterns"])})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"patterns": list(self.patterns)}

    def is_looser_than(self, other: "TemplateValues") -> bool:
        """Return whether this template could register, or list, a device that `other` does not, or otherwise than that.

        To turn it off, to list first, a lower limit, or fewer names is none; everything else may be.
        """
        if self.mode == FirstContact.OFF:
            return False
        if _STRICTNESS.index(FirstContact(self.mode)) > _STRICTNESS.index(FirstContact(other.mode)):
            return True
        if any(getattr(self, name) > getattr(other, name) for name in ("per_minute", "per_hour", "cap")):
            return True
        if other.patterns and not (self.patterns and set(self.patterns) <= set(other.patterns)):
            return True
        same = {"mode": "", "patterns": (), "per_minute": 0, "per_hour": 0, "cap": 0}
        return replace(self, **same) != replace(other, **same)  # type: ignore[arg-type]


def set_template(actor: User, *, ca: CACertificate, values: TemplateValues, opened: str = "") -> RegistrationTemplate:
    """Set what happens to devices without a client that come with a certificate of this CA. Raise RuleError, NeedsApproval.

    Who may change the CA certificate, and create clients of the team, may turn it on: devices are registered in that person's name.
    `opened`: the edition that the actor was shown.
    """
    values = _checked(values)
    with one_transaction():
        row = current(actor, ca)
        found = RegistrationTemplate.objects.select_for_update().filter(ca=row).first()
        if opened and opened != edition_of(found):
            raise RuleError("", "changed-meanwhile", "This was changed after you opened the page. Nothing was saved.")
        before = TemplateValues.of(found)
        if values == before and found is not None:
            return found
        team = _team(values)
        if values.mode != FirstContact.OFF:
            check_new(actor, row.namespace, Client, team)
        if values.is_looser_than(before):
            draft = Draft(
                TEMPLATE_KIND, "set", row.name, edition_of(found), row.team, before.as_dict(), values.as_dict()
            )
            check_other(actor, row.namespace_id, [Need.LOOSEN_RULE], draft)
        found = found or RegistrationTemplate(ca=row, edition=0)
        _fill(found, values, team)
        found.edition, found.changed_at, found.changed_by = found.edition + 1, timezone.now(), actor
        found.save()
        decisions_changed(row.namespace_id)
        was, now = readable(before), readable(values)
        changed = [key for key in now if now[key] != was[key]]
        activity.record(
            actor,
            verb="Change first contact",
            **row.in_activity(),
            before={key: was[key] for key in changed},
            after={key: now[key] for key in changed},
        )
    return found


def _fill(row: RegistrationTemplate, values: TemplateValues, team: Team | None) -> None:
    row.mode, row.source, row.validation_scheme = values.mode, values.source, values.validation_scheme
    row.team, row.attributes, row.patterns = team, dict(values.attributes), list(values.patterns)
    row.per_minute, row.per_hour, row.cap = values.per_minute, values.per_hour, values.cap


def edition_of(row: RegistrationTemplate | None) -> str:
    """Return what a form posts so that no change overwrites another one unseen."""
    return UNSET if row is None else str(row.edition)


def readable(values: TemplateValues) -> dict[str, Any]:
    """Return the values under the keys of the activity log, the team with its name."""
    team = Team.objects.filter(pk=values.team).first() if values.team is not None else None
    return {
        "first_contact": values.mode,
        "name_source": values.source,
        "validation_scheme": values.validation_scheme,
        "team": team.name if team is not None else "",
        "attributes": dict(values.attributes),
        "name_patterns": list(values.patterns),
        "registrations_per_minute": values.per_minute,
        "registrations_per_hour": values.per_hour,
        "registrations_in_all": values.cap,
    }


def _team(values: TemplateValues) -> Team | None:
    if values.team is None:
        return None
    team = Team.objects.filter(pk=values.team).first()
    if team is None:
        raise RuleError("team", "team-gone", "The team has been deleted.")
    return team


def _checked(values: TemplateValues) -> TemplateValues:
    if values.mode not in FirstContact.values:
        raise RuleError("mode", "unknown", "Choose what happens.")
    if values.source not in ALTERNATIVE_SOURCES:
        raise RuleError("source", "unknown", "Choose the part of the certificate that has the name.")
    check_attributes(values.attributes)
    for name, most in (("per_minute", MOST_EACH_MINUTE), ("per_hour", MOST_EACH_HOUR), ("cap", MOST_IN_ALL)):
        if not 1 <= getattr(values, name) <= most:
            raise RuleError(name, "out-of-range", f"Enter 1 to {most:,}.")
    return replace(values, patterns=tuple(checked_patterns(values.patterns)), attributes=dict(values.attributes))
