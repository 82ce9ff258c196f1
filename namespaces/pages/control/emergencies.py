"""The banner about changes that an Owner applied without approval, until another person has confirmed them."""

from dataclasses import dataclass

from namespaces.actions.change_sets.records import url_of
from namespaces.models import ChangeSet
from namespaces.rights import Verb, rights_now
from portal.models import User
from portal.registry import ShellBar
from portal.short_cache import kept

SHOWN = 3
CHECKED = 20  # change sets whose visibility is checked on one page


@dataclass(frozen=True)
class Emergency:
    """One line of the banner."""

    change_set: ChangeSet
    url: str
    is_own: bool  # another person must confirm it


def emergency_bar(user: User, _opened: str) -> ShellBar | None:
    """Return the banner of this person, None where there is nothing to confirm. Titles may name what is hidden, so it has none."""
    rows = ChangeSet.objects.unconfirmed_emergencies().select_related("namespace", "emergency_by").order_by("-pk")
    found = [
        Emergency(row, url_of(row), user.pk in (row.emergency_by_id, row.requested_by_id))
        for row in kept("unconfirmed-emergencies", lambda: list(rows[:CHECKED]))
        if _is_seen(user, row)
    ]
    return ShellBar("namespaces/emergency_bar.html", {"emergencies": found[:SHOWN]}) if found else None


def _is_seen(user: User, row: ChangeSet) -> bool:
    """Return whether the person may know of it: where other teams' rows are hidden, Owners and those who made it."""
    rights = rights_now(user, row.namespace_id)
    if not row.namespace.hides_other_teams:
        return Verb.READ in rights.verbs
    is_own = user.pk in (row.emergency_by_id, row.requested_by_id)
    return Verb.OWN in rights.verbs or (is_own and Verb.READ in rights.verbs)
