"""Rows of an import from files that need approval: they become drafts of the person who imports."""

from collections.abc import Sequence

from django.utils import timezone

from namespaces.actions.change_sets.requests import DRAFT_FOR, LONGEST_TITLE, MOST_CHANGES, change_of
from namespaces.control.gate import NeedsApproval
from namespaces.models import Change, ChangeSet, ClientImport
from namespaces.models.change_sets import ChangeSetQuerySet


def title_of(run: ClientImport) -> str:
    """Return the title of the change sets of an import."""
    return f"Import {run.pk}: {run.title}"[:LONGEST_TITLE]


def drafts_of(run: ClientImport) -> ChangeSetQuerySet:
    """Return the drafts of an import that were not requested yet."""
    drafts = ChangeSet.objects.filter(namespace=run.namespace_id, requested_by=run.user_id, title=title_of(run))
    return drafts.filter(state=ChangeSet.State.DRAFT)


def keep_of_import(run: ClientImport, held: Sequence[NeedsApproval]) -> None:
    """Add what a batch may not write to the last draft of its import, or to a new one, in the transaction of the batch."""
    drafts = [draft for each in held for draft in each.drafts]
    while drafts:
        row = drafts_of(run).order_by("-pk").first()
        used = row.changes.count() if row is not None else MOST_CHANGES
        if row is None or used >= MOST_CHANGES:
            now = timezone.now()
            row = ChangeSet.objects.create(
                namespace=run.namespace,
                requested_by=run.user,
                title=title_of(run),
                created_at=now,
                expires_at=now + DRAFT_FOR,
            )
            used = 0
        part, drafts = drafts[: MOST_CHANGES - used], drafts[MOST_CHANGES - used :]
        Change.objects.bulk_create([change_of(row, at, draft) for at, draft in enumerate(part, used + 1)])
        needs = {need.value for each in held for need in each.needs}
        row.needs = sorted({*row.needs, *needs})
        row.save(update_fields=["needs"])
