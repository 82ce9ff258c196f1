"""The same change to many clients: enable, disable, delete."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q, QuerySet

from namespaces.control.standing import policy_read_once
from namespaces.models import Client, Namespace
from namespaces.rights import Reach, rights_now
from namespaces.rules.errors import RuleError
from portal.models import User
from sync.actions import commit_change, mark_deleted
from sync.control import HeldBack

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
    editions: Mapping[int, int] = field(default_factory=dict)  # the generation of the last edit, by primary key


@dataclass(frozen=True)
class Changed:
    """How many clients were changed, and the primary keys of those that were left as they are."""

    done: int
    left: tuple[int, ...]


def chosen_clients(namespace: Namespace, *, change: BulkChange, among: Q, reach: Reach) -> Chosen:
    """Return the clients of a namespace that `among` selects and `change` would change, at most `MOST`: of those that are seen.

    `reach`: which of them the actor may change; the others are only counted.
    """
    every = Client.visible_to(namespace.sight).present().with_findings().filter(among)
    rows = every.filter(reach.condition)
    concerned = change.concerned(rows)
    editions = dict(concerned.order_by("pk").values_list("pk", "edited_generation")[:MOST])
    mine = rows.count()
    others = 0 if reach.everything else every.count() - mine
    return Chosen(change, tuple(editions), mine - concerned.count(), others, editions)


def change_clients(
    actor: User,
    *,
    namespace: Namespace,
    change: BulkChange,
    pks: Sequence[int],
    seen: Mapping[int, int] | None = None,
) -> Changed:
    """Make the change to those clients that still exist and are not in this state already.

    `seen`: the generation of the last edit by primary key, as the actor was shown it. A client that was edited since is left.

    Each hundred is a durable transaction of its own, so that other writers wait only briefly for the database. The
    actor's rights are read again in each: it stops where they end, and what is done stays. Raise HeldBack for the clients that
    need approval, when all others are done.
    """
    done: set[int] = set()
    held: list[HeldBack] = []
    for first in range(0, len(pks), AT_ONCE):
        with transaction.atomic(durable=True), policy_read_once():
            reach = rights_now(actor, namespace.pk).reach(Client)
            if not reach:
                break
            chosen = Client.objects.filter(pk__in=pks[first : first + AT_ONCE], namespace=namespace, deleted_at=None)
            present = chosen.filter(reach.condition)
            rows = change.concerned(present).select_related("namespace", "team").order_by("pk")
            for row in rows.select_for_update(of=("self",)):
                if seen is None or seen.get(row.pk) == row.edited_generation:
                    try:
                        change.apply(actor, row)
                    except HeldBack as each:  # before anything was written
                        held.append(each)
                    except RuleError:  # a change set is about to change it
                        continue
                    else:
                        done.add(row.pk)
    if held:
        raise HeldBack.of_all(held, done=f"{len(done):,} of {len(pks):,} clients were changed." if done else "")
    return Changed(len(done), tuple(pk for pk in pks if pk not in done))
