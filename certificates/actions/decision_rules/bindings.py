"""For whom a CA certificate vouches: its binding to teams, client groups and names."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from certificates.authentication.types import MAX_NAME_LENGTH
from certificates.models import CACertificate, IssuerBinding
from namespaces.actions.resources import current
from namespaces.actions.teams import NO_LONGER_ALLOWED
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.decision_changes import decisions_changed
from namespaces.models import ClientGroup
from namespaces.rights import Verb, rights_now
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import Team, User
from sync.control import is_applying, one_transaction

BINDING_KIND = "issuer_binding"  # in change sets
MOST_PATTERNS = 50
UNBOUND = "0"  # the edition of a CA certificate without a binding


def bind_issuer(
    actor: User,
    *,
    ca: CACertificate,
    teams: Sequence[Team],
    groups: Sequence[ClientGroup],
    patterns: Sequence[str],
    opened: str = "",
) -> IssuerBinding:
    """Let a CA certificate vouch only for the clients of these teams, of these groups, and with names like these. Raise RuleError.

    Who may change the CA certificate may bind it and narrow its binding; only an Owner widens it. `opened`: the edition that the
    actor was shown.
    """
    patterns = checked_patterns(patterns)
    if not (teams or groups or patterns):
        raise RuleError(
            "teams",
            "nobody",
            "Choose a team or a client group, or enter a name. Without any it would vouch for nobody.",
        )
    with one_transaction():
        row = current(actor, ca)
        found = _locked(row)
        _check_edition(found, opened)
        before = described(found)
        after = _described(teams, groups, patterns)
        if after == before and found is not None:
            return found
        if found is not None and is_wider(before, after):
            check_owner(actor, row, _only_owners(row))
            _check_wider(actor, row, found, after)
        found = found or IssuerBinding(ca=row, edition=0)
        found.patterns, found.edition = list(patterns), found.edition + 1
        found.changed_at, found.changed_by = timezone.now(), actor
        found.save()
        found.teams.set(teams)
        found.groups.set(groups)
        decisions_changed(row.namespace_id)
        activity.record(actor, verb="Bind issuer", **row.in_activity(), before=before, after=after)
    return found


def unbind_issuer(actor: User, *, ca: CACertificate, opened: str = "") -> bool:
    """Let a CA certificate vouch for every client again. Return False where it did so already. Raise RuleError."""
    with one_transaction():
        row = current(actor, ca)
        found = _locked(row)
        _check_edition(found, opened)
        if found is None:
            return False
        check_owner(actor, row, _only_owners(row))
        _check_wider(actor, row, found, None)
        before = described(found)
        found.delete()
        decisions_changed(row.namespace_id)
        activity.record(actor, verb="Unbind issuer", **row.in_activity(), before=before, after=None)
    return True


def checked_patterns(patterns: Iterable[str]) -> list[str]:
    """Return the patterns without blanks and repetitions. Raise RuleError for one that can be no pattern of names."""
    found = list(dict.fromkeys(filter(None, (pattern.strip() for pattern in patterns))))
    if len(found) > MOST_PATTERNS:
        raise RuleError("patterns", "too-many", f"Use at most {MOST_PATTERNS} names. A * stands for any characters.")
    for pattern in found:
        if len(pattern) > MAX_NAME_LENGTH:
            raise RuleError("patterns", "too-long", f"A name has at most {MAX_NAME_LENGTH} characters.")
        if not pattern.isprintable():
            raise RuleError("patterns", "invisible", "A name contains an invisible character. Type it again.")
        if not pattern.strip("*"):
            raise RuleError("patterns", "every-name", "A * alone stands for every client. Remove the binding instead.")
    return found


def described(binding: IssuerBinding | None) -> dict[str, Any] | None:
    """Return a binding under stable keys, None where there is none."""
    if binding is None:
        return None
    return _described(binding.teams.all(), binding.groups.all(), binding.patterns)


def _described(teams: Iterable[Team], groups: Iterable[ClientGroup], patterns: Iterable[str]) -> dict[str, Any]:
    return {
        "teams": sorted(team.name for team in teams),
        "client_groups": sorted(group.name for group in groups),
        "name_patterns": list(patterns),
    }


def is_wider(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    """Return whether a CA certificate could vouch for more clients than before. None is without a binding: for all of them."""
    if before is None:
        return False
    return after is None or any(not set(after[key]) <= set(before[key]) for key in before)


def _check_wider(actor: User, row: CACertificate, found: IssuerBinding, after: Mapping[str, Any] | None) -> None:
    """Raise NeedsApproval where the policy asks for approval of a CA certificate that vouches for more clients."""
    operation = "unbind" if after is None else "bind"
    draft = Draft(BINDING_KIND, operation, row.name, edition_of(found), row.team, described(found), after)
    check_other(actor, row.namespace_id, [Need.LOOSEN_RULE], draft)


def edition_of(binding: IssuerBinding | None) -> str:
    """Return what a form posts so that no change overwrites another one unseen."""
    return UNBOUND if binding is None else str(binding.edition)


def _locked(row: CACertificate) -> IssuerBinding | None:
    return IssuerBinding.objects.select_for_update().filter(ca=row).first()


def _check_edition(found: IssuerBinding | None, opened: str) -> None:
    if opened and opened != edition_of(found):
        raise RuleError("", "changed-meanwhile", "This was changed after you opened the page. Nothing was saved.")


def check_owner(actor: User, row: CACertificate, sentence: str) -> None:
    """Let only Owners loosen a rule about a CA certificate, unless other people have approved it. Raise RuleError."""
    if not is_applying() and Verb.OWN not in rights_now(actor, row.namespace_id).verbs:
        raise RuleError("", NO_LONGER_ALLOWED, sentence)


def _only_owners(row: CACertificate) -> str:
    return f"Only an Owner of the namespace lets {row.name} vouch for more clients than now."
