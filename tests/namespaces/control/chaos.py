"""Chaos test of change sets: workers killed and Azure failing while 50 change sets of 20 changes are applied, or fewer large ones.

`python -m tests.namespaces.control.chaos --sets 50 --seed 1` prints a report as JSON, and exits with 0 if each approved set ended applied
whole or stopped with its reason, and Azure never held anything that was not approved.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.waiting import until
from tests.sync.chaos import WORKERS, FaultyEmulator, Processes, environment_for, servers

CREATED, UPDATED, DELETED = 14, 3, 3  # changes of a set; with more clients, it is written in pieces
NOT_APPROVED = 5  # sets that no one approves
EVERY_TENTH = 10  # of the approved sets meets a rejection by Azure
KILL_EVERY = (3, 6)  # sets that ended, not seconds
SCHEME = "SubjectMatchesAuthenticationName"
API = "2025-02-15"


def run(*, sets: int, created: int, seed: int, patience: float, real_servers: bool) -> dict[str, Any]:
    """Run the test once, and return the report."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    (folder / "portal").mkdir()
    faults = folder / "faults"
    os.environ.update(FAULTS_WHILE=str(faults), FAULTS_SEED=str(seed))
    emulator = FaultyEmulator(folder / "emulator")
    try:
        with servers(folder, real=real_servers, outage=0.3) as (of_servers, _):
            environment = {**os.environ, **environment_for(folder, emulator), **of_servers}
            os.environ.update(environment)
            processes = Processes(folder, environment, "threads")
            try:
                return Story(emulator, processes, faults, random.Random(seed), sets, created, patience).run()
            finally:
                processes.stop()
    finally:
        emulator.kill()
        if os.environ.get("CHAOS_KEEP"):
            print(folder, file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


class Story:
    """Requests, approves and applies the sets, and looks what came of them."""

    def __init__(
        self,
        emulator: Any,
        processes: Processes,
        faults: Path,
        draw: random.Random,
        sets: int,
        created: int,
        patience: float,
    ) -> None:
        self.emulator, self.processes, self.faults = emulator, processes, faults
        self.draw, self.sets, self.created, self.patience = draw, sets, created, patience
        self.kill_at = draw.randint(*KILL_EVERY)
        self.problems: list[str] = []

    def run(self) -> dict[str, Any]:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        self._furnish()
        with self._workers():
            until(self._is_settled, "the clients that are there first are in Azure", self.patience)
            self.faults.touch()
            began = time.monotonic()
            self._approve()
            self._destroy()
            self.faults.unlink()
            try:
                until(self._has_ended, "every set has ended", self.patience)
            except AssertionError as fault:
                self.problems.append(str(fault))
            lasted = time.monotonic() - began
        return self._verdict() | {"lasted": round(lasted, 1), "workers killed": self.processes.killed}

    def _furnish(self) -> None:
        from namespaces.models import ControlPolicy
        from tests.support.database.factories import make_client, make_namespace, make_user

        self.asker, self.owner = make_user("asker"), make_user("owner")
        self.namespace = make_namespace(
            "chaos", resource_id=self.emulator.make_namespace("chaos"), contributor=self.asker, owner=self.owner
        )
        for number in range(self.sets + NOT_APPROVED):
            for each in range(UPDATED + DELETED):
                make_client(self.namespace, f"old-{number}-{each}", synced_generation=0)
        needs = ["client_create", "client_change", "client_delete"]
        ControlPolicy.objects.create(namespace=self.namespace, enabled=True, needs=needs)
        for number in range(0, self.sets, EVERY_TENTH):  # Azure holds its authentication name already
            properties = {
                "authenticationName": f"new-{number}-3",
                "clientCertificateAuthentication": {"validationScheme": SCHEME},
                "state": "Enabled",
            }
            path = f"{self.namespace.resource_id}/clients/holder-{number}"
            self.emulator.call("PUT", path, {"properties": properties}, api_version=API)

    @contextmanager
    def _workers(self) -> Iterator[None]:
        for number in range(WORKERS):
            self.processes.start_worker(number)
        yield
        self.problems += self.processes.ended()

    def _approve(self) -> None:
        """Request every set, and approve all but some."""
        from namespaces.actions.change_sets import requests
        from namespaces.actions.change_sets.decisions import approve
        from namespaces.control.cases import approval_state

        self.approved: list[int] = []
        self.others: list[int] = []
        for number in range(self.sets + NOT_APPROVED):
            draft = requests.keep_draft(self.asker, self._held(number))
            made = requests.request_approval(self.asker, change_set=draft, title=f"Set {number}", reason="Chaos")
            if number >= self.sets:
                self.others.append(made.pk)
                continue
            approve(self.owner, change_set=made, shown=approval_state(made).shown)
            self.approved.append(made.pk)
            self._kill_in_time()

    def _held(self, number: int) -> Any:
        """Try the 20 changes of a set, which all need approval."""
        from namespaces.actions import clients as actions
        from namespaces.models import Client
        from sync.control import HeldBack

        def old(each: int) -> Any:
            return Client.objects.get(namespace=self.namespace, name=f"old-{number}-{each}")

        settings: dict[str, Any] = {
            "validation_scheme": SCHEME,
            "state": "Disabled",
            "description": "Chaos",
            "attributes": {},
        }
        names = [f"new-{number}-{each}" for each in range(self.created)]
        new: dict[str, Any] = {
            "namespace": self.namespace,
            "team": None,
            "authentication_name": "",
            "validation_scheme": SCHEME,
        }
        calls: list[Any] = [partial(actions.create_client, self.asker, name=name, **new) for name in names]
        calls += [partial(actions.update_client, self.asker, client=old(each), **settings) for each in range(UPDATED)]
        last = range(UPDATED, UPDATED + DELETED)
        calls += [partial(actions.delete_client, self.asker, client=old(each)) for each in last]
        held = []
        for call in calls:
            try:
                call()
            except HeldBack as found:
                held.append(found)
        assert len(held) == self.created + UPDATED + DELETED
        return HeldBack.of_all(held)

    def _destroy(self) -> None:
        """Kill a worker whenever some sets have moved on, while Azure fails."""
        deadline = time.monotonic() + self.patience
        while self._moved() < 2 * len(self.approved) * 0.9 and time.monotonic() < deadline:
            self._kill_in_time()
            self._check_azure()
            time.sleep(0.2)

    def _kill_in_time(self) -> None:
        moved = self._moved()
        if moved >= self.kill_at:
            self.processes.kill_one(self.draw)
            self.kill_at = moved + self.draw.randint(*KILL_EVERY)

    def _moved(self) -> int:
        """Return how many sets were written, and how many have ended: two steps each."""
        from namespaces.models import ChangeSet

        mine = ChangeSet.objects.filter(pk__in=self.approved)
        return mine.exclude(state="approved").count() + mine.filter(state__in=["done", "parked"]).count()

    def _check_azure(self) -> None:
        """Look whether Azure holds something that no one approved."""
        names = self._in_azure()
        wrong = [name for name in names if name.startswith("new-") and int(name.split("-")[1]) >= self.sets]
        kept = {f"old-{number}-{each}" for number in range(self.sets, self.sets + NOT_APPROVED) for each in range(6)}
        if wrong or not kept <= set(names):
            self.problems.append(f"not approved, but sent: {wrong} {sorted(kept - set(names))}")

    def _in_azure(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        path = f"{self.namespace.resource_id}/clients?$top=100"
        while path:
            try:
                page = self.emulator.call("GET", path, api_version=None if "api-version" in path else API)
            except Exception:  # the network is bad: look again
                found.clear()
                path = f"{self.namespace.resource_id}/clients?$top=100"
                continue
            found |= {each["name"]: each["properties"] for each in page["value"]}
            path = page.get("nextLink", "").removeprefix(self.emulator.url)
        return found

    def _is_settled(self) -> bool:
        from namespaces.models import Client

        time.sleep(0.2)
        return not Client.objects.unsettled().exists()

    def _has_ended(self) -> bool:
        from namespaces.models import ChangeSet, Client

        time.sleep(0.2)
        unfinished = ChangeSet.objects.filter(pk__in=self.approved).exclude(state__in=["done", "parked"])
        waiting = Client.objects.unsettled().filter(parked_code="")
        return not unfinished.exists() and not waiting.exists()

    def _verdict(self) -> dict[str, Any]:
        from namespaces.models import ChangeSet

        self._check_azure()
        found = self._in_azure()
        states: dict[str, int] = {}
        for number, pk in enumerate(self.approved):
            change_set = ChangeSet.objects.get(pk=pk)
            states[change_set.state] = states.get(change_set.state, 0) + 1
            expected = "parked" if number % EVERY_TENTH == 0 else "done"
            if change_set.state != expected or (expected == "parked" and not change_set.problem):
                self.problems.append(f"set {number}: {change_set.state} {change_set.problem}")
            if expected == "done":
                self.problems += self._differences(number, found)
        untouched = ChangeSet.objects.filter(pk__in=self.others, state="open").count()
        return {"problems": self.problems, "states": states, "left open": untouched}

    def _differences(self, number: int, found: dict[str, Any]) -> list[str]:
        """Return what a set that is called applied did not do in Azure."""
        wrong = [
            f"new-{number}-{each} is missing" for each in range(self.created) if f"new-{number}-{each}" not in found
        ]
        updated = [f"old-{number}-{each}" for each in range(UPDATED)]
        wrong += [f"{name} is not updated" for name in updated if found.get(name, {}).get("state") != "Disabled"]
        last = range(UPDATED, UPDATED + DELETED)
        return wrong + [f"old-{number}-{each} is there" for each in last if f"old-{number}-{each}" in found]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--created", type=int, default=CREATED, help="clients that each set creates")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--patience", type=float, default=200.0, help="seconds to wait for each phase")
    parser.add_argument("--postgresql-and-redis", action="store_true")
    options = parser.parse_args()
    report = run(
        sets=options.sets,
        created=options.created,
        seed=options.seed,
        patience=options.patience,
        real_servers=options.postgresql_and_redis,
    )
    print(json.dumps({"seed": options.seed, **report}, indent=2))
    return 1 if report["problems"] or report["left open"] != NOT_APPROVED else 0


if __name__ == "__main__":
    sys.exit(main())
