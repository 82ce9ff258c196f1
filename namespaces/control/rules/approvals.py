"""Which approvals count. Everything is a plain value, so that every rule can be tried without a database.

A right to approve is written as a text that names its source: `administrator`, `owner/ROLE`, `owner/ROLE/MEMBERSHIP`,
`lead/TEAM/MEMBERSHIP/SINCE` or `team/TEAM/MEMBERSHIP`, with primary keys. A role that is taken away and given again is another row, and
so another source: a right that was interrupted is not the one that was held at the request.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from namespaces.control.rules.policy import Policy

Sources = Mapping[int, Collection[str]]  # by the primary key of a person


@dataclass(frozen=True)
class Standing:
    """Who has which right to approve at one moment, and the people who are on the requester's side then."""

    sources: Sources = field(default_factory=dict)
    own_side: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Given:
    """One approval: by whom, of which digest, and the teams that the person was shown as reached."""

    user: int
    digest: str
    teams: frozenset[int]


@dataclass(frozen=True)
class Case:
    """What is decided about: the digest of the changes, the teams affected now, and the standing then and now."""

    digest: str
    teams: frozenset[int]  # 0 for what no team owns
    at_request: Standing
    now: Standing


class Objection(StrEnum):
    """Why a person, or an approval, does not count."""

    OWN = "own"
    NO_RIGHT = "no-right"
    TOO_NEW = "too-new"
    CHANGED = "changed"
    REACHES_MORE = "reaches-more"


SENTENCES: Mapping[Objection, str] = {
    Objection.OWN: (
        "The requester, members of the requester's teams, also of the last 14 days, and people who would get a right by it never "
        "approve."
    ),
    Objection.NO_RIGHT: "The policy of this namespace does not name this person as one who may approve it.",
    Objection.TOO_NEW: "This right to approve is newer than the request.",
    Objection.CHANGED: "The request was edited after this approval.",
    Objection.REACHES_MORE: "It reaches clients of a further team by now.",
}


def rights_that_count(policy: Policy, teams: Collection[int], sources: Collection[str]) -> frozenset[str]:
    """Return those rights to approve that the policy accepts for changes that affect these teams."""
    return frozenset(source for source in sources if _is_accepted(policy, teams, source))


def _is_accepted(policy: Policy, teams: Collection[int], source: str) -> bool:
    kind, _, rest = source.partition("/")
    if kind in {"owner", "administrator"}:
        return policy.by_owners
    team = int(rest.partition("/")[0])
    if kind == "lead":
        return policy.by_leads and team in teams
    return kind == "team" and policy.by_team == team


def objection_to(person: int, policy: Policy, case: Case) -> Objection | None:
    """Return why a person may not approve this now; None if the person may."""
    if person in case.at_request.own_side or person in case.now.own_side:
        return Objection.OWN
    held = rights_that_count(policy, case.teams, case.now.sources.get(person, ()))
    if not held:
        return Objection.NO_RIGHT
    if not held & frozenset(case.at_request.sources.get(person, ())):
        return Objection.TOO_NEW
    return None


def objection_to_approval(given: Given, policy: Policy, case: Case) -> Objection | None:
    """Return why an approval does not count now; None if it counts."""
    if given.digest != case.digest:
        return Objection.CHANGED
    if not case.teams <= given.teams:
        return Objection.REACHES_MORE
    return objection_to(given.user, policy, case)


def counting(given: Iterable[Given], policy: Policy, case: Case) -> list[Given]:
    """Return the approvals that count, at most one of each person."""
    by_person = {each.user: each for each in given if objection_to_approval(each, policy, case) is None}
    return list(by_person.values())


def is_approved(given: Iterable[Given], policy: Policy, case: Case) -> bool:
    """Return whether enough people have approved."""
    return len(counting(given, policy, case)) >= max(1, policy.approvals)


def possible_approvers(policy: Policy, case: Case) -> Sequence[int]:
    """Return the people who may approve this now, in the order of their primary keys."""
    return [person for person in sorted(case.now.sources) if objection_to(person, policy, case) is None]
