"""The same change to many clients: enable, disable, delete."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet

from namespaces.models import Client, Namespace
from namespaces.rights import Reach, rights_now
from portal.models import User
from sync.actions import commit_change, mark_deleted

AT_ONCE = 100  # rows in one transaction: others can write in between
MOST = 10_000  # rows in one request


@dataclass(frozen=True)
class BulkChange:
    """A change that can be made to many clients at once."""

    code: str
    label: str  # "Disable"
    meaning: str
    concerned: Callable[[QuerySet[Client]], QuerySet[Client]]  # those that it would change
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
            "They can no longer connect, and their sessions end. These changes are sent before others that wait.",
            lambda rows: rows.filter(state=_ENABLED),
            _set_state(_DISABLED),
        ),
        BulkChange(
            "delete",
            "Delete",
            "No client can connect as one of them any more, and their sessions end. Their certificates and the CA "
            "certificates are not deleted.",
            lambda rows: rows,
            _delete,
            deletes=True,
        ),
    )
}


@dataclass(frozen=True)
class Chosen:
    """A change, and the clients that it changes."""

    change: BulkChange
    pks: tuple[int, ...]
    unchanged: int  # the number of chosen clients that are in this state already
    others: int = 0  # the number of chosen clients that the actor may not change


def chosen_clients(namespace: Namespace, *, change: BulkChange, among: Q, reach: Reach) -> Chosen:
    """Return the clients of a namespace that `among` selects and `change` would change, at most `MOST`.

    `reach`: which of them the actor may change; the others are only counted.
    """
    every = Client.objects.present().filter(among, namespace=namespace)
    rows = every.filter(reach.condition)
    concerned = change.concerned(rows)
    pks = tuple(concerned.order_by("pk").values_list("pk", flat=True)[:MOST])
    mine = rows.count()
    return Chosen(change, pks, mine - concerned.count(), 0 if reach.everything else every.count() - mine)


def change_clients(actor: User, *, namespace: Namespace, change: BulkChange, pks: Sequence[int]) -> int:
    """Make the change to those clients that still exist and are not in this state already. Return their number.

    Each hundred is a durable transaction of its own, so that other writers wait only briefly for the database. The
    actor's rights are read again in each: it stops where they end, and what is done stays.
    """
    done = 0
    for first in range(0, len(pks), AT_ONCE):
        with transaction.atomic(durable=True):
            reach = rights_now(actor, namespace.pk).reach(Client)
            if not reach:
                break
            chosen = Client.objects.filter(pk__in=pks[first : first + AT_ONCE], namespace=namespace, deleted_at=None)
            present = chosen.filter(reach.condition)
            rows = change.concerned(present).select_related("namespace", "team").order_by("pk")
            for row in rows.select_for_update(of=("self",)):
                change.apply(actor, row)
                done += 1
    return done
