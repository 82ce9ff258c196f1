"""Keep changes that need approval as a draft, request the approval, edit, rebase and withdraw the request."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from namespaces.actions.change_sets.records import check_requester, locked, note, people, tell
from namespaces.actions.change_sets.writing import AT_ONCE, NoLongerApplies, Tried, needs_of, try_in_pieces
from namespaces.actions.teams import check_verb
from namespaces.control.cases import affected_teams, approval_state, places_elsewhere
from namespaces.control.gate import NeedsApproval
from namespaces.control.kinds import Draft, kind_of
from namespaces.control.rules.approvals import Standing
from namespaces.control.rules.digests import digest_of_changes
from namespaces.control.standing import policy_of, standing_now, teams_of_person
from namespaces.models import Change, ChangeSet, Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from portal.models import User
from sync.push.bulk_sql import update_each
from sync.workers.wakeups import send_on_commit

OPEN_FOR = timedelta(days=14)
DRAFT_FOR = timedelta(days=1)
MOST_CHANGES = 1000
TRIED_AT_ONCE = 25  # open requests that a worker tries each minute
LARGE = 100  # changes of a request that is tried once an hour
MOST_OPEN = 50  # of one person in one namespace
MOST_DRAFTS = 200  # of one person in one namespace; the oldest goes for a new one
LONGEST_TITLE, LONGEST_REASON = 120, 1000
TASK = "namespaces.tasks.apply_change_set"
State = ChangeSet.State


def keep_draft(actor: User, held: NeedsApproval) -> ChangeSet:
    """Keep the changes that were held back, for the actor, until they are requested. Raise RuleError."""
    namespace = Namespace.objects.get(pk=held.namespace_pk)
    return draft_of(actor, namespace=namespace, drafts=held.drafts, needs=[need.value for need in held.needs])


def draft_of(
    actor: User,
    *,
    namespace: Namespace,
    drafts: Sequence[Draft],
    needs: Iterable[str],
    title: str = "",
    inverse_of: ChangeSet | None = None,
) -> ChangeSet:
    """Make a change set that waits for its title and reason. Nothing is asked of anyone yet. Raise RuleError."""
    _check_number(len(drafts))
    if not drafts:
        raise RuleError("", "nothing", "There is nothing to request.")
    now = timezone.now()
    with transaction.atomic(durable=True):
        check_verb(actor, namespace, Verb.READ)
        mine = ChangeSet.objects.filter(namespace=namespace, requested_by=actor, state=State.DRAFT).order_by("-pk")
        ChangeSet.objects.filter(pk__in=list(mine.values_list("pk", flat=True)[MOST_DRAFTS - 1 :])).delete()
        change_set = ChangeSet.objects.create(
            namespace=namespace,
            requested_by=actor,
            title=title or _title_of(drafts),
            needs=sorted(needs),
            created_at=now,
            expires_at=now + DRAFT_FOR,
            inverse_of=inverse_of,
        )
        Change.objects.bulk_create([change_of(change_set, at, draft) for at, draft in enumerate(drafts, 1)])
    return change_set


def change_of(change_set: ChangeSet, position: int, draft: Draft) -> Change:
    """Return the row, not saved, of one change of a change set."""
    return Change(
        change_set=change_set,
        position=position,
        kind=draft.kind,
        operation=draft.operation,
        name=draft.name,
        edition=draft.edition,
        team=draft.team,
        before=draft.before,
        values=draft.values,
    )


def _title_of(drafts: Sequence[Draft]) -> str:
    first = drafts[0]
    more = f" and {len(drafts) - 1} more" if len(drafts) > 1 else ""
    return f"{first.operation.capitalize()} {kind_of(first.kind).label} {first.name}"[: LONGEST_TITLE - 20] + more


def request_approval(actor: User, *, change_set: ChangeSet, title: str, reason: str) -> ChangeSet:
    """Ask people to approve a draft. Where the policy asks for nobody any more, it is applied. Raise RuleError."""
    tried = _tried(actor, change_set, list(change_set.changes.order_by("position")))
    with transaction.atomic(durable=True):
        row = locked(change_set)
        check_requester(actor, row)
        if row.state != State.DRAFT:
            raise RuleError("", "requested", "This was requested already.")
        mine = ChangeSet.objects.filter(namespace=row.namespace_id, requested_by=actor, state=State.OPEN)
        if mine.count() >= MOST_OPEN:
            raise RuleError("", "too-many", f"You have {MOST_OPEN} open requests here. Withdraw one of them first.")
        _set_texts(row, title, reason)
        _ask(row, timezone.now(), tried)
        note(actor, row, "Request approval", reason=row.reason, changes=row.changes.count())
    return row


def add_to(actor: User, *, draft: ChangeSet, change_set: ChangeSet) -> ChangeSet:
    """Add the changes of a draft to another request of the same person, whose approvals are void then. Raise RuleError."""
    both = [*change_set.changes.order_by("position"), *draft.changes.order_by("position")]
    tried = _tried(actor, change_set, both) if change_set.state != State.DRAFT else None
    with transaction.atomic(durable=True):
        first, second = sorted([draft, change_set], key=lambda each: each.pk)
        rows = {each.pk: locked(each) for each in (first, second)}
        source, target = rows[draft.pk], rows[change_set.pk]
        if source.pk == target.pk or source.namespace_id != target.namespace_id:
            raise RuleError("", "other-namespace", "Both change sets must be of the same namespace.")
        for each in (source, target):
            check_requester(actor, each)
        if source.state != State.DRAFT:
            raise RuleError("", "requested", "This was requested already.")
        _check_editable(target)
        _check_number(target.changes.count() + source.changes.count())
        last = target.changes.order_by("position").values_list("position", flat=True).last() or 0
        moved = enumerate(source.changes.order_by("position").values_list("pk", flat=True), last + 1)
        update_each(Change, [{"pk": pk, "change_set": target.pk, "position": at} for at, pk in moved])
        target.needs = sorted({*target.needs, *source.needs})
        source.delete()
        _revise(target, actor, "Add to change set", tried)
    return target


def remove_change(actor: User, *, change_set: ChangeSet, position: int) -> ChangeSet:
    """Take one change out of a request, whose approvals are void then. Raise RuleError."""
    tried = _tried(actor, change_set, list(change_set.changes.exclude(position=position).order_by("position")))
    with transaction.atomic(durable=True):
        row = _editable(actor, change_set)
        if row.changes.count() == 1:
            raise RuleError("", "last", "It would have no change left. Withdraw it instead.")
        row.changes.filter(position=position).delete()
        _revise(row, actor, "Remove from change set", tried)
    return row


def edit_texts(actor: User, *, change_set: ChangeSet, title: str, reason: str) -> ChangeSet:
    """Change title and reason. Approvals are void then: people approved what they read. Raise RuleError."""
    tried = _tried(actor, change_set, list(change_set.changes.order_by("position")))
    with transaction.atomic(durable=True):
        row = _editable(actor, change_set)
        _set_texts(row, title, reason)
        _revise(row, actor, "Edit change set", tried)
    return row


def rebase(actor: User, *, change_set: ChangeSet) -> ChangeSet:
    """Base the changes on what is there now, and ask again. Raise RuleError where they do not apply then either."""
    found = ChangeSet.objects.select_related("namespace").get(pk=change_set.pk)
    check_requester(actor, found)
    changes = list(found.changes.order_by("position"))
    digest = digest_of_changes([each.content for each in changes])
    for change in changes:
        kind_of(change.kind).renew(found.namespace, change)
    tried = _tried(actor, found, changes)
    with transaction.atomic(durable=True):
        row = _editable(actor, change_set)
        if row.changes.all().digest() != digest:
            raise RuleError("", "changed-meanwhile", "The request was edited in another window. Nothing was changed.")
        update_each(
            Change,
            [
                {
                    "pk": each.pk,
                    "before": each.before,
                    "values": each.values,
                    "edition": each.edition,
                    "team": each.team_id,
                }
                for each in changes
            ],
        )
        _revise(row, actor, "Rebase change set", tried)
    return row


def withdraw(actor: User, *, change_set: ChangeSet) -> ChangeSet:
    """Withdraw a request, forget a draft, or give up what Azure stopped: what was written stays, the rest is not. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = locked(change_set)
        check_requester(actor, row)
        if row.state != State.PARKED:
            _check_editable(row)
        if row.state == State.DRAFT:
            row.delete()
            return row
        row.state, row.decided_at, row.decided_by = State.WITHDRAWN, timezone.now(), actor
        row.save()
        note(actor, row, "Withdraw change set")
    return row


def close_over(at: datetime) -> int:
    """Close requests that have expired, and delete drafts that were never requested. Return their number. A worker calls it."""
    drafts, _ = ChangeSet.objects.filter(state=State.DRAFT, expires_at__lte=at).delete()
    closed = 0
    for pk in (
        ChangeSet.objects.filter(state=State.OPEN, expires_at__lte=at).order_by("pk").values_list("pk", flat=True)
    ):
        with transaction.atomic(durable=True):
            row = locked(ChangeSet(pk=pk))
            if row.state != State.OPEN:
                continue
            row.state, row.decided_at = State.EXPIRED, at
            row.save()
            note(None, row, "Close change set")
            tell(
                "change_set_declined",
                row,
                [row.requested_by],
                subject=f"“{row.title}” has expired",
                sentence=f"Too few people approved it within {OPEN_FOR.days} days. Nothing was changed. Request it again.",
            )
            closed += 1
    return closed + drafts


def note_those_that_no_longer_apply(at: datetime) -> int:
    """Try open requests, and mark those that can no longer be applied, with the reason. Return their number.

    Where there are many, each minute tries the next of them: to try one writes for a moment. A large one, whose changes would
    keep others from writing for seconds, is tried once an hour.
    """
    found, minute = 0, int(at.timestamp() // 60)
    waiting = ChangeSet.objects.waiting(at).annotate(size=Count("changes")).order_by("pk").values_list("pk", "size")
    sizes = dict(waiting)
    pks = [pk for pk, size in sizes.items() if size <= LARGE]
    first = minute * TRIED_AT_ONCE % len(pks) if len(pks) > TRIED_AT_ONCE else 0
    due = [pk for pk, size in sizes.items() if size > LARGE and (pk + minute) % 60 == 0]
    for pk in [*due, *([*pks[first:], *pks[:first]][:TRIED_AT_ONCE])]:
        found += _tried_again(pk, at)
    return found


def _tried_again(pk: int, at: datetime) -> bool:
    """Try an open request, and mark it where it can no longer be applied. Return whether that is so."""
    found = ChangeSet.objects.select_related("namespace", "requested_by").filter(pk=pk).first()
    if found is None:
        return False
    changes = list(found.changes.order_by("position"))
    refusal = tried = None
    try:
        tried = try_in_pieces(found, changes, at)
    except NoLongerApplies as problem:
        refusal = problem
    with transaction.atomic(durable=True):
        row = locked(found)
        if row.state != State.OPEN or row.revision != found.revision:
            return False
        try:
            if refusal is not None:
                raise refusal
            needs_of(row, changes, at, tried)
        except NoLongerApplies as problem:
            mark_stale(row, problem.code, problem.sentence)
            return True
    return False


def mark_stale(change_set: ChangeSet, code: str, sentence: str) -> None:
    """Note that a request no longer applies, and why. Its requester rebases or withdraws it."""
    change_set.state = State.STALE
    change_set.problem_code, change_set.problem = code, sentence
    change_set.save()
    note(None, change_set, "Change set no longer applies")
    tell(
        "change_set_declined",
        change_set,
        [change_set.requested_by],
        subject=f"“{change_set.title}” no longer applies",
        sentence=f"{sentence} Rebase it on what is there now, or withdraw it.",
    )


def _editable(actor: User, change_set: ChangeSet) -> ChangeSet:
    row = locked(change_set)
    check_requester(actor, row)
    _check_editable(row)
    return row


def _check_editable(row: ChangeSet) -> None:
    if row.state_at(timezone.now()) not in ChangeSet.EDITABLE:
        raise RuleError("", "not-open", f"This change set can no longer be edited: {State(row.state).label.lower()}.")


def _check_number(count: int) -> None:
    if count > MOST_CHANGES:
        raise RuleError("", "too-many-changes", f"A change set holds at most {MOST_CHANGES:,} changes. Choose fewer.")


def _set_texts(row: ChangeSet, title: str, reason: str) -> None:
    title, reason = " ".join(title.split()), reason.strip()
    if not title:
        raise RuleError("title", "required", "Give the change set a title.")
    if not reason:
        raise RuleError("reason", "required", "Say why this change is needed. The people who approve it read it.")
    if len(title) > LONGEST_TITLE:
        raise RuleError("title", "too-long", f"A title has at most {LONGEST_TITLE} characters.")
    if len(reason) > LONGEST_REASON:
        raise RuleError("reason", "too-long", f"A reason has at most {LONGEST_REASON:,} characters.")
    row.title, row.reason = title, reason


def _tried(actor: User, change_set: ChangeSet, changes: Sequence[Change]) -> Tried | None:
    """Try the changes of a large request before the transaction that saves it. Raise RuleError."""
    if len(changes) <= AT_ONCE:
        return None
    found = ChangeSet.objects.select_related("namespace", "requested_by").filter(pk=change_set.pk).first()
    if found is None or found.requested_by_id != actor.pk:
        return None  # refused below, with the reason
    return try_in_pieces(found, changes, timezone.now())


def _revise(row: ChangeSet, actor: User, verb: str, tried: Tried | None = None) -> None:
    """Make another revision, which no one has approved yet, and ask again where it was asked before."""
    row.revision += 1
    if row.state == State.DRAFT:
        row.save()
        return
    _ask(row, timezone.now(), tried)
    note(actor, row, verb, changes=row.changes.count())


def _ask(row: ChangeSet, now: datetime, tried: Tried | None) -> None:
    """Request this revision: check that it applies, note who might approve it, and ask those."""
    changes = list(row.changes.order_by("position"))
    row.needs = sorted(needs_of(row, changes, now, tried))
    policy = policy_of(row.namespace_id)
    standing = standing_now(row.namespace, row.requested_by, policy=policy)
    others = {each.pk: each for each in places_elsewhere(row)}
    row.standing = {
        "sources": _kept(standing),
        "elsewhere": {
            str(pk): _kept(standing_now(each, row.requested_by, policy=policy_of(pk))) for pk, each in others.items()
        },
        "own_side": sorted(standing.own_side),
        "own_teams": sorted(teams_of_person(row.requested_by)),
    }
    row.digest, row.teams = Change.objects.filter(change_set=row).digest(), sorted(affected_teams(row, changes))
    row.requested_at, row.expires_at = now, now + OPEN_FOR
    row.problem = row.problem_code = ""
    row.emergency_at = row.emergency_by = None  # of an earlier revision, which could not be written
    row.emergency_reason = ""
    row.state = State.OPEN if row.needs else State.APPROVED
    if not row.needs:
        row.decided_at = now
        send_on_commit(TASK, row.pk)
    row.save()
    if row.needs:
        ask_people(row)


def _kept(standing: Standing) -> dict[str, list[str]]:
    return {str(pk): sorted(sources) for pk, sources in standing.sources.items()}


def ask_people(row: ChangeSet) -> None:
    state = approval_state(row)
    tell(
        "change_set_requested",
        row,
        people(state.approvers),
        subject=f"{row.requested_by.display_name} asks for approval: {row.title}",
        sentence=f"{row.reason} Nothing is sent to Azure before {_people(state.needed)} approved it.",
    )


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"
