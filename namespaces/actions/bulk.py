"""The same change to many clients: enable, disable, delete."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict

from namespaces.models import Client, Namespace
from namespaces.pages.lists import narrowed_clients
from portal.models import User
from sync.actions import commit_change, mark_deleted

AT_ONCE = 100  # rows in one transaction: others can write in between
MOST = 10_000  # rows in one request


@dataclass(frozen=True)
class BulkChange:
    """One of the changes that many clients can get at once."""

    code: str
    label: str  # "Disable"
    meaning: str
    concerned: Callable[[QuerySet[Client]], QuerySet[Client]]  # those for which it is a change
    apply: Callable[[User, Client], None]  # inside a transaction
    deletes: bool = False


def _set_state(state: str) -> Callable[[User, Client], None]:
    def apply(actor: User, row: Client) -> None:
        before = row.describe()
        row.state = state
        commit_change(
            actor,
            row=row,
            verb="Update client",
            before=before,
            after=row.describe(),
            scope_name=row.namespace.name,
            bulk=True,
        )

    return apply


def _delete(actor: User, row: Client) -> None:
    mark_deleted(actor, row=row, verb="Delete client", before=row.describe(), scope_name=row.namespace.name, bulk=True)


_ENABLED, _DISABLED = Client.ConnectionState.ENABLED, Client.ConnectionState.DISABLED
CHANGES = {
    change.code: change
    for change in (
        BulkChange(
            "enable",
            "Enable",
            "They may connect again.",
            lambda rows: rows.filter(state=_DISABLED),
            _set_state(_ENABLED),
        ),
        BulkChange(
            "disable",
            "Disable",
            "None of them can connect any more, and their sessions end. They go before other changes that wait.",
            lambda rows: rows.filter(state=_ENABLED),
            _set_state(_DISABLED),
        ),
        BulkChange(
            "delete",
            "Delete",
            "Nothing can connect as one of them any more, and their sessions end. Their certificates and the CA "
            "certificates stay.",
            lambda rows: rows,
            _delete,
            deletes=True,
        ),
    )
}


@dataclass(frozen=True)
class Chosen:
    """What somebody has chosen on the grid: a change, and the clients that it changes."""

    change: BulkChange
    pks: tuple[int, ...]
    unchanged: int  # are so already


def chosen_of(namespace: Namespace, query: QueryDict) -> Chosen | None:
    """The clients that are ticked (`client`), or all that match the filter (`which=all`, `q`, `team`); None: nothing."""
    change = CHANGES.get(query.get("change", ""))
    if change is None:
        return None
    if query.get("which") == "all":
        rows = narrowed_clients(namespace, query)
    else:
        ticked = [int(each) for each in query.getlist("client") if each.isascii() and each.isdigit() and len(each) < 19]
        rows = Client.objects.filter(namespace=namespace, pk__in=ticked[:MOST])
    rows = rows.filter(deleted_at=None)
    pks = tuple(change.concerned(rows).order_by("pk").values_list("pk", flat=True)[:MOST])
    return Chosen(change, pks, rows.count() - change.concerned(rows).count())


def change_clients(actor: User, *, change: BulkChange, pks: Sequence[int]) -> int:
    """Make the change to those that are there and not so already. Answers how many that were.

    Each hundred is a durable transaction of its own, so that nobody waits long for the database.
    """
    done = 0
    for first in range(0, len(pks), AT_ONCE):
        with transaction.atomic(durable=True):
            present = Client.objects.filter(pk__in=pks[first : first + AT_ONCE], deleted_at=None)
            rows = change.concerned(present).select_related("namespace", "team").order_by("pk")
            for row in rows.select_for_update(of=("self",)):
                change.apply(actor, row)
                done += 1
    return done
