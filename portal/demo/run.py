"""Run the whole product on one machine: start emulator, worker and portal, create the data, restart them, stop them together."""

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal.demo.checks import Arm, devices_answer, mqtt_answers, portal_answers, worker_answers
from portal.demo.decisions import PORT as DECISIONS_PORT
from portal.demo.decisions import DemoDecisions
from portal.demo.devices import Devices
from portal.demo.reach import Reach
from portal.demo.single_sign_on import PORT as PROVIDER_PORT
from portal.demo.single_sign_on import DemoProvider
from portal.demo.state import HOST, StateFolder, free_ports, listen
from portal.demo.supervisor import Part, PartError, Stopped, Supervisor, write_private

ARM_PORT = 8443
MQTT_PORT = 8883
MQTT_PORTS = 8  # consecutive ports that must be free: one per namespace, and some for namespaces added later
READY_SECONDS = 180.0  # for a slow machine: a part that ends is noticed at once
FILLED = "contoso-plant"  # the namespace with devices
WORKER_CLASS = "portal.serving.bounded_worker.BoundedThreadWorker"
REFRESH_SECONDS = 3.0
MOST_SEATS = 60  # of a class
# Variables with these prefixes are not passed on from the shell: the demo sets storage, broker and Azure itself.
OWN_VARIABLES = (
    "PORTAL_",
    "AZURE_",
    "CELERY_",
    "DATABASE_URL",
    "MQTT_ENDPOINTS",
    "CONNECTION_LOG_",
    "DEVICES_",
    "DECISION",
    "GUNICORN_",
)
PASSED_ON = ("PORTAL_REVOCATION_LIST_",)  # settings that the demo has no value of its own for


class Demo:
    """One run of the demo, with its data in one state folder.

    `port`: the port of the portal; with 0, all parts use free ports. `broker`: the URL of a running message broker;
    with "", Celery stores its messages as files in the folder. `azure`: the time at which the emulator behaves as Azure
    did, such as "2025-02"; with "", its newest. `sso`: whether to run an identity provider too. `empty`: whether a new folder
    gets two bare namespaces only. `seats`: of a class that is held; 0 for none. `reach`: the address at which it is reached.
    """

    def __init__(
        self,
        folder: StateFolder,
        *,
        port: int,
        broker: str,
        azure: str,
        sso: bool,
        empty: bool,
        seats: int,
        reach: Reach,
        code: Path,
        report: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._port = port
        self._broker = broker
        self._azure = azure
        self._sso = sso
        self._empty = empty
        self._seats = seats
        self._reach = reach
        self._class: dict[str, Any] = {}
        self._provider: DemoProvider | None = None
        self._decisions: DemoDecisions | None = None
        self._report = report
        self._seed: dict[str, Any] = {}
        self._is_fresh = True
        self._arm: Arm | None = None
        self._worker: Part | None = None
        self._listener: socket.socket | None = None
        environment = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(PASSED_ON) or not name.startswith(OWN_VARIABLES)
        }
        self._supervisor = Supervisor(
            folder=code,
            state_file=folder.parts,
            environment=environment | self._settings(),
            report=report,
            on_death=self._withdraw,
        )
        self._withdraw()

    def run(self) -> None:
        """Start everything and keep it running until the user stops it.

        Raise PartError or StateError if a part cannot start. All processes are stopped in every case.
        """
        with self._signals():
            try:
                self._bring_up()
                self._start_class()
                Devices(self._folder.devices, self._folder.mqtt_endpoints, FILLED).start()
                self._announce()
                self._watch()
            except Stopped:
                self._report("Stopping …")
            finally:
                self._folder.endpoints.unlink(missing_ok=True)
                self._supervisor.stop()
        self._report("All parts have stopped. The data is kept; `--reset` starts over.")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, lambda *_: self._supervisor.ask_to_stop()) for number in asked}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # Up

    def _bring_up(self) -> None:
        folder, supervisor = self._folder, self._supervisor
        self._listener = listen(self._port, self._report, "the portal", address=self._reach.address)
        arm_port = free_ports(ARM_PORT if self._port else 0, 1, self._report, "ARM")
        mqtt = MQTT_PORT if self._port else 0
        mqtt_port = free_ports(mqtt, MQTT_PORTS, self._report, "MQTT", address=self._reach.address)
        decisions = self._decisions = DemoDecisions(
            folder.decisions,
            wanted_port=DECISIONS_PORT if self._port else 0,
            now=datetime.now(UTC),
            report=self._report,
        )
        folder.emulator.mkdir(mode=0o700, exist_ok=True)
        emulator = {"state": folder.emulator, "host": HOST, "port": arm_port, "mqtt-port-base": mqtt_port}
        chosen = {"azure": self._azure} if self._azure else {}
        given = emulator | {"ready-file": folder.emulator_ready} | chosen
        given |= decisions.emulator_options() | self._reach.emulator_options()
        options = [f"--{name}={value}" for name, value in given.items()]
        supervisor.start("emulator", "emulator", options)
        supervisor.run("migrate", "django", ["migrate", "--verbosity=0"])
        supervisor.wait(folder.emulator_ready.exists, seconds=READY_SECONDS, what=lambda: "the emulator")
        self._arm = Arm.from_ready_file(folder.emulator_ready)
        arm = self._arm
        supervisor.environment |= self._target(arm)
        supervisor.environment |= decisions.settings(authority=arm.url, authority_ca=arm.ca, prober=arm.object_id)
        self._start_provider()
        self._worker = supervisor.start("worker", "celery", self._worker_options())
        supervisor.start("clock", "celery", self._clock_options())
        listener = self._listener.fileno()
        supervisor.start("devices", "django", ["devices"])
        decisions.start(supervisor)
        supervisor.start("portal", "gunicorn", self._portal_options(listener), keep_open=[listener])
        self._seed = self._read_seed()
        self._wait_for_answers()

    def _start_provider(self) -> None:
        if self._sso:
            url, port = self._portal_url(), PROVIDER_PORT if self._port else 0
            self._provider = DemoProvider(self._folder, portal_url=url, wanted_port=port, report=self._report)
            self._provider.start(self._supervisor)

    def _read_seed(self) -> dict[str, Any]:
        """Return the demo's data. It is created once per folder, so resources that the user deleted do not come back."""
        seed = self._folder.seed
        self._is_fresh = not seed.exists()
        if self._is_fresh:
            output = self._supervisor.run("seed", "django", ["seed_demo", f"--passwords={self._folder.passwords}"])
            write_private(seed, output.splitlines()[-1])
            if not self._empty:
                self._folder.to_fill.touch(mode=0o600)
        known: dict[str, Any] = json.loads(seed.read_text(encoding="utf-8"))
        return known

    def _settings(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORTAL_STATE_DIR": str(self._folder.path),
            "PORTAL_SECRET_KEY": self._folder.secret_key(),
            "PORTAL_DEBUG": "false",
            "PORTAL_DEMO": "true",
            "MQTT_ENDPOINTS": str(self._folder.mqtt_endpoints),
            "CONNECTION_LOG_GATEWAY": "sync.capabilities.connection_log.ArmConnectionLog",
            "LIVE_STATE_GATEWAY": "sync.capabilities.live_state.ArmLiveState",
            "MQTT_OPEN_WITHOUT_RULES": "true",
            "FAULT_CONTROL_GATEWAY": "sync.capabilities.fault_training.EmulatorFaults",
            "DEVICES_IN_BROWSER": "true",
            **self._broker_settings(),
            **self._reach.settings(),
            "PYTHONUNBUFFERED": "1",
            # glibc keeps a memory pool per thread and returns little of it.
            "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
        }

    def _broker_settings(self) -> dict[str, str]:
        if not self._broker:
            return {}
        return {"CELERY_BROKER_URL": self._broker, "CELERY_TASK_DEFAULT_QUEUE": self._folder.queue}

    @staticmethod
    def _target(arm: Arm) -> dict[str, str]:
        """Return the settings that point to the emulator: all that differs from real Azure."""
        return {
            "AZURE_ARM_URL": arm.url,
            "AZURE_ARM_CA": arm.ca,
            "AZURE_ARM_SCOPE": f"{arm.url}/.default",
            "AZURE_AUTHORITY_URL": arm.url,
            "AZURE_TENANT_ID": arm.tenant,
            "AZURE_CLIENT_ID": arm.client_id,
            "AZURE_CLIENT_SECRET": arm.client_secret,
            "AZURE_SUBSCRIPTION_ID": arm.subscription,
        }

    @staticmethod
    def _worker_options() -> list[str]:
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        pool = ["--pool=threads", "--concurrency=8", "--loglevel=INFO"]
        return ["--app=portal", "worker", "--hostname=demo@localhost", *pool, *quiet]

    def _clock_options(self) -> list[str]:
        # Not `worker --beat`: killing the worker must not leave a second scheduler running.
        schedule = self._folder.path / "beat-schedule"
        return ["--app=portal", "beat", f"--schedule={schedule}", "--pidfile=", "--loglevel=WARNING"]

    def _portal_options(self, listener: int) -> list[str]:
        # The supervisor holds the socket: a restarted portal keeps its port and pending connections.
        threads = [f"--worker-class={WORKER_CLASS}", "--workers=1", "--threads=8", "--graceful-timeout=2"]
        return [
            "portal.wsgi:application",
            f"--bind=fd://{listener}",
            "--no-control-socket",
            *threads,
            *self._reach.portal_options(),
        ]

    # Ready

    def _wait_for_answers(self) -> None:
        """Wait until every part responds, then write their addresses to `endpoints.json`."""
        self._supervisor.wait(self._everything_answers, seconds=READY_SECONDS, what=self._silent_parts, every=0.1)
        self._fill()
        write_private(self._folder.endpoints, json.dumps(self._endpoints(), indent=2))

    def _fill(self) -> None:
        """Fill a new folder once, through the running parts. Where that was interrupted, it is completed."""
        if self._folder.to_fill.exists():
            self._report("Filling contoso-plant with devices and a day of connections …")
            try:
                self._supervisor.run("fill", "django", ["fill_demo"])
            except PartError as error:
                self._report(f"The demo's data is incomplete. {error}")
            self._folder.to_fill.unlink(missing_ok=True)

    def _start_class(self) -> None:
        """Make the class that was asked for, unless one runs in this folder already."""
        if self._seats:
            output = self._supervisor.run("class", "django", ["start_class", f"--seats={self._seats}"])
            self._class = json.loads(output.splitlines()[-1])
            write_private(self._folder.endpoints, json.dumps(self._endpoints(), indent=2))

    def _withdraw(self) -> None:
        """Delete `endpoints.json` and mark every part as not responding, after a part ended unexpectedly."""
        self._folder.endpoints.unlink(missing_ok=True)
        self._silent = {"worker", "portal", "devices", "decisions", "ARM", "MQTT"} | (
            {"identity provider"} if self._sso else set()
        )

    def _everything_answers(self) -> bool:
        arm, worker = self._arm, self._worker
        assert arm is not None
        assert worker is not None
        asked: dict[str, Callable[[], bool]] = {
            "worker": lambda: worker_answers(self._folder.heartbeat, worker.started_at),
            "portal": lambda: portal_answers(self._portal_url(), self._reach.ca),
            "devices": lambda: devices_answer(self._folder.browser_devices),
            "decisions": lambda: self._decisions is not None and self._decisions.answers(),
            "ARM": arm.answers,
            "MQTT": lambda: self._mqtt_answers(arm),
            "identity provider": lambda: self._provider is None or self._provider.answers(),
        }
        self._silent = {name for name, answers in asked.items() if name in self._silent and not answers()}
        return not self._silent

    def _silent_parts(self) -> str:
        return f"an answer of: {', '.join(sorted(self._silent))}"

    def _mqtt_answers(self, arm: Arm) -> bool:
        self._refresh_mqtt_endpoints(arm)
        endpoints = self._mqtt()
        if self._is_fresh and len(endpoints) < len(self._seed["namespaces"]):
            return False
        return all(mqtt_answers(each["host"], each["port"], each["ca"]) for each in endpoints.values())

    def _refresh_mqtt_endpoints(self, arm: Arm) -> None:
        """Write the MQTT endpoints for the portal, also of namespaces created in the emulator later."""
        with contextlib.suppress(ValueError, OSError):
            text = json.dumps(arm.mqtt(), indent=2, sort_keys=True)
            known = self._folder.mqtt_endpoints
            if not known.exists() or known.read_text(encoding="utf-8") != text:
                write_private(known, text)

    def _mqtt(self) -> dict[str, dict[str, Any]]:
        """Return the MQTT endpoint of each seeded namespace that still exists, by name."""
        try:
            by_id = json.loads(self._folder.mqtt_endpoints.read_text(encoding="utf-8"))
        except OSError:
            by_id = {}
        by_key = {resource_id.casefold(): endpoint for resource_id, endpoint in by_id.items()}
        there = {n["name"]: by_key.get(n["id"].casefold()) for n in self._seed["namespaces"]}
        return {name: endpoint for name, endpoint in there.items() if endpoint}

    def _portal_url(self) -> str:
        assert self._listener is not None
        return self._reach.url(self._listener.getsockname()[1])

    def _endpoints(self) -> dict[str, Any]:
        assert self._arm is not None
        mqtt = self._mqtt()
        passwords = json.loads(self._folder.passwords.read_text(encoding="utf-8"))
        return {
            "portal": self._portal_url(),
            "arm": self._arm.url,
            "arm_ca": self._arm.ca,
            "azure_profile": self._arm.azure_profile,
            "mqtt": next(iter(mqtt.values()), None),
            "mqtt_by_namespace": mqtt,
            "azure": {
                "tenant": self._arm.tenant,
                "subscription": self._seed["subscription"],
                "resource_group": self._seed["resource_group"],
                "client_id": self._arm.client_id,
                "client_secret": self._arm.client_secret,
            },
            "namespaces": list(mqtt),
            **({"decisions": self._decisions.url, "decisions_ca": self._decisions.ca} if self._decisions else {}),
            **({"identity_provider": self._provider.endpoints()} if self._provider else {}),
            **({"portal_ca": self._reach.ca} if self._reach.ca else {}),
            **({"class": self._class} if self._class else {}),
            "users": [person | {"password": passwords[person["username"]]} for person in self._seed["users"]],
        }

    def _announce(self) -> None:
        ready = self._endpoints()
        mqtt = ready["mqtt_by_namespace"].items()
        lines = [
            "",
            f"  Portal    {ready['portal']}",
            "",
            *(f"  Sign in   {u['username']:<8} {u['password']}   {u['role']}" for u in ready["users"]),
            "",
            *(self._provider.announcement() if self._provider else []),
            *self._reach.announcement(),
            *self._class_lines(ready["portal"].rstrip("/")),
            *(f"  MQTT      {endpoint['host']}:{endpoint['port']}   {name}" for name, endpoint in mqtt),
            f"  Decisions {ready['decisions']}   for namespaces that ask this portal",
            f"  ARM       {ready['arm']}   as Azure {ready['azure_profile']}",
            "",
            f"  Data, logs and endpoints.json are in {self._folder.path}. Ctrl-C stops everything.",
            "",
        ]
        self._report("\n".join(lines))

    def _class_lines(self, portal: str) -> list[str]:
        if not self._class:
            return []
        return [
            f"  Class     {portal}{self._class['join']}   code {self._class['code']}   {self._class['seats']} seats",
            f"  Board     {portal}{self._class['board']}",
            "",
        ]

    def _watch(self) -> None:
        refresh_at = 0.0
        while True:
            self._supervisor.check_stop()
            if self._supervisor.restart_the_dead():
                self._wait_for_answers()
                self._report("All parts respond again.")
            if time.monotonic() >= refresh_at and self._arm is not None:
                self._refresh_mqtt_endpoints(self._arm)
                refresh_at = time.monotonic() + REFRESH_SECONDS
            time.sleep(0.1)


__all__ = ["Demo", "PartError"]
