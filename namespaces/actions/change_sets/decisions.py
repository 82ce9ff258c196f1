"""Approve, decline and comment a change set, and confirm one that was applied at once. Each is one durable transaction."""

from django.db import transaction
from django.utils import timezone

from namespaces.actions.change_sets.records import check_open, check_reader, locked, note, tell
from namespaces.actions.change_sets.requests import LONGEST_REASON, TASK
from namespaces.control.cases import approval_state
from namespaces.control.rules.approvals import SENTENCES
from namespaces.models import Approval, ChangeSet, ChangeSetComment
from namespaces.rules.errors import RuleError
from portal.models import User
from sync.workers.wakeups import send_on_commit

State = ChangeSet.State


def approve(actor: User, *, change_set: ChangeSet, shown: str) -> ChangeSet:
    """Approve what the actor was shown. The last approval that is needed lets a worker apply it.

    `shown`: `ApprovalState.shown` of the page. Raise RuleError "changed-meanwhile" where it would show something else by now, or
    why this person may not approve it.
    """
    with transaction.atomic(durable=True):
        row = locked(change_set)
        check_open(row)
        person = active(actor)
        check_reader(person, row)
        state = approval_state(row)
        objection = state.objection_to(person)
        if objection is not None:
            raise RuleError("", objection.value, SENTENCES[objection])
        if shown != state.shown:
            sentence = "It was edited, reaches other teams by now, or not all of it was shown. Look at it again, then approve it."
            raise RuleError("", "changed-meanwhile", sentence)
        if state.has_approved(person):
            return row
        rights = sorted(set(state.case.now.sources[person.pk]) & set(state.case.at_request.sources[person.pk]))
        Approval.objects.update_or_create(
            change_set=row,
            user=person,
            revision=row.revision,
            defaults={
                "digest": state.case.digest,
                "teams": sorted(state.case.teams),
                "rights": rights,
                "at": timezone.now(),
            },
        )
        after = approval_state(row)
        note(person, row, "Approve change set", approvals=after.counted, needed=after.needed)
        if after.is_enough:
            row.state, row.decided_at, row.decided_by = State.APPROVED, timezone.now(), person
            row.save()
            tell(
                "change_set_approved",
                row,
                [row.requested_by],
                subject=f"“{row.title}” is approved",
                sentence=f"{person.display_name} gave the last approval. The changes are sent to Azure.",
            )
            send_on_commit(TASK, row.pk)
    return row


def decline(actor: User, *, change_set: ChangeSet, reason: str) -> ChangeSet:
    """Decline a request, with a reason for its requester. Raise RuleError."""
    text = checked(reason, "reason", "Say why you decline it.")
    with transaction.atomic(durable=True):
        row = locked(change_set)
        check_open(row)
        person = active(actor)
        check_reader(person, row)
        objection = approval_state(row).objection_to(person)
        if objection is not None:
            raise RuleError("", objection.value, SENTENCES[objection])
        row.state, row.decided_at, row.decided_by = State.DECLINED, timezone.now(), person
        row.problem_code, row.problem = "declined", text
        row.save()
        note(person, row, "Decline change set", reason=text)
        tell(
            "change_set_declined",
            row,
            [row.requested_by],
            subject=f"{person.display_name} declined “{row.title}”",
            sentence=text,
        )
    return row


def comment(actor: User, *, change_set: ChangeSet, text: str) -> ChangeSetComment:
    """Say something about a request. The requester hears of it. Raise RuleError."""
    text = checked(text, "text", "Write a comment.")
    with transaction.atomic(durable=True):
        row = locked(change_set)
        person = active(actor)
        check_reader(person, row)
        if row.state == State.DRAFT:
            raise RuleError("", "not-open", "This change set has not been requested yet.")
        made = ChangeSetComment.objects.create(change_set=row, user=person, at=timezone.now(), text=text)
        note(person, row, "Comment on change set")
        others = {row.requested_by_id: row.requested_by}
        others |= {each.user_id: each.user for each in row.comments.select_related("user")}
        others.pop(person.pk, None)
        tell(
            "change_set_comment",
            row,
            others.values(),
            subject=f"{person.display_name} commented on “{row.title}”",
            sentence=text,
        )
    return made


def checked(text: str, field: str, missing: str) -> str:
    text = text.strip()
    if not text:
        raise RuleError(field, "required", missing)
    if len(text) > LONGEST_REASON:
        raise RuleError(field, "too-long", f"It has at most {LONGEST_REASON:,} characters.")
    return text


def active(actor: User) -> User:
    """Return the actor as the database has them now. Raise RuleError where the account is disabled."""
    current = User.objects.filter(pk=actor.pk, is_active=True).first()
    if current is None:
        raise RuleError("", "disabled", "Your account has been disabled.")
    return current
