"""Checks of change sets: what was requested, approved, and got round."""

from lab.checks.situation import Situation, check
from namespaces.models import ChangeSet

_DECIDED = (ChangeSet.State.APPROVED, *ChangeSet.UNFINISHED, ChangeSet.State.DONE)


def _of(situation: Situation, name: str) -> "list[ChangeSet]":
    """Return the person's change sets about an object, since the exercise began."""
    rows = ChangeSet.objects.filter(namespace=situation.namespace, requested_by=situation.progress.user)
    return list(rows.filter(changes__name=name, created_at__gte=situation.progress.started_at).distinct())


@check()
def approval_requested(situation: Situation, *, client: str) -> bool:
    """The person has asked others to approve a change of the client."""
    return any(each.requested_at is not None for each in _of(situation, client))


@check()
def approval_given(situation: Situation, *, client: str) -> bool:
    """Another person has approved it."""
    decided = [each for each in _of(situation, client) if each.state in _DECIDED and not each.is_emergency]
    return any(each.decided_by_id not in {None, each.requested_by_id} for each in decided)


@check()
def draft_left(situation: Situation, *, client: str) -> bool:
    """The change is kept as a draft, and nobody was asked."""
    return {each.state for each in _of(situation, client)} == {ChangeSet.State.DRAFT}


@check()
def request_withdrawn(situation: Situation, *, client: str) -> bool:
    """The request was withdrawn, and there is no other."""
    return {each.state for each in _of(situation, client)} == {ChangeSet.State.WITHDRAWN}


@check()
def applied_at_once(situation: Situation, *, client: str) -> bool:
    """The change was applied without approval."""
    return any(each.is_emergency for each in _of(situation, client))
