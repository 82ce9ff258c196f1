"""What changes of every resource in a namespace share. All of it runs inside the caller's transaction."""

from collections.abc import Mapping
from typing import Any, TypeVar

from namespaces.actions.teams import check_change, check_new
from namespaces.models import Namespace
from namespaces.rules.errors import RuleError
from portal.models import Team, User
from sync.actions import commit_change, mark_deleted
from sync.models import SyncedModel

Row = TypeVar("Row", bound=SyncedModel)


class ChangedMeanwhile(RuleError):  # noqa: N818 - reads as a sentence
    """The row was edited after the form was opened. `row` is as it is now."""

    def __init__(self, row: SyncedModel) -> None:
        super().__init__("", "changed-meanwhile", f"“{row}” was changed after this page was opened. Nothing was saved.")
        self.row = row


class Gone(RuleError):  # noqa: N818 - reads as a sentence
    """The row has been deleted."""

    def __init__(self, row: SyncedModel) -> None:
        super().__init__("", "gone", f"The {row._meta.verbose_name} “{row}” has been deleted.")


def row_for_new(
    actor: User, model: type[Row], namespace: Namespace, name: str, team: Team | None, *, limit: int | None = None
) -> Row:
    """Return the row that waits for deletion under this name, or a new one, for this actor and team.

    Raise RuleError "taken", "limit", or when the actor may not create it for the team.
    """
    check_new(actor, namespace, model, team)
    rows: Any = model._default_manager.filter(namespace=namespace)
    existing: Row | None = rows.named(name).select_for_update().first()
    if existing is not None and existing.deleted_at is None:
        raise RuleError("name", "taken", name_taken(existing))
    if existing is None and limit is not None and rows.count() >= limit:
        raise RuleError(
            "",
            "limit",
            f"A namespace holds at most {limit} {model._meta.verbose_name_plural}, those still being deleted included. "
            "Delete one that is no longer used.",
        )
    row = existing or model(namespace=namespace)
    row.team, row.created_by, row.deleted_at = team, actor, None
    return row


def name_taken(row: Any) -> str:
    """Return the sentence for a name that another resource has."""
    return f"There is already a {row._meta.verbose_name} “{row.name}”. Names must differ in more than case."


def current(actor: User, row: Row, opened: str = "") -> Row:
    """Return the row as it is now, locked. Raise RuleError when it has been deleted, or the actor may not change it.

    `opened`: the edition that the actor was shown. Raise ChangedMeanwhile when the row has another one by now.
    """
    rows: Any = type(row)._default_manager
    found: Row | None = (
        rows.select_for_update(of=("self",)).select_related("namespace", "team").filter(pk=row.pk).first()
    )
    if found is None or found.deleted_at is not None:
        raise Gone(row)
    check_change(actor, found)
    check_edition(found, opened)
    return found


def check_edition(row: SyncedModel, opened: str) -> None:
    """Raise ChangedMeanwhile when the locked row is not as it was shown. "" does not compare."""
    if opened and row.edition != opened:
        raise ChangedMeanwhile(row)


def commit(actor: User, row: SyncedModel, verb: str, before: Mapping[str, Any] | None) -> None:
    """Save the row and record what changed; `before` is None for a new one."""
    commit_change(actor, row=row, verb=verb, before=before, after=row.describe(), scope_name=row.scope_name())


def commit_if_changed(actor: User, row: SyncedModel, verb: str, before: Mapping[str, Any]) -> None:
    """Save the row and record what changed, if anything did."""
    if row.describe() != before:
        commit(actor, row, verb, before)


def delete(actor: User, row: SyncedModel, verb: str) -> None:
    """Mark the row as deleted. It stays until Azure confirms."""
    mark_deleted(actor, row=row, verb=verb, before=row.describe(), scope_name=row.scope_name())
