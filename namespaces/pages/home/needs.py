"""What needs a person, over several namespaces: the most urgent first, each with its one next step."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime

from namespaces.models import Namespace
from namespaces.pages.home.gathered import Gathered
from namespaces.pages.overview.attention import Need, needs_in, next_step
from namespaces.rights import Verb
from portal.models import User

MOST_NEEDS = 8
TONES = ("bad", "warning", "info")  # the most urgent first
EXPIRING = ("ca-expires", "ca-expired")  # needs whose moment is a date, not the time since


@dataclass(frozen=True)
class Whose:
    """Whose needs are listed. `words` stand where there are none."""

    code: str
    label: str
    title: str
    words: str


WHOSE = {
    each.code: each
    for each in (
        Whose("mine", "Mine", "What you created, for your teams or for no team", "Nothing of yours needs attention."),
        Whose(
            "team", "My team", "What your teams own, and what no team owns", "Nothing of your teams needs attention."
        ),
        Whose("all", "All", "Everything that you see", "Nothing needs attention."),
    )
}
DEFAULT_WHOSE = "all"


@dataclass(frozen=True)
class PlacedNeed:
    """A need in one namespace. `may_act`: whether the person may do what its button leads to."""

    namespace: Namespace
    need: Need
    may_act: bool

    @property
    def is_date(self) -> bool:
        return self.need.code in EXPIRING


@dataclass(frozen=True)
class Needs:
    """The first needs, and the number of further ones."""

    shown: Sequence[PlacedNeed]
    more: int


def narrowed(namespaces: Iterable[Namespace], whose: Whose, user: User) -> list[Namespace]:
    """Return the namespaces as they look when only this person's rows, or those of their teams, are looked at."""
    found = [copy(each) for each in namespaces]
    for each in found:
        by = user.pk if whose.code == "mine" else None
        each.rights = replace(each.rights, only_own_teams=True, only_by=by)
    return found


def needs_of(gathered: Gathered, *, at: datetime) -> Needs:
    """Return the needs in these namespaces; where one has none, the next step of the guide."""
    found: list[tuple[tuple[int, int, str], PlacedNeed]] = []
    for summary in gathered.summaries:
        namespace = summary.namespace
        pk, may_change = namespace.pk, Verb.CONTRIBUTE in namespace.rights.verbs
        needs = list(needs_in(summary, gathered.trust[pk], gathered.hours[pk], gathered.loud.get(pk, ()), at=at)) or [
            next_step(summary, has_accepted=pk in gathered.accepting)
        ]
        for number, need in enumerate(needs):
            if need.tone in TONES:  # what is well is no need
                key = (TONES.index(need.tone), number, namespace.name)
                found.append((key, PlacedNeed(namespace, need, may_change or not need.changes)))
    placed = [need for _, need in sorted(found, key=lambda each: each[0])]
    return Needs(placed[:MOST_NEEDS], max(len(placed) - MOST_NEEDS, 0))
