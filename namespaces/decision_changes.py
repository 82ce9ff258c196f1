"""Report changes to the processes that decide about CONNECTs. `certificates.decision_service` reads them several times a second."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from namespaces.models import Client, DecisionChange
from sync.models import SyncedModel

KEPT = timedelta(hours=1)  # a process that has not read for so long reads everything again


def decisions_changed(namespace_pk: int, *, clients: Iterable[int] | None = None) -> None:
    """Note that decisions in a namespace may differ from now on. Call it in the transaction of the change.

    `clients`: primary keys of the clients that changed. None: something else did, such as a rule, a CA certificate or a setting;
    clients are then not read again.
    """
    pks: Iterable[int | None] = (None,) if clients is None else clients
    rows = [DecisionChange(namespace_pk=namespace_pk, client_pk=pk) for pk in pks]
    if len(rows) == 1:
        rows[0].save(force_insert=True)
    else:
        DecisionChange.objects.bulk_create(rows, batch_size=500)


def note_changed_rows(rows: Sequence[SyncedModel]) -> None:
    """Note changes of synced rows; `sync` calls this in the transaction of every change."""
    clients: dict[int, list[int]] = defaultdict(list)
    others = set()
    for row in rows:
        if isinstance(row, Client):
            clients[row.namespace_id].append(row.pk)
        else:
            others.add(row.scope_pk())
    for namespace_pk, pks in clients.items():
        decisions_changed(namespace_pk, clients=pks)
    for namespace_pk in others:
        decisions_changed(namespace_pk)


def forget_old_changes(at: datetime) -> None:
    """Delete what no process needs any more."""
    DecisionChange.objects.filter(at__lt=at - KEPT).delete()
