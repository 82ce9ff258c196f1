"""What a person may do in one namespace: the roles held there, and the teams that own its resources.

Owners change everything. Contributors change what their teams own and what no team owns. A certificate uploader changes the CA
certificates of their teams, a client manager the clients of their teams. A role of a team counts for what that team owns; a role
of a person for what each of their teams owns.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.db.models import Q, QuerySet

from namespaces.models import NamespaceRole, Role
from portal.models import Membership, Team, User
from sync.models import Sight, SyncedModel


class Verb(StrEnum):
    """What a user wants to do in a namespace."""

    READ = "read"
    CONTRIBUTE = "contribute"  # change what belongs to no team: topic rules, configuration, drift
    OWN = "own"  # roles, disconnect


_ALLOWED: Mapping[Role, frozenset[Verb]] = {
    Role.READER: frozenset({Verb.READ}),
    Role.CERTIFICATE_UPLOADER: frozenset({Verb.READ}),
    Role.CLIENT_MANAGER: frozenset({Verb.READ}),
    Role.CONTRIBUTOR: frozenset({Verb.READ, Verb.CONTRIBUTE}),
    Role.OWNER: frozenset({Verb.READ, Verb.CONTRIBUTE, Verb.OWN}),
}
STRONGEST_FIRST = (Role.OWNER, Role.CONTRIBUTOR, Role.CERTIFICATE_UPLOADER, Role.CLIENT_MANAGER, Role.READER)
# The one type of resource, by its name in ARM, that a role manages.
MANAGED: Mapping[Role, str] = {Role.CERTIFICATE_UPLOADER: "caCertificates", Role.CLIENT_MANAGER: "clients"}


@dataclass(frozen=True)
class Reach:
    """Which resources of one type a person may change, by the team that owns them."""

    everything: bool = False
    without_team: bool = False
    teams: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or self.without_team or bool(self.teams)

    def covers(self, team_pk: int | None) -> bool:
        """Return whether a resource of this team, or of none, may be changed."""
        return self.everything or (self.without_team if team_pk is None else team_pk in self.teams)

    @property
    def condition(self) -> Q:
        """Return the condition for the rows that may be changed."""
        if self.everything:
            return Q()
        of_teams = Q(team__in=sorted(self.teams))
        return of_teams | Q(team=None) if self.without_team else of_teams


@dataclass(frozen=True)
class Rights:
    """The roles of one person in one namespace. `grants`: each role, with the team through which it is held, or None.

    `member_of` is read where it counts: for a role that is limited to teams, and where other teams' rows are hidden.
    """

    grants: tuple[tuple[Role, int | None], ...] = ()
    member_of: frozenset[int] = field(default_factory=frozenset)
    hides_other_teams: bool = False  # the namespace's setting
    only_own_teams: bool = False  # look at it as if it hid the other teams, whatever the role
    only_by: int | None = None  # then look only at what this person created

    @property
    def roles(self) -> tuple[Role, ...]:
        """Return the roles that count, the strongest first: an Owner or Contributor needs no other."""
        held = {role for role, _ in self.grants}
        found = tuple(role for role in STRONGEST_FIRST if role in held)
        managing = tuple(role for role in found if role in MANAGED)
        return managing if found and found[0] in MANAGED else found[:1]

    @property
    def role(self) -> Role | None:
        return self.roles[0] if self.grants else None

    @property
    def verbs(self) -> frozenset[Verb]:
        return frozenset().union(*(_ALLOWED[role] for role, _ in self.grants))

    def sight(self, namespace_pk: int) -> Sight:
        """Return which rows of the namespace are seen: all, or none of other teams where those are hidden from all but Owners."""
        if not self.grants:
            return Sight()
        if self.only_own_teams:
            return Sight(partly=[namespace_pk], teams=sorted(self.member_of), creator=self.only_by)
        if not self.hides_other_teams or Verb.OWN in self.verbs:
            return Sight(whole=[namespace_pk])
        return Sight(partly=[namespace_pk], teams=sorted(self.member_of))

    def reach(self, model: type[SyncedModel]) -> Reach:
        """Return which resources of a type may be changed."""
        everything = without_team = False
        teams: set[int] = set()
        for role, through in self.grants:
            if role is Role.CONTRIBUTOR or MANAGED.get(role) == model.arm_type:
                without_team |= role is Role.CONTRIBUTOR
                teams |= self.member_of if through is None else {through}
            everything |= role is Role.OWNER
        return Reach(everything, without_team, frozenset(teams))

    def covers(self, row: SyncedModel) -> bool:
        """Return whether the person may change this resource."""
        return self.reach(type(row)).covers(row.team_id)


def assignable_by(rights: Rights, model: type[SyncedModel], team_pk: int | None) -> bool:
    """Return whether a row of this team, or of none, may be given to a team.

    Owners give every row to every team or to none. Contributors take what no team owns for a team of theirs.
    """
    if Verb.OWN in rights.verbs:
        return True
    reach = rights.reach(model)
    return team_pk is None and reach.without_team and bool(reach.teams)


def held_roles_of(user: User) -> QuerySet[NamespaceRole]:
    """Return the roles of a user in all namespaces, own and through teams; none of a user who is disabled."""
    if not user.is_authenticated or not user.is_active:
        return NamespaceRole.objects.none()
    return NamespaceRole.objects.filter(Q(user=user) | Q(team__members=user))


def rights_in(user: User, namespace_pk: int) -> Rights:
    """Read what the user may do in a namespace. An administrator owns every namespace."""
    if user.is_active and user.is_superuser:
        return Rights(((Role.OWNER, None),))
    of_roles = held_roles_of(user).filter(namespace=namespace_pk)
    held = list(of_roles.values_list("role", "team", "namespace__hides_other_teams").distinct())
    grants = tuple((Role(role), team) for role, team, _ in held)
    hides = any(is_hiding for *_, is_hiding in held)
    needs_teams = hides or any(
        role in MANAGED or role is Role.CONTRIBUTOR for role, through in grants if through is None
    )
    teams = Team.objects.filter(members=user).values_list("pk", flat=True) if needs_teams else ()
    return Rights(grants, frozenset(teams), hides)


def rights_now(user: User, namespace_pk: int) -> Rights:
    """Read the rights again, with the account: an action calls this inside its transaction. A disabled user has none."""
    current = User.objects.filter(pk=user.pk, is_active=True).first()
    return Rights() if current is None else rights_in(current, namespace_pk)


def rights_of_many(places: Collection[tuple[int, str]]) -> dict[tuple[int, str], Rights]:
    """Read the rights of many people, each in a namespace by its `resource_key`, in three queries.

    People who are disabled or unknown have none, and nobody has any in a namespace that is not connected.
    """
    people, keys = {owner for owner, _ in places}, {key for _, key in places}
    active = dict(User.objects.filter(pk__in=people, is_active=True).values_list("pk", "is_superuser"))
    grants: dict[tuple[int, str], set[tuple[Role, int | None]]] = {place: set() for place in places}
    member_of: dict[int, set[int]] = {pk: set() for pk in people}
    for team, member in Membership.objects.filter(user__in=people).values_list("team", "user"):
        member_of[member].add(team)
    rows = NamespaceRole.objects.filter(namespace__resource_key__in=keys)
    for key, role, user, team in rows.values_list("namespace__resource_key", "role", "user", "team"):
        for owner in people:
            if (owner, key) in grants and (owner == user or team in member_of[owner]):
                grants[owner, key].add((Role(role), team))
    return {
        place: Rights(((Role.OWNER, None),))
        if active.get(place[0])
        else Rights(tuple(held) if place[0] in active else (), frozenset(member_of[place[0]]))
        for place, held in grants.items()
    }
