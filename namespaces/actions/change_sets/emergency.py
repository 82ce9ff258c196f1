"""Apply a change set at once, without approval: an Owner's way out, which everyone concerned hears of first."""

from django.db import transaction
from django.utils import timezone

from namespaces.actions.change_sets.applying import owners_of
from namespaces.actions.change_sets.decisions import active, checked
from namespaces.actions.change_sets.records import check_requester, locked, note, people, tell
from namespaces.actions.change_sets.requests import TASK
from namespaces.actions.change_sets.writing import needs_of, try_in_pieces
from namespaces.actions.teams import check_verb
from namespaces.control.cases import affected_teams, approval_state, places_elsewhere
from namespaces.control.rules.approvals import SENTENCES, Case, Standing, objection_to
from namespaces.control.standing import policy_of, standing_now, teams_of_person
from namespaces.models import Change, ChangeSet
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from portal.models import Membership, User
from sync.workers.wakeups import send_on_commit

State = ChangeSet.State


def apply_at_once(actor: User, *, change_set: ChangeSet, reason: str, is_proven: bool, shown: str = "") -> ChangeSet:
    """Apply a draft of one's own, or any open request, without approval. Raise RuleError.

    The notices are saved in this transaction, and a worker writes the rows only after it: everyone concerned hears of it before
    anything is sent. `is_proven`: the actor entered the password or a code of the second step again for this.
    `shown`: `ApprovalState.shown` of the page of an open request; its requester may edit it while the actor reads.
    """
    text = checked(reason, "emergency_reason", "Say why this cannot wait. Everyone concerned reads it.")
    if not is_proven:
        raise RuleError("", "not-proven", "Enter your password or a code again.")
    found = ChangeSet.objects.select_related("namespace", "requested_by").get(pk=change_set.pk)
    check_verb(actor, found.namespace, Verb.OWN)
    tried = try_in_pieces(found, list(found.changes.order_by("position")), timezone.now())
    with transaction.atomic(durable=True):
        row = locked(change_set)
        person = active(actor)
        places = [row.namespace, *places_elsewhere(row)]
        for place in places:
            check_verb(person, place, Verb.OWN)
        if not all(policy_of(place.pk).emergency for place in places):
            raise RuleError("", "emergency-off", "This namespace does not allow changes without approval.")
        if row.state == State.DRAFT:
            check_requester(person, row)
        elif row.state_at(timezone.now()) != State.OPEN:
            raise RuleError("", "not-open", "This change set does not wait for a decision any more.")
        elif shown != approval_state(row).shown:
            sentence = "It was edited, or reaches other teams by now. Look at it again before you apply it."
            raise RuleError("", "changed-meanwhile", sentence)
        now = timezone.now()
        changes = list(row.changes.order_by("position"))
        row.needs = sorted(needs_of(row, changes, now, tried))
        teams = affected_teams(row, changes)
        row.state, row.decided_at, row.decided_by = State.APPROVED, now, person
        row.emergency_at, row.emergency_by, row.emergency_reason = now, person, text
        row.requested_at, row.teams = row.requested_at or now, sorted(teams)
        row.digest = Change.objects.filter(change_set=row).digest()
        own_teams = row.own_teams | teams_of_person(row.requested_by) | teams_of_person(person)
        row.standing = {"own_side": sorted(_own_side(row, person)), "own_teams": sorted(own_teams)}
        row.save()
        note(person, row, "Apply at once", reason=text, changes=len(changes))
        leads = Membership.objects.filter(team__in=teams, is_lead=True).values_list("user", flat=True)
        tell(
            "change_set_emergency",
            row,
            people({*leads, *(owner.pk for owner in owners_of(row)), row.requested_by_id}),
            subject=f"{person.display_name} applies “{row.title}” at once, without approval",
            sentence=f"{text} Check it, then confirm it, or build the inverse.",
        )
        send_on_commit(TASK, row.pk)
    return row


def _own_side(row: ChangeSet, person: User | None) -> frozenset[int]:
    """Return who is on the side of the requester or of the person who applied it at once, at the request or now."""
    side = row.standing_at_request.own_side
    for each in (row.requested_by, person):
        if each is not None:
            side |= standing_now(row.namespace, each, policy=policy_of(row.namespace_id)).own_side
    return side


def confirm(actor: User, *, change_set: ChangeSet) -> ChangeSet:
    """Confirm, as another person, that a change set which was applied at once was right. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = locked(change_set)
        person = active(actor)
        if not row.is_emergency or row.confirmed_at is not None:
            raise RuleError("", "confirmed", "There is nothing to confirm: it was confirmed already.")
        state = approval_state(row)
        own_side = _own_side(row, row.emergency_by) | state.case.now.own_side
        now = Standing(state.case.now.sources, own_side)
        objection = objection_to(person.pk, state.policy, Case(state.case.digest, state.case.teams, now, now))
        if objection is not None:
            raise RuleError("", objection.value, SENTENCES[objection])
        row.confirmed_at, row.confirmed_by = timezone.now(), person
        row.save()
        note(person, row, "Confirm change set")
    return row
