"""Resolve drift and rejected changes: keep ours, take Azure's, adopt, ignore, discard."""

import copy
import json
from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from portal import activity
from portal.models import Activity, User
from sync import control, registry
from sync.actions import commit_change
from sync.arm.gateway import ArmGateway, AzureNotFound, arm_gateway
from sync.arm.protocols import Reader
from sync.control import Intention, Operation, one_transaction
from sync.models import Finding, SyncedModel, same_name
from sync.push.comparison import field_differences
from sync.throttling.budgeted_reader import LONGEST_WAIT_OF_USER, BudgetedReader

Resource = Mapping[str, Any]


class CannotResolve(ValueError):  # noqa: N818 - reads as a sentence
    """This decision is not possible, or no longer. `code` is for machines, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FieldsBelongTogether(CannotResolve):
    """The chosen fields alone would break a rule that neither side breaks. Taking `fields` as well would not."""

    def __init__(
        self, problem: str, model: type[SyncedModel], chosen: Collection[str], fields: Collection[str]
    ) -> None:
        self.fields = tuple(fields)
        both = " and ".join(map(model.label_of, (*chosen, *fields)))
        cure = f"{both} belong together: take them together." if fields else "Take all of Azure's, or keep ours."
        super().__init__("fields-belong-together", f"{problem} {cure}")


def discard_change(
    actor: User, *, row: SyncedModel, gateway: ArmGateway | None = None, listed: Mapping[str, Resource] | None = None
) -> None:
    """Discard the pending change and take what Azure holds now. A row that Azure does not have is deleted.

    `listed`: its collection by lower-case name, read after the row was; else the resource is read now.

    Raises CannotResolve when nothing waits, it is being sent, or it was sent or changed while Azure was read;
    AzureRefused and AzureUnreachable when Azure does not show it.
    """
    before = _progress(row)
    reader = BudgetedReader(gateway or arm_gateway(), longest_wait=LONGEST_WAIT_OF_USER, tries=1)
    resource = listed.get(str(row).lower()) if listed is not None else _read(row, reader)
    with transaction.atomic(durable=True):
        current = _locked(type(row), row.pk)
        _check_team(actor, current.scope_pk(), type(current), current.team_id, str(current))
        if current.is_settled:
            raise CannotResolve("nothing-waits", "There is no change to discard: Azure already has this state.")
        if _progress(current) != before:
            raise CannotResolve("changed-meanwhile", "It has changed in the meantime. Check it again.")
        _take(actor, current, resource, verb="Discard change")
        _close(actor, current.kind, current.scope_pk(), str(current), "Discarded ours")


def _read(row: SyncedModel, reader: Reader) -> Resource | None:
    try:
        return row.read(reader)
    except AzureNotFound:
        if row.is_patched:
            raise
        return None


def keep_ours(actor: User, *, finding: Finding, bulk: bool = False) -> None:
    """Push ours over what was found in Azure; what was deleted there is recreated. Raise CannotResolve."""
    with transaction.atomic(durable=True):
        check_rights(actor, finding)
        row = _row_of(finding)
        before = {"azure": _described(row, finding.resource)}
        _accept_as_base(row, finding.resource)
        commit_change(
            actor,
            row=row,
            verb="Keep ours",
            before=before,
            after=row.describe() if row.deleted_at is None else None,
            scope_name=row.scope_name(),
            bulk=bulk,
            edits=False,
        )
        _resolve(actor, finding, "Kept ours")


def take_azures(actor: User, *, finding: Finding, fields: Collection[str] | None = None) -> None:
    """Take what was found in Azure: all of it, or some fields, by the keys of `describe`, and ours for the others.

    What was deleted there is removed from the portal. Raise CannotResolve, HeldBack.
    """
    with one_transaction():
        if finding.drift == Finding.Class.APPEARED:
            raise CannotResolve("not-in-portal", "The portal does not have it yet. Adopt it, or ignore it.")
        check_rights(actor, finding)
        row = _row_of(finding)
        _check_compared(row, finding)
        every = [found["field"] for found in finding.fields]
        if fields is None or finding.resource is None or set(fields) >= set(every):
            _take(actor, row, finding.resource, verb="Take Azure's", finding=finding)
            _resolve(actor, finding, "Took Azure's")
            return
        chosen = [name for name in fields if name in every]
        others = [name for name in every if name not in chosen]
        _take_fields(actor, row, finding, chosen, others)
        took = f"Took Azure's {finding.labels(chosen)}, kept ours of {finding.labels(others)}"
        _resolve(actor, finding, took if chosen else "Kept ours")


def adopt(actor: User, *, finding: Finding) -> SyncedModel:
    """Add a resource that appeared in Azure to the portal, and return its row. Raise CannotResolve, HeldBack."""
    with one_transaction():
        check_rights(actor, finding)
        _check_open(finding)
        if finding.drift != Finding.Class.APPEARED or finding.resource is None:
            raise CannotResolve("in-portal", "The portal already has it.")
        model = registry.model_for(finding.kind)
        row = model(**{model.scope_field: finding.scope}, created_by=actor)
        row.synced_generation = row.generation
        _check_may_take(row, finding.resource)
        _fill(row, finding.resource)
        control.check(Intention(actor, row, Operation.ADOPT, None, finding))
        _save(row)
        _record(actor, row, verb="Adopt from Azure", before=None, after=row.describe())
        finding.object_pk = row.pk
        _resolve(actor, finding, "Adopted")
    return row


def ignore(actor: User, *, finding: Finding) -> None:
    """Leave both sides as they are. The finding reopens if either side changes again. Raise CannotResolve."""
    with transaction.atomic(durable=True):
        check_rights(actor, finding)
        _check_open(finding)
        finding.state = Finding.State.IGNORED
        finding.resolution, finding.resolved_by, finding.resolved_at = "Ignored", actor, timezone.now()
        finding.save()
        activity.record(
            actor,
            verb="Ignore difference",
            kind=finding.kind,
            object_pk=finding.object_pk,
            object_name=finding.name,
            scope=finding.scope,
            scope_name=_scope_name(finding),
        )


def owner_of(finding: Finding) -> tuple[type[SyncedModel], int | None]:
    """Return the model of a finding, and the team that owns the row; None for no team, or no row."""
    model = registry.model_for(finding.kind)
    rows: Any = model._default_manager
    return model, rows.filter(pk=finding.object_pk).values_list("team", flat=True).first()


def check_rights(actor: User, finding: Finding) -> None:
    """Check, inside the transaction, that the actor may decide about this. Raise CannotResolve."""
    _check_team(actor, finding.scope, *owner_of(finding), finding.name)


# Steps


def _check_team(actor: User, scope_pk: int, model: type[SyncedModel], team_pk: int | None, name: str) -> None:
    if not registry.scopes().rights(actor, scope_pk).covers(model, team_pk):
        raise CannotResolve(
            "not-yours", f"You may not decide about {name}. It belongs to another team, or your role has changed."
        )


def _locked(model: type[SyncedModel], pk: int) -> SyncedModel:
    rows: Any = model._default_manager
    row: SyncedModel | None = rows.select_for_update(of=("self",)).filter(pk=pk).first()
    if row is None:
        raise CannotResolve("deleted", "It is no longer in the portal.")
    if row.claim_token is not None and row.claimed_until is not None and row.claimed_until > timezone.now():
        raise CannotResolve("being-sent", "It is being sent to Azure right now. Try again in a moment.")
    return row


def _row_of(finding: Finding) -> SyncedModel:
    _check_open(finding)
    if finding.object_pk is None:
        raise CannotResolve("not-in-portal", "The portal does not have it. Adopt it, or ignore it.")
    return _locked(registry.model_for(finding.kind), finding.object_pk)


def _check_open(finding: Finding) -> None:
    current = Finding.objects.select_for_update().get(pk=finding.pk)
    if current.state == Finding.State.RESOLVED:
        raise CannotResolve("resolved", "This difference has already been resolved.")
    if current.as_shown != finding.as_shown:
        raise CannotResolve("azure-changed", "Azure's side has changed since this was shown. Check it again.")


def _check_compared(row: SyncedModel, finding: Finding) -> None:
    """Raise CannotResolve if the row has changed since it was compared."""
    fields = field_differences(type(row), base=row.base, ours=row, azure=finding.resource)
    if json.dumps(fields, sort_keys=True, default=str) != json.dumps(finding.fields, sort_keys=True, default=str):
        raise CannotResolve(
            "portal-changed",
            "The portal's side has changed since this was found. Refresh from Azure, then check again.",
        )


def _check_may_take(row: SyncedModel, resource: Resource, fields: Collection[str] | None = None) -> None:
    """Raise CannotResolve if a rule of the namespace forbids to take this, or these fields of it, from Azure."""
    taken = theirs = type(row)()
    theirs.adopt(resource)
    if fields is not None:
        taken = copy.copy(row)
        _copy_fields(taken, theirs, fields)
    reason = row.why_not_taken(taken)
    if reason:
        raise CannotResolve("proof-required", reason)


def _progress(row: SyncedModel) -> tuple[object, ...]:
    """Return what changes with every edit and every push of a row."""
    return (
        *(row.generation, row.synced_generation, row.parked_code, row.claim_token, row.uncertain),
        *(row.attempts, row.lost_writes, row.next_attempt_at),
    )


def _take(
    actor: User, row: SyncedModel, resource: Resource | None, *, verb: str, finding: Finding | None = None
) -> None:
    before = row.describe()
    if resource is None:
        _record(actor, row, verb=verb, before=before, after=None)
        _supersede(row)
        row.deleted_at = timezone.now()  # for those that are told about changes
        registry.note_changes([row])
        row.delete()
        return
    _check_may_take(row, resource)
    _fill(row, resource)
    control.check(Intention(actor, row, Operation.TAKE, before, finding))
    row.generation += 1
    row.synced_generation = row.edited_generation = row.generation
    _save(row)
    _supersede(row)
    _record(actor, row, verb=verb, before=before, after=row.describe())


def _take_fields(
    actor: User, row: SyncedModel, finding: Finding, fields: Collection[str], others: Collection[str]
) -> None:
    """`others`: the fields that differ, too, and stay ours. Raises FieldsBelongTogether."""
    resource, before = finding.resource, row.describe()
    theirs = type(row)()
    theirs.adopt(resource)
    _check_mixture(row, theirs, fields, others)
    _check_may_take(row, resource, fields)
    _copy_fields(row, theirs, fields)
    control.check(Intention(actor, row, Operation.TAKE, before, finding, list(fields)))
    _accept_as_base(row, resource)
    try:
        with transaction.atomic():
            commit_change(
                actor, row=row, verb="Take Azure's", before=before, after=row.describe(), scope_name=row.scope_name()
            )
    except IntegrityError:
        raise _taken() from None


def _copy_fields(row: SyncedModel, theirs: SyncedModel, fields: Collection[str]) -> None:
    for name in fields:
        for column in row.columns_of(name):
            setattr(row, column, getattr(theirs, column))


def _check_mixture(row: SyncedModel, theirs: SyncedModel, fields: Collection[str], others: Collection[str]) -> None:
    """Raise FieldsBelongTogether if the mixture breaks a rule that neither side breaks."""
    known = {*row.rule_problems(), *theirs.rule_problems()}

    def new_problems(taken: Collection[str]) -> list[str]:
        mixed = copy.copy(row)
        _copy_fields(mixed, theirs, taken)
        return [problem for problem in mixed.rule_problems() if problem not in known]

    problems = new_problems(fields)
    if problems:
        cures = [name for name in others if not new_problems([*fields, name])]
        raise FieldsBelongTogether(problems[0], type(row), fields, cures[:1])


def _accept_as_base(row: SyncedModel, resource: Resource | None) -> None:
    """What was shown to a person is what the next push may overwrite, and nothing newer."""
    row.base = dict(resource) if resource is not None else None
    row.uncertain = False
    rows: Any = type(row)._default_manager
    rows.filter(pk=row.pk).update(base=row.base, uncertain=False, recheck_at=None, doubtful_from=None, lost_writes=0)
    row.recheck_at = row.doubtful_from = None
    row.lost_writes = 0


def _fill(row: SyncedModel, resource: Resource) -> None:
    row.adopt(resource)
    row.base = dict(resource)
    row.deleted_at = row.claim_token = row.claimed_until = row.next_attempt_at = None
    row.parked_code = row.parked_message = row.last_error = row.waits_for = ""
    row.recheck_at = row.doubtful_from = None
    row.uncertain, row.attempts, row.lost_writes = False, 0, 0
    row.sent_states, row.replaced_state = [], None
    row.synced_at = timezone.now()
    if hasattr(row, "rule_notes"):
        row.rule_notes = row.rule_problems()


def _save(row: SyncedModel) -> None:
    try:
        with transaction.atomic():
            row.save()
            registry.note_changes([row])
    except IntegrityError:
        raise _taken() from None


def _taken() -> CannotResolve:
    return CannotResolve(
        "name-taken", "Another resource in the portal already uses this name or authentication name. Change that first."
    )


def _described(row: SyncedModel, resource: Resource | None) -> dict[str, Any] | None:
    if resource is None:
        return None
    theirs = type(row)()
    theirs.adopt(resource)
    return theirs.describe()


def _supersede(row: SyncedModel) -> None:
    """Mark pending changes as superseded: they will never be sent."""
    waiting = Activity.objects.filter(kind=row.kind, object_pk=row.pk, outcome=Activity.Outcome.PENDING)
    waiting.update(outcome=Activity.Outcome.SUPERSEDED, settled_at=timezone.now())


def _record(
    actor: User, row: SyncedModel, *, verb: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> None:
    activity.record(
        actor,
        verb=verb,
        **row.in_activity(),
        before=before,
        after=after,
        generation=row.generation,
    )


def _resolve(actor: User, finding: Finding, resolution: str) -> None:
    finding.state = Finding.State.RESOLVED
    finding.resolution, finding.resolved_by, finding.resolved_at = resolution[:200], actor, timezone.now()
    finding.save()


def _close(actor: User, kind: str, scope: int, name: str, resolution: str) -> None:
    unresolved = Finding.objects.filter(same_name("name", name), kind=kind, scope=scope).exclude(
        state=Finding.State.RESOLVED
    )
    for finding in unresolved:
        _resolve(actor, finding, resolution)


def _scope_name(finding: Finding) -> str:
    return next((scope.name for scope in registry.scopes().all() if scope.pk == finding.scope), "")
