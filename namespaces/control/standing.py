"""Who could approve a change now, and who is on the requester's side, as the database has it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db.models import Q
from django.utils import timezone

from namespaces.control.rules.approvals import Standing
from namespaces.control.rules.policy import Policy
from namespaces.models import ControlPolicy, Namespace, NamespaceRole, Role
from portal.models import FormerMembership, Membership, User
from portal.models.people import FORMER_KEPT

_read: ContextVar[dict[int, Policy] | None] = ContextVar("policies", default=None)


@contextmanager
def policy_read_once() -> Iterator[None]:
    """Read each policy once within one transaction that changes many rows."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def policy_of(namespace_pk: int) -> Policy:
    """Return the policy of a namespace as it is now."""
    known = _read.get()
    if known is None:
        return _policy(namespace_pk)
    if namespace_pk not in known:
        known[namespace_pk] = _policy(namespace_pk)
    return known[namespace_pk]


def _policy(namespace_pk: int) -> Policy:
    row = ControlPolicy.objects.filter(namespace=namespace_pk).first()
    return row.rules if row is not None else Policy()


def teams_of_person(user: User) -> frozenset[int]:
    """Return the teams to which a person belongs."""
    return frozenset(Membership.objects.filter(user=user).values_list("team", flat=True))


def standing_now(namespace: Namespace, requester: User, *, policy: Policy, own_teams: Collection[int] = ()) -> Standing:
    """Return the standing of everyone now. `own_teams`: the requester's teams at the request, where that is over.

    Who left a team lately is still on its side, or people would leave just before a request of their team, and approve it.
    """
    former = FormerMembership.objects.filter(left_at__gt=timezone.now() - FORMER_KEPT)
    teams = {*teams_of_person(requester), *own_teams, *former.filter(user=requester).values_list("team", flat=True)}
    side = set(Membership.objects.filter(team__in=teams).values_list("user", flat=True))
    side |= set(former.filter(team__in=teams).values_list("user", flat=True))
    return Standing(_sources(namespace, policy), frozenset({requester.pk, *side}))


def _sources(namespace: Namespace, policy: Policy) -> dict[int, frozenset[str]]:
    """Return the rights to approve of all people. Leads and members of a named team count where they see the namespace."""
    found: dict[int, set[str]] = defaultdict(set)
    for pk in User.objects.filter(is_superuser=True, is_active=True).values_list("pk", flat=True):
        found[pk].add("administrator")
    roles = list(NamespaceRole.objects.filter(namespace=namespace).values_list("pk", "role", "user", "team"))
    members = _members({team for *_, team in roles if team is not None})
    readers: set[int] = set()
    for pk, role, user, team in roles:
        if user is not None:
            readers.add(user)
            if role == Role.OWNER:
                found[user].add(f"owner/{pk}")
        for member, membership in members.get(team, ()):
            readers.add(member)
            if role == Role.OWNER:
                found[member].add(f"owner/{pk}/{membership}")
    wanted = Q(is_lead=True) if policy.by_team is None else Q(is_lead=True) | Q(team=policy.by_team)
    held = Membership.objects.filter(wanted, user__is_active=True)
    for pk, team, user, is_lead, since in held.values_list("pk", "team", "user", "is_lead", "lead_since"):
        if user in readers or "administrator" in found.get(user, ()):
            if is_lead:
                found[user].add(f"lead/{team}/{pk}" + (f"/{since.isoformat()}" if since else ""))
            if team == policy.by_team:
                found[user].add(f"team/{team}/{pk}")
    inactive = set(User.objects.filter(pk__in=found, is_active=False).values_list("pk", flat=True))
    return {user: frozenset(sources) for user, sources in found.items() if user not in inactive}


def _members(teams: Iterable[int]) -> dict[int | None, list[tuple[int, int]]]:
    """Return the active members of each team, with the primary key of their membership."""
    found: dict[int | None, list[tuple[int, int]]] = defaultdict(list)
    rows = Membership.objects.filter(team__in=set(teams), user__is_active=True)
    for team, user, pk in rows.values_list("team", "user", "pk"):
        found[team].append((user, pk))
    return found
