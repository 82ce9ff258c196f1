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
from namespaces.models import Approval, Change, ChangeSet
from portal.models import User


@dataclass(frozen=True)
class CountedApproval:
    """An approval, and why it does not count; None where it counts."""

    approval: Approval
    objection: Objection | None


@dataclass(frozen=True)
class ApprovalState:
    """How far the approval of a change set is, as of now."""

    policy: Policy
    case: Case
    approvals: Sequence[CountedApproval]
    needed: int

    @property
    def counted(self) -> int:
        return sum(each.objection is None for each in self.approvals)

    @property
    def is_enough(self) -> bool:
        return self.counted >= self.needed

    def is_enough_for(self, needs: Collection[str]) -> bool:
        """Return whether enough approvals count for changes that need approval for these reasons; without one, none is needed."""
        return not needs or self.counted >= max(1, self.policy.approvals)

    @property
    def shown(self) -> str:
        """Return the digest of what a page with this state shows; an approval names it."""
        return digest_shown(self.case.digest, self.case.teams)

    @property
    def approvers(self) -> Sequence[int]:
        """Return the people who may approve it and have not, by primary key."""
        done = {each.approval.user_id for each in self.approvals if each.objection is None}
        return [pk for pk in possible_approvers(self.policy, self.case) if pk not in done]

    @property
    def is_stuck(self) -> bool:
        """Return whether too few people could approve it."""
        return self.counted + len(self.approvers) < self.needed

    def objection_to(self, user: User) -> Objection | None:
        """Return why this person may not approve it now; None if the person may."""
        return objection_to(user.pk, self.policy, self.case)

    def has_approved(self, user: User) -> bool:
        return any(each.approval.user_id == user.pk and each.objection is None for each in self.approvals)


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
    rows = change_set.approvals.select_related("user").order_by("at", "pk")
    given = [CountedApproval(each, objection_to_approval(each.given, policy, case)) for each in rows]
    latest = {each.approval.user_id: each for each in given}  # one of each person
    needed = max(1, policy.approvals) if change_set.needs else 0
    return ApprovalState(policy, case, tuple(latest.values()), needed)


def waiting_for(user: User, change_sets: Iterable[ChangeSet], at: datetime) -> list[ChangeSet]:
    """Return those of the change sets that this person may approve and has not."""
    found = []
    for each in change_sets:
        if each.state_at(at) == ChangeSet.State.OPEN:
            state = approval_state(each)
            if state.objection_to(user) is None and not state.has_approved(user):
                found.append(each)
    return found
