"""The page of one change set: what it means, how far its approval is, and what this person may do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from namespaces.control.cases import ApprovalState, approval_state
from namespaces.control.kinds import is_deletion
from namespaces.control.rules.approvals import SENTENCES, Case, Objection, Standing, objection_to
from namespaces.control.rules.policy import LABELS, Need
from namespaces.control.standing import policy_of
from namespaces.models import Change, ChangeSet, ChangeSetComment
from namespaces.pages.control.shown_changes import MOST_SHOWN, ShownChange, shown_changes
from namespaces.registry import ChangeSetPart, change_set_parts
from namespaces.rights import Verb
from portal.models import User

State = ChangeSet.State
NAMED = 8
UNDOABLE = {State.SENDING, State.PARKED, State.DONE}
TONES = {
    State.OPEN: "warning", State.STALE: "warning", State.PARKED: "bad", State.DECLINED: "bad", State.DONE: "good",
    State.APPROVED: "info", State.SENDING: "info",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One of the four dots: "done", "now" or "later"."""

    code: str
    title: str
    words: str
    state: str
    at: datetime | None = None


@dataclass(frozen=True)
class GivenApproval:
    """An approval of this revision; `why_not` where it does not count now."""

    user: User
    at: datetime
    why_not: str


@dataclass(frozen=True)
class Progress:
    """How far a change set is."""

    change_set: ChangeSet
    state: State
    steps: Sequence[Step]

    @property
    def is_moving(self) -> bool:
        """Return whether a worker is about to change it: the page then asks for news."""
        return self.state in {State.APPROVED, State.SENDING}

    @property
    def may_undo(self) -> bool:
        return self.state in UNDOABLE


@dataclass(frozen=True)
class ChangeSetPage(Progress):
    """Everything that the page of a change set shows to one person."""

    approval: ApprovalState
    changes: Sequence[ShownChange]
    count: int
    given: Sequence[GivenApproval]
    approvers: Sequence[str]
    comments: Sequence[ChangeSetComment]
    parts: Sequence[ChangeSetPart]
    objection: Objection | None
    is_mine: bool
    has_approved: bool
    may_force: bool
    may_confirm: bool

    @property
    def tone(self) -> str:
        return TONES.get(self.state, "quiet")

    @property
    def is_open(self) -> bool:
        return self.state == State.OPEN

    @property
    def may_decide(self) -> bool:
        return self.is_open and self.objection is None

    @property
    def may_approve(self) -> bool:
        return self.may_decide and not self.has_approved

    @property
    def shown(self) -> str:
        """Return what an approval names; "" while changes are left out: no one approves what the page did not show."""
        return "" if self.more else self.approval.shown

    @property
    def why_not(self) -> str:
        """Return why this person may not approve it, as a sentence; "" where the person may."""
        if self.objection is Objection.NO_RIGHT:
            return "Owners, leads of the teams affected or those whom the policy names approve it."
        if self.objection is Objection.TOO_NEW:
            return "Your right to approve is newer than this request."
        return SENTENCES[self.objection] if self.objection is not None else ""

    @property
    def may_rebase(self) -> bool:
        return self.is_mine and self.state in {State.OPEN, State.STALE}

    @property
    def missing(self) -> int:
        return max(0, self.approval.needed - self.approval.counted)

    @property
    def is_last(self) -> bool:
        """Return whether the approval of this person would be the last one needed."""
        return self.missing == 1

    @property
    def is_stuck(self) -> bool:
        return self.is_open and self.approval.is_stuck

    @property
    def needs_confirmation(self) -> bool:
        return self.change_set.is_emergency and self.change_set.confirmed_at is None and self.state != State.STALE

    @property
    def why(self) -> list[str]:
        known = {need.value for need in Need}
        return [LABELS[Need(code)] for code in self.change_set.needs if code in known]

    @property
    def more(self) -> int:
        return self.count - len(self.changes)

    def parts_at(self, place: str) -> list[ChangeSetPart]:
        return [part for part in self.parts if part.place == place]

    @property
    def consequences(self) -> list[ChangeSetPart]:
        return self.parts_at("consequence")

    @property
    def beside(self) -> list[ChangeSetPart]:
        return self.parts_at("beside")


def change_set_page(user: User, change_set: ChangeSet, *, at: datetime, is_whole: bool = False) -> ChangeSetPage:
    """Return what the page shows: the first changes, or all where `is_whole`. The namespace was read for this person."""
    changes = list(change_set.changes.select_related("team").order_by("position"))
    state, approval = change_set.state_at(at), approval_state(change_set)
    verbs = change_set.namespace.rights.verbs
    is_open = state == State.OPEN
    return ChangeSetPage(
        change_set,
        state,
        _steps(change_set, state, approval.counted, approval.needed, changes),
        approval,
        shown_changes(changes, most=None if is_whole else MOST_SHOWN),
        len(changes),
        _given(approval, is_open=is_open),
        _names(approval.approvers) if is_open else [],
        list(change_set.comments.select_related("user")),
        change_set_parts(user, change_set, changes),
        approval.objection_to(user),
        change_set.requested_by_id == user.pk,
        approval.has_approved(user),
        is_open and approval.policy.emergency and Verb.OWN in verbs,
        _may_confirm(change_set, approval, user),
    )


def _given(approval: ApprovalState, *, is_open: bool) -> list[GivenApproval]:
    return [
        GivenApproval(
            each.approval.user,
            each.approval.at,
            SENTENCES[each.objection] if is_open and each.objection is not None else "",
        )
        for each in approval.approvals
    ]


def _names(pks: Sequence[int]) -> list[str]:
    people = User.objects.in_bulk(list(pks[: NAMED + 1]))
    return [people[pk].display_name for pk in pks[: NAMED + 1] if pk in people]


def _may_confirm(change_set: ChangeSet, approval: ApprovalState, user: User) -> bool:
    """Return whether this person may confirm what was applied at once: another one, who could have approved it."""
    if not change_set.is_emergency or change_set.confirmed_at is not None:
        return False
    own_side = change_set.standing_at_request.own_side | approval.case.now.own_side
    now = Standing(approval.case.now.sources, own_side)
    case = Case(approval.case.digest, approval.case.teams, now, now)
    return objection_to(user.pk, approval.policy, case) is None


def progress_of(change_set: ChangeSet, *, at: datetime) -> Progress:
    """Return how far a change set is, without reading what its changes are: pages ask every few seconds."""
    rows = list(change_set.changes.order_by("position").only("operation", "confirmed_at", "held", "change_set"))
    needed = max(1, policy_of(change_set.namespace_id).approvals) if change_set.needs else 0
    state = change_set.state_at(at)
    given = change_set.approvals.filter(revision=change_set.revision).count()
    return Progress(change_set, state, _steps(change_set, state, given, needed, rows))


def _steps(change_set: ChangeSet, state: State, given: int, needed: int, changes: Sequence[Change]) -> list[Step]:
    """Return the four dots: approved, written, confirmed by Azure, and the deletions that come last."""
    confirmed = sum(each.confirmed_at is not None for each in changes)
    written, is_done = change_set.applied_at is not None, state == State.DONE
    is_decided = state in {State.APPROVED, State.SENDING, State.PARKED, State.DONE}
    deletions = sum(is_deletion(each) for each in changes)
    last = (
        ("Deleted last", "once Azure has confirmed the rest")
        if deletions
        else ("Applied", "undo with Build the inverse")
    )
    progress = f"{confirmed} of {len(changes)} confirmed" if written else "new and changed first, deletions last"
    approved = "applied at once" if change_set.is_emergency else f"{given} of {needed} so far"
    if is_decided and not change_set.is_emergency:
        approved = "enough approvals"
    return [
        Step(
            "approved",
            "Approved",
            approved,
            "done" if is_decided else "now",
            change_set.decided_at if is_decided else None,
        ),
        Step(
            "written",
            "Written",
            _written(change_set, state, changes),
            _place(written, is_decided),
            change_set.applied_at,
        ),
        Step("sent", "Confirmed by Azure", progress, _place(is_done, written)),
        Step("ended", *last, "done" if is_done else "later", change_set.ended_at),
    ]


def _written(change_set: ChangeSet, state: State, changes: Sequence[Change]) -> str:
    """Return how far the writing of a large set is: none of it is sent before all of it is written."""
    held = sum(each.held for each in changes)
    if state != State.APPROVED or not held:
        return "all or nothing"
    done = f"{held:,} of {len(changes):,}"
    return f"{done} left to take back" if change_set.problem_code else f"{done}, nothing sent yet"


def _place(is_done: bool, is_reached: bool) -> str:
    return "done" if is_done else "now" if is_reached else "later"
