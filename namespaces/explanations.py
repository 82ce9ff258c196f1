"""What people may do in a namespace, and by which role: the one answer to *What can this person do?* and *Who can do what here?*

It is made from the same `Rights` that pages and actions check.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count

from namespaces.models import NamespaceRole, Role
from namespaces.rights import MANAGED, Reach, Rights, Verb
from portal.models import Membership, Team, User
from portal.registry import RightLine, RightSection, RightSource
from sync.models import Sight, SyncedModel
from sync.registry import models

OTHERS = "topic_rules"  # the types that only Contributors and Owners change
_LABELS = {"caCertificates": "CA certificates", "clients": "Clients", OTHERS: "Groups, topic spaces, bindings"}


@dataclass(frozen=True)
class Person:
    """A person with their rights in one namespace."""

    user: User
    rights: Rights

    @property
    def is_administrator(self) -> bool:
        return self.user.is_superuser


@dataclass(frozen=True)
class _Kind:
    """A kind of thing: the types of resources that it stands for."""

    key: str
    label: str
    types: tuple[type[SyncedModel], ...]


@dataclass(frozen=True)
class Counts:
    """How many resources of each kind a team owns, or none."""

    by_team: Mapping[str, Mapping[int | None, int]] = field(default_factory=dict)

    def of(self, kind: str, reach: Reach) -> tuple[int, int]:
        """Return how many may be changed, and how many not."""
        counts = self.by_team.get(kind, {})
        mine = sum(number for team, number in counts.items() if reach.covers(team))
        return mine, sum(counts.values()) - mine


def rights_of_people(users: Collection[User], namespace_pk: int) -> dict[int, Rights]:
    """Return the rights of several people, by primary key, with two queries: what `rights_in` returns for each."""
    active = [user.pk for user in users if user.is_active and not user.is_superuser]
    member_of: dict[int, set[int]] = defaultdict(set)
    for member, team in Membership.objects.filter(user__in=active).values_list("user", "team"):
        member_of[member].add(team)
    by_user: dict[int, set[Role]] = defaultdict(set)
    by_team: dict[int, set[Role]] = defaultdict(set)
    held: Any = NamespaceRole.objects.filter(namespace=namespace_pk).values_list("user", "team", "role")
    for holder, team, role in held:
        if holder is None:
            by_team[team].add(Role(role))
        else:
            by_user[holder].add(Role(role))
    found = {user.pk: Rights() for user in users}
    for user in users:
        if user.is_active and user.is_superuser:
            found[user.pk] = Rights(((Role.OWNER, None),))
        elif user.is_active:
            teams = member_of[user.pk]
            own: list[tuple[Role, int | None]] = [(role, None) for role in by_user[user.pk]]
            grants = own + [(role, team) for team in teams for role in by_team[team]]
            found[user.pk] = Rights(tuple(grants), frozenset(teams))
    return found


def counts_in(sight: Sight) -> Counts:
    """Count the resources of a namespace that a person sees by kind and team."""
    found: dict[str, dict[int | None, int]] = {}
    for kind in _kinds():
        counts: dict[int | None, int] = defaultdict(int)
        for model in kind.types:
            rows = model.visible_to(sight).present()
            for team, number in rows.order_by().values_list("team").annotate(Count("pk")):
                counts[team] += number
        found[kind.key] = counts
    return Counts(found)


def explain(
    people: Iterable[Person], *, counts: Counts | None = None, subject: SyncedModel | None = None
) -> dict[int, tuple[RightSection, ...]]:
    """Return, by primary key of each person, what they may do with each kind of thing and by which role.

    With `counts` each line says to how many things it applies; with `subject` only that resource is asked about.
    """
    people = list(people)
    pks = {team for person in people for team in person.rights.member_of}
    pks |= {team for person in people for _, team in person.rights.grants if team is not None}
    teams = dict(Team.objects.filter(pk__in=pks).values_list("pk", "name"))
    kinds = [kind for kind in _kinds() if subject is None or type(subject) in kind.types]
    found = {}
    for person in people:
        sections = [_of_kind(person, kind, teams, counts, subject) for kind in kinds]
        if subject is None:
            sections += [_of_settings(person, teams), _of_roles(person, teams)]
        found[person.user.pk] = tuple(sections)
    return found


def _kinds() -> tuple[_Kind, ...]:
    managed = [model for model in models() if model.arm_type in MANAGED.values()]
    managed.sort(key=lambda model: model.arm_type)
    others = tuple(model for model in models() if model not in managed and model.arm_type != "namespaces")
    single = [_Kind(model.arm_type, _LABELS[model.arm_type], (model,)) for model in managed]
    return (*single, _Kind(OTHERS, _LABELS[OTHERS], others))


def _of_kind(
    person: Person, kind: _Kind, teams: Mapping[int, str], counts: Counts | None, subject: SyncedModel | None
) -> RightSection:
    reach = person.rights.reach(kind.types[0])
    if subject is not None:
        allowed = reach.covers(subject.team_id)
        lines = [RightLine(allowed, "Edit and delete it" if allowed else _see_only(person, "it"))]
        counting = [grant for grant in _that_change(person, kind) if _covers(grant, person, subject.team_id)]
        return RightSection(kind.key, kind.label, _sources(person, teams, counting if allowed else None), tuple(lines))
    mine, others = counts.of(kind.key, reach) if counts is not None else (None, None)
    lines = []
    if reach:
        lines.append(RightLine(True, f"Create, edit and delete {_whose(reach, teams)}", mine))
    if not reach.everything:
        whose = "the others" if reach else "them"
        lines.append(RightLine(False, _see_only(person, whose), others))
    return RightSection(
        kind.key, kind.label, _sources(person, teams, _that_change(person, kind) if reach else None), tuple(lines)
    )


def _of_settings(person: Person, teams: Mapping[int, str]) -> RightSection:
    allowed = Verb.CONTRIBUTE in person.rights.verbs
    sentence = "Change the configuration, decide about drift" if allowed else _see_only(person, "them")
    grants = [grant for grant in person.rights.grants if grant[0] in {Role.OWNER, Role.CONTRIBUTOR}]
    sources = _sources(person, teams, grants if allowed else None)
    return RightSection("settings", "Configuration and drift", sources, (RightLine(allowed, sentence),))


def _of_roles(person: Person, teams: Mapping[int, str]) -> RightSection:
    allowed = Verb.OWN in person.rights.verbs
    sentence = "Give and take roles, disconnect the namespace" if allowed else _see_only(person, "roles")
    grants = [grant for grant in person.rights.grants if grant[0] is Role.OWNER]
    sources = _sources(person, teams, grants if allowed else None)
    return RightSection("access", "Access control", sources, (RightLine(allowed, sentence),))


Grant = tuple[Role, int | None]


def _that_change(person: Person, kind: _Kind) -> list[Grant]:
    """Return the roles by which the person changes things of this kind."""
    strong = {Role.OWNER, Role.CONTRIBUTOR}
    return [
        (role, team)
        for role, team in person.rights.grants
        if role in strong or MANAGED.get(role) == kind.types[0].arm_type
    ]


def _covers(grant: Grant, person: Person, owner: int | None) -> bool:
    """Return whether this one role would be enough to change what `owner` owns."""
    role, team = grant
    if role is Role.OWNER:
        return True
    if owner is None:
        return role is Role.CONTRIBUTOR
    return owner in (person.rights.member_of if team is None else {team})


def _sources(person: Person, teams: Mapping[int, str], grants: list[Grant] | None) -> tuple[RightSource, ...]:
    """Return by which roles a right is held; where nothing may be changed (None), by which it may be seen."""
    if not person.rights.grants:
        return (RightSource("none", "no role here"),)
    if person.is_administrator:
        return (RightSource("administrator", "Owner, as administrator of the portal"),)
    shown = person.rights.grants if grants is None else grants
    order = [*Role]
    named = sorted(set(shown), key=lambda grant: (order.index(grant[0]), grant[1] or 0))
    return tuple(
        RightSource(f"team:{role.value}", f"{role.label}, by team {teams.get(team, '')}")
        if team is not None
        else RightSource(f"own:{role.value}", f"{role.label}, own role")
        for role, team in named
    )


def _whose(reach: Reach, teams: Mapping[int, str]) -> str:
    if reach.everything:
        return "all of them"
    names = sorted(teams.get(team, "") for team in reach.teams)
    parts = [f"those of {' and '.join(names)}"] if names else []
    parts += ["those of no team"] if reach.without_team else []
    return " and ".join(parts)


def _see_only(person: Person, what: str) -> str:
    return f"See {what}, change nothing" if Verb.READ in person.rights.verbs else f"Neither see nor change {what}"
