"""Importing clients from files: start, stop and resume an import, and write its rows, a batch in each transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.engine import authentication_name_key
from namespaces.actions.change_sets.import_drafts import drafts_of, keep_of_import
from namespaces.actions.clients import authentication_name_taken
from namespaces.actions.resources import ChangedMeanwhile, Gone, current
from namespaces.actions.teams import check_new
from namespaces.client_files.found_rows import FoundRow, Table
from namespaces.client_files.tables import row_of_cells
from namespaces.connections.client_certificates import note_latest
from namespaces.control.gate import NeedsApproval
from namespaces.control.standing import policy_read_once
from namespaces.importing.verdicts import judge, judge_rows
from namespaces.models import Client, ClientImport, ImportRow, Namespace
from namespaces.rights import rights_now
from namespaces.rules.clients import client_problems
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import Team, User
from portal.notifications.announcing import Place, announce
from sync import control, registry
from sync.actions import commit_change
from sync.control import Intention, Operation
from sync.models import Lane
from sync.workers.wakeups import send_on_commit, wake_on_commit

BATCH = 500  # rows in one transaction
KEPT = timedelta(days=1)
NUMBERS_KEPT = timedelta(days=30)  # how many were registered, without any row
DEAD_AFTER = timedelta(seconds=120)  # a running import that was silent for so long has died
State, Outcome, Verdict = ClientImport.State, ImportRow.Outcome, ImportRow.Verdict
TASK = "namespaces.tasks.import_clients"


def keep_rows(
    actor: User, *, namespace: Namespace, team: Team | None, found: Sequence[FoundRow], title: str = ""
) -> ClientImport:
    """Keep the rows that were read with their verdicts, for a day and for the actor. Nothing is registered.

    `namespace`: as the actor sees it.
    """
    tables = list(dict.fromkeys(row.table for row in found if row.table is not None))
    places = {table: at for at, table in enumerate(tables)}
    run = ClientImport(namespace=namespace, user=actor, team=team, title=title, created_at=timezone.now())
    run.tables = [asdict(table) for table in tables]
    rows = []
    for number, each in enumerate(found, 1):
        row = ImportRow(run=run, number=number, source=each.source, place=each.place)
        row.table = None if each.table is None else places[each.table]
        _read_into(row, each)
        rows.append(row)
    judge_rows(rows, run.options, namespace)
    with transaction.atomic(durable=True):
        run.save(force_insert=True)
        ImportRow.objects.bulk_create(rows, batch_size=BATCH)
    return run


def _read_into(row: ImportRow, found: FoundRow) -> None:
    row.cells, row.values, row.certificate = list(found.cells), dict(found.values), dict(found.certificate)
    row.problem, row.why = found.problem, found.sentence[:400]
    row.wanted = {}  # so that it is ticked where it is ready


def set_options(
    *,
    run: ClientImport,
    namespace: Namespace,
    team: Team | None,
    options: Mapping[str, Any],
    tables: Sequence[Table],
) -> None:
    """Set the options for all rows, read the tables with changed columns again, and judge every row.

    `namespace`: as the person sees it. `tables`: all of the run, in order.
    """
    changed = [at for at, table in enumerate(tables) if asdict(table) != asdict(table_of(run.tables[at]))]
    headings = [at for at in changed if tables[at].has_headings and not run.tables[at]["has_headings"]]
    run.team, run.options, run.tables = team, dict(options), [asdict(table) for table in tables]
    firsts = [run.rows.filter(table=at).order_by("number").values("pk")[:1] for at in headings]
    first_rows = {row["pk"] for found in firsts for row in found}
    rows = list(run.rows.filter(table__in=changed).exclude(pk__in=first_rows))
    for row in rows:
        if row.cells:
            _read_into(row, row_of_cells(tables[row.table or 0], row.cells, row.place or 0))
    with transaction.atomic(durable=True):
        run.save(update_fields=["team", "options", "tables"])
        run.rows.filter(pk__in=first_rows).delete()
        ImportRow.objects.bulk_update(rows, ["cells", "values", "problem", "why", "wanted"], batch_size=BATCH)
    judge(run, namespace)


def table_of(kept: Mapping[str, Any]) -> Table:
    """Return a table of a run, as it was kept."""
    return Table(
        kept["source"],
        tuple(kept["headings"]),
        tuple(kept["keys"]),
        tuple(kept["sample"]),
        has_headings=kept["has_headings"],
    )


def start_import(actor: User, *, run: ClientImport, everything: bool) -> int:
    """Let a worker register the chosen rows, and return their number. Raise RuleError.

    `everything`: only where every row can be registered.
    """
    with transaction.atomic(durable=True):
        row = ClientImport.objects.select_for_update(of=("self",)).select_related("namespace", "team").get(pk=run.pk)
        if row.state != State.REVIEW:
            raise RuleError("", "started", "This import has been started already.")
        check_new(actor, row.namespace, Client, row.team)
        rows = row.rows.all()
        if everything:
            if rows.exclude(verdict=Verdict.NEW).exists():
                raise RuleError(
                    "", "not-all-ready", "Not every row is ready. Import the ready ones, or fix the others."
                )
            rows.update(is_chosen=True)
        count = rows.filter(is_chosen=True).count()
        if not count:
            raise RuleError("", "nothing-chosen", "No row is chosen that can be imported.")
        rows.filter(is_chosen=False).update(outcome=Outcome.LEFT)
        row.state, row.total, row.touched_at = State.WAITING, count, timezone.now()
        row.save(update_fields=["state", "total", "touched_at"])
        send_on_commit(TASK, row.pk)
    return count


def cancel_import(*, run: ClientImport) -> bool:
    """Stop an import before its next batch. What was registered stays. Return False where it does not run."""
    running = ClientImport.objects.filter(pk=run.pk, state__in=[State.WAITING, State.RUNNING])
    return bool(running.update(state=State.CANCELLED, ended_at=timezone.now()))


def resume_import(*, run: ClientImport) -> bool:
    """Go on with a cancelled import. Return False where it was not cancelled."""
    with transaction.atomic(durable=True):
        cancelled = ClientImport.objects.filter(pk=run.pk, state=State.CANCELLED, ended_at__isnull=False)
        if not cancelled.update(state=State.WAITING, ended_at=None, touched_at=timezone.now()):
            return False
        send_on_commit(TASK, run.pk)
    return True


def discard_import(*, run: ClientImport) -> None:
    """Forget an import that no worker has."""
    ClientImport.objects.filter(pk=run.pk).exclude(state__in=[State.WAITING, State.RUNNING]).delete()


def forget_old_imports(at: datetime) -> None:
    """Delete the rows of imports that are older than a day, and those that died so long ago. Numbers are kept for longer."""
    alive = ClientImport.objects.filter(state=State.RUNNING, touched_at__gt=at - DEAD_AFTER).values("pk")
    old = ClientImport.objects.filter(created_at__lt=at - KEPT).exclude(pk__in=alive)
    rows = ImportRow.objects.filter(run__in=old)
    rows._raw_delete(rows.db)  # nothing refers to them
    old.exclude(state__in=[State.DONE, State.CANCELLED]).delete()
    old.filter(created_at__lt=at - NUMBERS_KEPT).delete()


def waiting_imports(at: datetime) -> list[int]:
    """Return the imports that wait for a worker, or whose worker died."""
    waiting = ClientImport.objects.filter(state=State.WAITING)
    died = ClientImport.objects.filter(state=State.RUNNING, touched_at__lt=at - DEAD_AFTER)
    return [*waiting.values_list("pk", flat=True), *died.values_list("pk", flat=True)]


def run_import(pk: int) -> None:
    """Register the chosen rows that are left, batch by batch, unless another worker does."""
    now = timezone.now()
    if pk not in waiting_imports(now):
        return
    waiting = ClientImport.objects.filter(pk=pk, state__in=[State.WAITING, State.RUNNING])
    waiting.update(state=State.RUNNING, touched_at=now, started_at=Coalesce("started_at", now))
    while import_batch(pk):
        pass


def import_batch(pk: int) -> bool:
    """Register the next rows in one durable transaction. Return whether there is more to do."""
    with transaction.atomic(durable=True):
        running = ClientImport.objects.select_for_update(of=("self",)).select_related("namespace", "user", "team")
        run = running.filter(pk=pk, state=State.RUNNING).first()
        if run is None:
            return False
        waiting = run.rows.filter(is_chosen=True, outcome=Outcome.WAITING).defer("cells", "values", "certificate")
        rows = list(waiting.order_by("number")[:BATCH])
        if not rows:
            _finish(run)
            return False
        try:
            check_new(run.user, run.namespace, Client, run.team)
        except RuleError as refusal:
            _leave(rows, refusal.sentence)
        else:
            with policy_read_once():
                held = _Batch(run, rows).write()
            keep_of_import(run, held)
        _save_outcomes(rows)
        imported = sum(row.outcome in (Outcome.CREATED, Outcome.UPDATED) for row in rows)
        run.done, run.imported, run.touched_at = run.done + len(rows), run.imported + imported, timezone.now()
        run.save(update_fields=["done", "imported", "touched_at"])
    return True


def _save_outcomes(rows: Sequence[ImportRow]) -> None:
    """Save what came of the rows: one statement for each outcome and reason, of which there are few."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        groups[row.outcome, row.why if row.outcome == Outcome.LEFT else ""].append(row.pk)
    for (outcome, why), pks in groups.items():
        values = {"outcome": outcome, "why": why} if outcome == Outcome.LEFT else {"outcome": outcome}
        ImportRow.objects.filter(pk__in=pks).update(**values)


def _leave(rows: Sequence[ImportRow], why: str) -> None:
    for row in rows:
        row.outcome, row.why = Outcome.LEFT, why[:400]


def _finish(run: ClientImport) -> None:
    run.state, run.ended_at = State.DONE, timezone.now()
    run.save(update_fields=["state", "ended_at"])
    left = run.rows.filter(outcome=Outcome.LEFT).count()
    activity.record(
        run.user,
        verb="Import clients",
        kind=Client._meta.label_lower,  # so that it is hidden where clients of the team are
        object_pk=None,
        object_name=f"{run.imported:,} clients",
        scope=run.namespace_id,
        scope_name=run.namespace.name,
        team=run.team,
        after={"imported": run.imported, "left_out": left},
    )
    waiting = " Some need approval: request it." if drafts_of(run).exists() else ""
    announce(
        "import_done",
        to=[run.user],
        subject=f"{run.imported:,} of {run.total:,} clients imported",
        sentence=f"{run.title}: {left:,} rows were left out.{waiting}"
        if left
        else f"{run.title}: every row was imported.",
        url=reverse("namespaces:client_import", args=[run.namespace_id, run.pk]),
        scope=Place(run.namespace_id, run.namespace.name),
        team=run.team,
    )


class _Batch:
    """The rows of one transaction. Names are compared with the database in few statements, then new ones are inserted at once."""

    def __init__(self, run: ClientImport, rows: Sequence[ImportRow]) -> None:
        self.run, self.rows = run, rows
        mine = Client.objects.filter(namespace=run.namespace)
        lowered = [row.wanted["name"].lower() for row in rows]
        named = mine.annotate(lowered=Lower("name")).filter(lowered__in=lowered).select_related("namespace", "team")
        self.by_name = {each.name.lower(): each for each in named}
        keys = [authentication_name_key(row.wanted["authentication_name"]) for row in rows]
        self.by_key = {each.authentication_key: each for each in mine.filter(authentication_key__in=keys)}
        self.sight = rights_now(run.user, run.namespace_id).sight(run.namespace_id)
        self.room = settings.MAX_CLIENTS - mine.count()

    def write(self) -> list[NeedsApproval]:
        """Write the rows, and return what needs approval first."""
        held: list[NeedsApproval] = []
        new: list[tuple[ImportRow, Client]] = []
        for row in self.rows:
            try:
                client = self._write_row(row)
            except RuleError as refusal:
                _leave([row], refusal.sentence)
            except NeedsApproval as needs_approval:
                _leave([row], f"{needs_approval.sentence} Request it: it is kept as a draft for a day.")
                held.append(needs_approval)
            else:
                if client is not None:
                    new.append((row, client))
        self._insert(new)
        return held

    def _write_row(self, row: ImportRow) -> Client | None:
        """Return the client to insert, or write one that is there and return None. Raise RuleError."""
        wanted = row.wanted
        key = authentication_name_key(wanted["authentication_name"])
        problems = client_problems(**{name: value for name, value in wanted.items() if name != "state"})
        if problems:
            raise RuleError("", "invalid", problems[0])
        existing = self.by_name.get(wanted["name"].lower())
        if existing is not None and existing.deleted_at is None:
            self._update(row, existing)
            return None
        holder = self.by_key.get(key)
        if holder is not None and (existing is None or holder.name != existing.name):
            raise RuleError("", "taken", authentication_name_taken(holder, self.sight))
        client = existing or Client(namespace=self.run.namespace)
        client.team, client.created_by, client.deleted_at = self.run.team, self.run.user, None
        self._set(client, wanted)
        self.by_name[wanted["name"].lower()], self.by_key[key] = client, client
        if existing is not None:  # it waits for its deletion in Azure, and is wanted again
            self._commit(existing, "Create client", None)
            row.outcome = Outcome.CREATED
            return None
        if self.room <= 0:
            raise RuleError("", "limit", f"A namespace holds at most {settings.MAX_CLIENTS:,} clients.")
        control.check(Intention(self.run.user, client, Operation.CREATE, None))
        self.room -= 1
        return client

    def _update(self, row: ImportRow, existing: Client) -> None:
        """Change a client that was shown as different, as far as nobody has edited it since."""
        if row.verdict != Verdict.DIFFERS or not row.edition or existing.pk is None:
            raise RuleError("", "taken", f"Client {row.wanted['name']} was registered meanwhile.")
        try:
            client = current(self.run.user, existing, row.edition)
        except ChangedMeanwhile:
            raise RuleError("", "changed-meanwhile", "It was changed after the review.") from None
        except Gone:
            raise RuleError("", "gone", "It was deleted after the review.") from None
        before = client.describe()
        self._set(client, {**row.wanted, "name": client.name, "authentication_name": client.authentication_name})
        self._commit(client, "Update client", before)
        row.outcome = Outcome.UPDATED

    def _set(self, client: Client, wanted: dict[str, Any]) -> None:
        client.name = wanted["name"]
        client.set_authentication_name(wanted["authentication_name"])
        for name in ("validation_scheme", "thumbprints", "state", "description", "attributes"):
            setattr(client, name, wanted[name])
        client.rule_notes = []

    def _commit(self, client: Client, verb: str, before: dict[str, Any] | None) -> None:
        name = self.run.namespace.name
        commit_change(
            self.run.user, row=client, verb=verb, before=before, after=client.describe(), scope_name=name, bulk=True
        )

    def _insert(self, new: list[tuple[ImportRow, Client]]) -> None:
        """Insert the new clients at once; where another request took a name at this moment, one by one."""
        try:
            with transaction.atomic():
                self._insert_all([client for _, client in new])
        except IntegrityError:
            for row, client in new:
                client.pk = None
                try:
                    with transaction.atomic():
                        self._insert_all([client])
                except IntegrityError:
                    _leave([row], "Its name or authentication name was taken meanwhile.")
                else:
                    row.outcome = Outcome.CREATED
            return
        for row, _ in new:
            row.outcome = Outcome.CREATED

    def _insert_all(self, clients: Sequence[Client]) -> None:
        now = timezone.now()
        for client in clients:
            client.due_at, client.lane = now, Lane.BULK
        Client.objects.bulk_create(clients, batch_size=BATCH)
        registry.note_changes(clients)
        entries = [
            activity.entry_of(
                self.run.user,
                verb="Create client",
                **client.in_activity(),
                after=client.describe(),
                generation=client.generation,
                synced=True,
            )
            for client in clients
        ]
        activity.record_many(entries)
        if clients:
            note_latest(self.run.namespace_id, {client.name for client in clients})
            wake_on_commit(clients[0])
