"""nginx in front of the service, as docs/portal-decides.md has it: on a host of its own, and on the portal's, asked over HTTP/2."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from emulator.authority import Authority
from tests.certificates.decision_service.conftest import make_asking
from tests.certificates.decision_service.deciding import HOST, DecidingPortal, claims, signed
from tests.support.programs import require_program
from tests.support.servers.nginx import SITE, write_configuration
from tests.support.waiting import until

NO_PORT = 1  # nothing listens there
PAGE = SITE.parents[1] / "docs/portal-decides.md"
(EXAMPLE,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
UPSTREAM, LOCATION = (
    re.search(rf"(?ms)^( *){word} .*?^\1}}\n", EXAMPLE)[0]  # type: ignore[index]
    for word in ("upstream mqtt_decisions", "location ~")
)
PORTALS = SITE.read_text(encoding="utf-8").replace("    location / {", f"{LOCATION}    location / {{", 1)
SITES = {"own-host": (EXAMPLE, "404"), "portals-host": (UPSTREAM + PORTALS, "502")}  # and the status of another address


@contextmanager
def nginx(folder: Path, site: str, portal: DecidingPortal) -> Iterator[str]:
    """Run nginx with a site in front of the service, which has TLS here, and yield its address."""
    program = require_program("nginx")
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    site = site.replace("http://mqtt_decisions", "https://mqtt_decisions").replace(
        f"{HOST}:8444", f"{HOST}:{portal.port}"
    )
    authority = Authority(portal.folder)
    options = write_configuration(folder, authority, https=f"{HOST}:{port}", name=HOST, portal=NO_PORT, site=site)
    process = subprocess.Popen([program, *options])
    try:
        until(lambda: _listens(port) or process.poll() is not None, "nginx listens", 30)
        yield f"https://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def curl(url: str, portal: DecidingPortal, *options: str, body: Any = None) -> tuple[str, str, Any]:
    """Return protocol, status and JSON of the answer to a request."""
    command = [
        require_program("curl"),
        "--silent",
        "--http2",
        "--cacert",
        portal.ca,
        "--write-out",
        "\n%{http_version} %{http_code}",
    ]
    posted = [] if body is None else ["--data-binary", "@-", "--header", "Content-Type: application/json"]
    given = None if body is None else json.dumps(body)
    run = subprocess.run([*command, *posted, *options, url], input=given, capture_output=True, text=True, check=True)
    content, _, found = run.stdout.rpartition("\n")
    protocol, status = found.split()
    return protocol, status, json.loads(content) if content.startswith("{") else content


@pytest.mark.parametrize("host", SITES)
def test_the_service_is_asked_through_nginx(
    host: str, deciding: DecidingPortal, django_db_blocker: Any, tmp_path: Path
) -> None:
    site, elsewhere = SITES[host]
    with deciding.database(django_db_blocker), nginx(tmp_path, site, deciding) as url:
        asking = make_asking(deciding, f"behind-{host}")
        until(lambda: all(asking.ask()[0] == 200 for _ in range(30)), "each process knows the namespace")
        token = f"Authorization: Bearer {signed(claims(deciding))}"
        address = f"{url}/decide/{asking.key}"
        protocol, status, answer = curl(address, deciding, "--header", token, body=asking.body())
        assert (protocol, status, answer["decision"]) == ("2", "200", "allow")
        assert curl(address, deciding, body=asking.body()) == ("2", "401", {"error": "token-missing"})
        _, status, answer = curl(f"{url}/ready", deciding)
        assert (status, answer["ready"]) == ("200", True)
        assert curl(f"{url}/elsewhere", deciding)[1] == elsewhere
