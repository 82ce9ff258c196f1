"""What is decided about: the changes of a change set, the teams they affect now, and which approvals count."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from namespaces.control.kinds import kind_of
from namespaces.control.rules.approvals import (
    Case,
    Objection,
    Standing,
    objection_to,
    objection_to_approval,
    possible_approvers,
)
from namespaces.control.rules.digests import digest_shown, revision_digest
from namespaces.control.rules.policy import Policy
from namespaces.control.standing import policy_of, standing_now
from namespaces.models import Approval, Change, ChangeSet, Namespace
from portal.models import User


@dataclass(frozen=True)
class CountedApproval:
    """An approval, and why it does not count; None where it counts."""

    approval: Approval
    objection: Objection | None


@dataclass(frozen=True)
class ApprovalState:
    """How far the approval of a change set is, as of now. `elsewhere`: the same for other namespaces that ask for approval too."""

    policy: Policy
    case: Case
    approvals: Sequence[CountedApproval]
    needed: int
    elsewhere: Sequence[tuple[Policy, Case]] = ()

    @property
    def counted(self) -> int:
        return sum(each.objection is None for each in self.approvals)

    @property
    def is_enough(self) -> bool:
        return self.counted >= self.needed

    def is_enough_for(self, needs: Collection[str]) -> bool:
        """Return whether enough approvals count for changes that need approval for these reasons; without one, none is needed."""
        return not needs or self.counted >= _most(self.policy, self.elsewhere)

    @property
    def shown(self) -> str:
        """Return the digest of what a page with this state shows; an approval names it."""
        return digest_shown(self.case.digest, self.case.teams)

    @property
    def approvers(self) -> Sequence[int]:
        """Return the people who may approve it and have not, by primary key."""
        done = {each.approval.user_id for each in self.approvals if each.objection is None}
        found = (pk for pk in possible_approvers(self.policy, self.case) if pk not in done)
        return [pk for pk in found if _objection_elsewhere(pk, self.elsewhere) is None]

    @property
    def is_stuck(self) -> bool:
        """Return whether too few people could approve it."""
        return self.counted + len(self.approvers) < self.needed

    def objection_to(self, user: User) -> Objection | None:
        """Return why this person may not approve it now; None if the person may."""
        return objection_to(user.pk, self.policy, self.case) or _objection_elsewhere(user.pk, self.elsewhere)

    def has_approved(self, user: User) -> bool:
        return any(each.approval.user_id == user.pk and each.objection is None for each in self.approvals)


def _most(policy: Policy, elsewhere: Sequence[tuple[Policy, Case]]) -> int:
    """Return how many people approve it: as many as the strictest of the namespaces asks for."""
    return max(1, policy.approvals, *(other.approvals for other, _ in elsewhere))


def _objection_elsewhere(person: int, elsewhere: Sequence[tuple[Policy, Case]]) -> Objection | None:
    """Return why a person may not approve it in one of the other namespaces that ask too; None where the person may in all."""
    found = (objection_to(person, policy, case) for policy, case in elsewhere)
    return next((each for each in found if each is not None), None)


def places_elsewhere(change_set: ChangeSet) -> list[Namespace]:
    """Return the other namespaces whose policies ask for approval of one of the changes: whoever approves it may do so there too."""
    changes = change_set.changes.select_related("team")
    found = frozenset().union(*(kind_of(each.kind).elsewhere(change_set.namespace, each) for each in changes))
    return list(Namespace.objects.filter(pk__in=found).order_by("pk"))


def affected_teams(change_set: ChangeSet, changes: Iterable[Change] | None = None) -> frozenset[int]:
    """Return the teams that the changes affect now; 0 for what no team owns."""
    rows = change_set.changes.order_by("position") if changes is None else changes
    found: set[int] = set()
    for change in rows:
        found |= kind_of(change.kind).affected(change_set.namespace, change)
    return frozenset(found)


def _who_gains(change_set: ChangeSet) -> frozenset[int]:
    """Return the people who would get a right by one of the changes."""
    return frozenset().union(*(kind_of(each.kind).gains(each) for each in change_set.changes.all()))


def digest_now(change_set: ChangeSet) -> str:
    """Return the digest of the changes of this revision: an approval of an earlier one has another."""
    rows = Change.objects.filter(change_set=change_set)
    return revision_digest(change_set.revision, rows.digest())


def approval_state(change_set: ChangeSet) -> ApprovalState:
    """Return how far the approval is: rights, teams and approvals as the database has them now."""
    policy = policy_of(change_set.namespace_id)
    at_request = change_set.standing_at_request
    now = standing_now(change_set.namespace, change_set.requested_by, policy=policy, own_teams=change_set.own_teams)
    now = Standing(now.sources, now.own_side | _who_gains(change_set))
    case = Case(digest_now(change_set), affected_teams(change_set), at_request, now)
    elsewhere = [_case_in(place, change_set, case) for place in places_elsewhere(change_set)]
    rows = change_set.approvals.select_related("user").order_by("at", "pk")
    given = [CountedApproval(each, _objection(each, policy, case, elsewhere)) for each in rows]
    latest = {each.approval.user_id: each for each in given}  # one of each person
    needed = _most(policy, elsewhere) if change_set.needs else 0
    return ApprovalState(policy, case, tuple(latest.values()), needed, elsewhere)


def _objection(
    approval: Approval, policy: Policy, case: Case, elsewhere: Sequence[tuple[Policy, Case]]
) -> Objection | None:
    return objection_to_approval(approval.given, policy, case) or _objection_elsewhere(approval.user_id, elsewhere)


def _case_in(place: Namespace, change_set: ChangeSet, case: Case) -> tuple[Policy, Case]:
    """Return the policy of another namespace that asks for approval too, and who has which right there."""
    policy = policy_of(place.pk)
    now = standing_now(place, change_set.requested_by, policy=policy)
    before = Standing(change_set.sources_at_request(place.pk), case.at_request.own_side)
    return policy, Case(case.digest, case.teams, before, Standing(now.sources, case.now.own_side))


def waiting_for(user: User, change_sets: Iterable[ChangeSet], at: datetime) -> list[ChangeSet]:
    """Return those of the change sets that this person may approve and has not."""
    found = []
    for each in change_sets:
        if each.state_at(at) == ChangeSet.State.OPEN:
            state = approval_state(each)
            if state.objection_to(user) is None and not state.has_approved(user):
                found.append(each)
    return found
