"""docs/production.md, followed: its commands make a running portal that outlives every fault, and can be restored."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from certificates.samples.chain import ClientName, make_sample_chain
from tests.deployment.browser import Browser
from tests.deployment.installation import Installation, Services, services
from tests.deployment.observatory import Page, points_by_rule, score
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.servers.metrics import samples
from tests.support.servers.nginx import write_configuration
from tests.support.servers.postgresql_and_redis import PostgreSQL, Redis, postgresql_server, redis
from tests.support.servers.tls_proxy import TLSProxy, tls_proxy_to
from tests.support.waiting import until

CLIENTS = 150  # each is changed six times
LATE_WRITES = 120  # ARM_LATE_SECONDS
AFTER_THE_RETURN = 60.0  # seconds until nothing waits any more
NAMED_WITHIN, ENDED_WITHIN = 60.0, 15.0  # seconds for /readyz
ALL_SERVICES = ("web", "worker-1", "worker-2", "clock")


class Production:
    """A portal in production, with its servers, in the hands of a test."""

    def __init__(self, installation: Installation, proxy: TLSProxy, azure: EmulatorProcess) -> None:
        self.installation, self.proxy, self.azure = installation, proxy, azure
        self.browser = Browser(proxy.url, proxy.ca)
        self.measured: dict[str, float] = {}
        self.namespace_id = azure.make_namespace("plant")
        self.pk = 0

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.measured[name] = round(time.monotonic() - began, 1)

    def wait(self, name: str, condition: Callable[[], bool], seconds: float) -> None:
        """Wait, and write the seconds down."""
        with self.phase(name):
            until(condition, name, seconds, every=0.25)

    def make_clients_in_azure(self) -> None:
        scheme = {"validationScheme": "SubjectMatchesAuthenticationName"}
        for number in range(CLIENTS):
            name = f"sensor-{number}"
            properties = {"authenticationName": name, "clientCertificateAuthentication": scheme, "state": "Enabled"}
            self.azure.call("PUT", f"{self.namespace_id}/clients/{name}", {"properties": properties})

    def clients_in_azure(self) -> dict[str, str]:
        """Return the state of each client in Azure."""
        found: dict[str, str] = {}
        path = f"{self.namespace_id}/clients?$top=100"
        while path:
            page = self.azure.call("GET", path, api_version=None if "api-version" in path else "2025-02-15")
            found |= {client["name"]: client["properties"]["state"] for client in page["value"]}
            path = page.get("nextLink", "").removeprefix(self.azure.url)
        return found

    def path(self, rest: str) -> str:
        return f"/namespaces/{self.pk}/{rest}"

    def change_all_clients(self, change: str) -> None:
        """Send the bulk form of the page: one request that changes every client."""
        fields = {"change": change, "which": "all"}
        question = self.path(f"change-clients/?change={change}&which=all")
        _, page = self.browser.get(question)
        fields |= dict(re.findall(r'<input type="hidden" name="(generations)" value="([^"]*)"', page))
        status, _ = self.browser.post(self.path("change-clients/"), fields, form=question)
        assert status == 200

    def nothing_waits(self) -> bool:
        exposition = self.installation.metrics()
        unsettled = [v for labels, v in samples(exposition, "portal_sync_rows") if labels["state"] == "unsettled"]
        return bool(unsettled) and not any(unsettled)

    def nothing_is_rejected(self) -> bool:
        return not samples(self.installation.metrics(), "portal_sync_parked")

    def is_ready(self) -> bool:
        return self.installation.readiness()[0] == 200

    def reports(self, *parts: str) -> bool:
        status, failed = self.installation.readiness()
        return status == 503 and failed >= set(parts)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def database() -> Iterator[PostgreSQL]:
    with postgresql_server() as server:
        yield server


@pytest.fixture
def broker() -> Iterator[Redis]:
    with redis() as server:
        yield server


@pytest.fixture
def production(
    tmp_path: Path, database: PostgreSQL, broker: Redis, own_emulator: EmulatorProcess
) -> Iterator[Production]:
    installation = Installation(tmp_path, free_port())
    with tls_proxy_to(installation.port, tmp_path / "proxy") as proxy:
        installation.url = proxy.url
        shown = installation.install()
        assert "requirements/production.txt" in shown or not shown
        # 127.0.0.2 is the TLS proxy of the test, 127.0.0.1 nginx.
        installation.configure(database, broker, own_emulator, proxies="127.0.0.2,127.0.0.1")
        yield Production(installation, proxy, own_emulator)


@pytest.mark.long
def test_the_page_leads_to_a_portal_that_outlives_every_fault(
    production: Production, database: PostgreSQL, broker: Redis
) -> None:
    production.make_clients_in_azure()
    with production.phase("prepare"):
        password = prepare(production)
    with services(production.installation) as running:
        try:
            production.wait("started and ready", production.is_ready, 120)
            sign_in(production, password)
            connect_and_upload(production)
            check_deployment(production)
            redis_goes_away(production, broker)
            postgresql_goes_away(production, database)
            azure_goes_away(production)
            processes_are_killed(production, running)
            assert production.nothing_is_rejected()
            back_up_and_restore(production, running)
        except BaseException:
            print_logs(production.installation.logs)
            raise
        finally:
            print(json.dumps(production.measured, indent=2))


def print_logs(folder: Path) -> None:
    for log in sorted(folder.iterdir()):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}")


def prepare(production: Production) -> str:
    """Make tables, static files and the first account; return its password."""
    printed = production.installation.run("prepare")
    found = re.search(r"User name +admin\nPassword +(\S+)", printed)
    assert found, printed
    assert production.installation.state.stat().st_mode & 0o777 == 0o700
    return found[1]


def sign_in(production: Production, password: str) -> None:
    browser = production.browser
    status, page = browser.get("/sign-in/")
    assert status == 200
    assert re.search(r'href="/static/[^"]+\.[0-9a-f]{12}\.css"', page)  # hashed by collectstatic
    status, _ = browser.post("/sign-in/", {"username": "admin", "password": password})
    assert (status, browser.address) == (200, f"{production.proxy.url}/home/")
    status, page = browser.get("/namespaces/")
    headers = {name.lower(): value for name, value in browser.headers.items()}
    opened = Page(f"{production.proxy.url}/namespaces/", headers, [], page, redirect="https://127.0.0.2/namespaces/")
    assert score(opened) >= 120, points_by_rule(opened)  # HSTS of one hour costs 10 points, no cookie is set here


def connect_and_upload(production: Production) -> None:
    browser = production.browser
    with production.phase("connected and imported"):
        status, _ = browser.post("/namespaces/connect/", {"resource_id": production.namespace_id})
        assert status == 200
        production.pk = int(browser.address.rstrip("/").rpartition("/")[2])
        until(lambda: client_count(production) == CLIENTS, "the clients are imported", 60, every=0.25)
    with production.phase("upload until Succeeded"):
        chain = make_sample_chain([ClientName("sensor-1")], at=timezone.now())
        fields = {"name": "plant-root", "pem": chain.root.certificate_pem}
        status, _ = browser.post(production.path("upload-certificate/"), fields)
        assert status == 200
        page = production.path("ca-certificates/plant-root/")
        until(lambda: 'data-state="Succeeded"' in browser.get(page)[1], "the upload has succeeded", 60, every=0.25)
    name = production.azure.call("GET", f"{production.namespace_id}/caCertificates/plant-root")["name"]
    assert name == "plant-root"


def client_count(production: Production) -> int:
    status, text = production.browser.get(production.path("clients.csv"))
    return len(text.strip().splitlines()) - 1 if status == 200 else -1


def check_deployment(production: Production) -> None:
    """`check_deployment` finds no error through the proxy of the test, and none through nginx where it is installed."""
    installation, ca = production.installation, production.proxy.ca
    with contextlib.ExitStack() as stack:
        for url in filter(None, (production.proxy.url, nginx_in_front(production, stack))):
            installation.url = url
            assert "ERROR" not in installation.run("check", more=f" --ca {ca}")
    installation.url = production.proxy.url


def nginx_in_front(production: Production, stack: contextlib.ExitStack) -> str:
    """Run nginx with deploy/nginx.conf and return its address; "" where it is not installed."""
    nginx = shutil.which("nginx")
    if nginx is None:
        return ""
    folder, port = production.installation.logs.parent / "nginx", free_port()
    folder.mkdir()
    options = write_configuration(
        folder,
        production.proxy.authority,
        https=f"127.0.0.2:{port}",
        name="127.0.0.2",
        portal=production.installation.port,
    )
    process = subprocess.Popen([nginx, *options])
    stack.callback(process.wait, timeout=60)
    stack.callback(process.kill)
    url = f"https://127.0.0.2:{port}"
    until(lambda: Browser(url, production.proxy.ca).get("/sign-in/")[0] == 200, "nginx answers", 30, every=0.2)
    return url


# Faults while a bulk runs


def keep_away(seconds: float, watch: Callable[[], Any]) -> None:
    """Let an outage last so long, and watch the portal meanwhile."""
    until_then = time.monotonic() + seconds
    until(lambda: bool(watch()) and time.monotonic() >= until_then, "the outage ends", seconds + 60, every=0.5)


def redis_goes_away(production: Production, broker: Redis) -> None:
    broker.kill()
    production.change_all_clients("disable")
    keep_away(15, lambda: production.browser.get(production.path("clients/"))[0] == 200)
    broker.start()
    production.wait("settled after Redis was away for 15 s", production.nothing_waits, AFTER_THE_RETURN)
    assert set(production.clients_in_azure().values()) == {"Disabled"}
    production.wait("ready after Redis was away", production.is_ready, ENDED_WITHIN)


def postgresql_goes_away(production: Production, database: PostgreSQL) -> None:
    production.change_all_clients("enable")
    database.stop()
    production.wait("/readyz names the database", lambda: production.reports("database"), NAMED_WITHIN)
    keep_away(10, lambda: production.browser.get("/healthz")[0] == 200)
    database.start()
    production.wait("ready after PostgreSQL was away", production.is_ready, ENDED_WITHIN)
    pages = [production.browser.get(production.path("clients/"))[0] for _ in range(20)]
    assert set(pages) == {200}  # no thread keeps a broken connection
    production.wait("settled after PostgreSQL was away for 10 s", production.nothing_waits, AFTER_THE_RETURN)
    assert set(production.clients_in_azure().values()) == {"Enabled"}


def azure_goes_away(production: Production) -> None:
    production.change_all_clients("disable")
    production.azure.kill()
    assert not production.nothing_waits()
    keep_away(30, lambda: production.browser.get(production.path("sync/"))[0] == 200)
    assert production.is_ready()  # Azure is no part of the portal: the page Sync shows that it is away
    production.azure.restart()
    production.wait("settled after Azure was away for 30 s", production.nothing_waits, AFTER_THE_RETURN)
    assert set(production.clients_in_azure().values()) == {"Disabled"}


def processes_are_killed(production: Production, running: Services) -> None:
    """Kill a worker and a web process while a bulk runs, then the clock, then everything that sends."""
    production.change_all_clients("enable")
    running.kill("worker-1")
    running.kill_a_web_process()
    production.wait("settled after kill -9 of a worker and a web process", production.nothing_waits, AFTER_THE_RETURN)
    assert set(production.clients_in_azure().values()) == {"Enabled"}
    clock_killed = time.monotonic()
    running.kill("clock", keep_away=True)
    production.change_all_clients("disable")
    production.wait("settled without a clock", production.nothing_waits, AFTER_THE_RETURN)
    running.kill("worker-1", "worker-2", keep_away=True)
    production.change_all_clients("enable")  # pages serve and store
    production.wait("/readyz names the clock", lambda: production.reports("clock"), NAMED_WITHIN)
    production.measured["/readyz names the clock, since kill -9"] = round(time.monotonic() - clock_killed, 1)
    production.wait("/readyz names the workers", lambda: production.reports("clock", "workers"), NAMED_WITHIN)
    assert set(production.clients_in_azure().values()) == {"Disabled"}
    running.release("clock", "worker-1", "worker-2")
    until(lambda: running_again(running), "clock and workers are started again", 20, every=0.1)
    production.wait("ready after clock and workers returned", production.is_ready, ENDED_WITHIN)
    production.wait("settled after clock and workers returned", production.nothing_waits, AFTER_THE_RETURN)
    assert set(production.clients_in_azure().values()) == {"Enabled"}


def running_again(running: Services) -> bool:
    return all(process.poll() is None for process in running.running.values())


# Backup and restore


def back_up_and_restore(production: Production, running: Services) -> None:
    """Restore an older dump: what came later shows up as drift, and nothing in Azure is overwritten."""
    installation = production.installation
    with production.phase("pg_dump"):
        installation.run("backup")
    assert (installation.code / "portal.dump").exists()
    make_later_changes(production)
    later = production.clients_in_azure()
    running.stop(*ALL_SERVICES)
    with production.phase("pg_restore"):
        installation.run("restore")
    running.release(*ALL_SERVICES)
    production.wait("ready after the restore", production.is_ready, 120)
    assert client_count(production) == CLIENTS
    status, _ = production.browser.post(production.path("drift/refresh/"), {}, form=production.path("drift/"))
    assert status == 200
    with production.phase("drift found"):
        until(lambda: drift(production) == {"appeared": 1, "changed": 1, "deleted": 1}, "drift is found", 60, every=0.5)
    assert production.nothing_waits()
    assert production.clients_in_azure() == later


def make_later_changes(production: Production) -> None:
    """Create, change and delete a client each after the dump was taken."""
    browser = production.browser
    fields = {
        "name": "after-the-dump",
        "authentication_name": "after-the-dump",
        "validation_scheme": "SubjectMatchesAuthenticationName",
        "state": "Enabled",
        "attributes-TOTAL_FORMS": "0",
        "attributes-INITIAL_FORMS": "0",
    }
    for path, sent in (
        ("create-client/", fields),
        ("clients/sensor-1/update/", {**fields, "state": "Disabled"}),
        ("clients/sensor-2/delete/", {"confirmed": "sensor-2"}),
    ):
        status, page = browser.post(production.path(path), sent)
        assert status == 200, page
    # A client whose worker was killed while it wrote is deleted only when that write can no longer arrive.
    production.wait("later changes settled", production.nothing_waits, LATE_WRITES + AFTER_THE_RETURN)
    now = production.clients_in_azure()
    assert (now["after-the-dump"], now["sensor-1"], now["sensor-3"]) == ("Enabled", "Disabled", "Enabled")
    assert "sensor-2" not in now


def drift(production: Production) -> dict[str, float]:
    found = samples(production.installation.metrics(), "portal_drift_open")
    return {labels["class"]: value for labels, value in found}
