"""The limits of the ARM endpoint, with real sockets: silent, half-open, slow and too many connections, bad requests."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from emulator.arm.limits import MAX_BODY_BYTES, MAX_DESCRIPTION_CHARACTERS, MAX_SIGN_IN_BYTES, ArmLimits
from emulator.options import parse_arguments
from tests.support.azure.emulator_process import FORM, EmulatorProcess
from tests.support.waiting import until

CONNECTIONS = 8
OPTIONS = [f"--arm-connections={CONNECTIONS}", "--arm-head-seconds=1", "--arm-body-seconds=1", "--arm-idle-seconds=1"]
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    emulator = EmulatorProcess(tmp_path_factory.mktemp("bounded"), "--in-memory", *OPTIONS)
    yield emulator
    emulator.stop()


def raw(emulator: EmulatorProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2])), timeout=60)


def opened(emulator: EmulatorProcess, data: bytes = b"") -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=emulator.ca)
    client = context.wrap_socket(raw(emulator), server_hostname="localhost")
    client.sendall(data)
    return client


def until_closed(client: socket.socket) -> bytes:
    """Return what arrives until the other side closes the connection."""
    received = b""
    try:
        while data := client.recv(65_536):
            received += data
    except (ConnectionError, ssl.SSLError):  # closed without ceremony
        pass
    return received


def is_serving(emulator: EmulatorProcess) -> bool:
    try:
        with opened(emulator, HEALTH) as client:
            return client.recv(4096).startswith(b"HTTP/1.1 200 ")
    except (ConnectionError, ssl.SSLError):
        return False


def head(emulator: EmulatorProcess, method: str, path: str, length: int) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {emulator.token()}"]
    lines += [f"Content-Type: {FORM['Content-Type']}"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


# Time


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01\x02\x00"], ids=["silent", "half a handshake"])
def test_a_connection_without_tls_is_closed(bounded: EmulatorProcess, data: bytes) -> None:
    with raw(bounded) as client:
        client.sendall(data)
        assert until_closed(client) == b""


@pytest.mark.parametrize("data", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc"], ids=["silent", "half-open"])
def test_a_connection_without_a_request_is_closed(bounded: EmulatorProcess, data: bytes) -> None:
    with opened(bounded, data) as client:
        assert until_closed(client) == b""


@pytest.mark.parametrize("more", [b"", b"GET /healthz HTTP/1.1\r\nHo"], ids=["idle", "half a request"])
def test_a_kept_connection_is_closed_when_idle(bounded: EmulatorProcess, more: bytes) -> None:
    with opened(bounded, HEALTH) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        client.sendall(more)
        assert b"HTTP/1.1" not in until_closed(client)


@pytest.mark.parametrize("path", ["/subscriptions/x/resourceGroups/y?api-version=2021-04-01", "/emulator/faults"])
def test_a_body_that_does_not_arrive_is_refused(bounded: EmulatorProcess, path: str) -> None:
    method = "POST" if path.startswith("/emulator") else "PUT"
    with opened(bounded, head(bounded, method, path, 100) + b'{"loc') as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_form_that_does_not_arrive_is_refused(bounded: EmulatorProcess) -> None:
    path = f"/{bounded.tenant}/oauth2/v2.0/token"
    with opened(bounded, head(bounded, "POST", path, 100) + b"grant_type=") as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_head_in_pieces_is_a_request(bounded: EmulatorProcess) -> None:
    with opened(bounded) as client:
        for at in range(0, len(HEALTH), 7):
            client.sendall(HEALTH[at : at + 7])
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_slow_response_is_no_idle_connection(bounded: EmulatorProcess) -> None:
    fault = {"kind": "latency", "seconds": 2.5, "count": 1, "path": "/subscriptions*"}
    bounded.call("POST", "/emulator/faults", fault)
    with opened(bounded, head(bounded, "GET", "/subscriptions?api-version=2022-12-01", 0)) as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


# Numbers


@pytest.mark.parametrize("with_tls", [False, True], ids=["handshakes", "connections"])
def test_too_many_connections_are_closed_and_others_served_afterwards(bounded: EmulatorProcess, with_tls: bool) -> None:
    until(lambda: is_serving(bounded), "earlier connections are closed")
    with ExitStack() as stack:
        held = [stack.enter_context(opened(bounded) if with_tls else raw(bounded)) for _ in range(CONNECTIONS - 3)]
        held += [stack.enter_context(raw(bounded)) for _ in range(6)]
        # The last ones are closed at once, and the others after their time.
        for client in reversed(held):
            assert until_closed(client) == b""
    until(lambda: is_serving(bounded), "connections are accepted again")
    assert f"closed, {CONNECTIONS} connections are open" in bounded.log()


def test_a_body_is_limited(bounded: EmulatorProcess) -> None:
    bearer = {"Authorization": f"Bearer {bounded.token()}"}
    path = "/subscriptions/x/resourceGroups/y?api-version=2021-04-01"
    status, _, answer = bounded.send("PUT", path, b"x" * (MAX_BODY_BYTES + 1), bearer)
    assert (status, answer["error"]["code"]) == (413, "RequestContentTooLarge")


def test_a_form_for_a_token_is_limited(bounded: EmulatorProcess) -> None:
    path = f"/{bounded.tenant}/oauth2/v2.0/token"
    status, _, _ = bounded.send("POST", path, b"a=" + b"x" * MAX_SIGN_IN_BYTES, FORM)
    assert status == 413


def test_a_description_is_limited(bounded: EmulatorProcess) -> None:
    namespace = bounded.make_namespace("described", mqtt=False)

    def put(length: int) -> tuple[int, str]:
        bearer = {"Authorization": f"Bearer {bounded.token()}"}
        body = b'{"properties": {"description": "%s"}}' % (b"x" * length)
        status, _, answer = bounded.send("PUT", f"{namespace}/clients/c?api-version=2025-02-15", body, bearer)
        return status, str(answer.get("error", {}).get("target", ""))

    assert put(MAX_DESCRIPTION_CHARACTERS) == (200, "")
    assert put(MAX_DESCRIPTION_CHARACTERS + 1) == (400, "properties.description")


# Bad requests


@pytest.mark.parametrize(
    "data",
    [
        b"GET\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(500)) + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["short", "binary", "version", "header", "long line", "long header", "many headers", "length"],
)
@pytest.mark.parametrize("before", [b"", HEALTH], ids=["first", "second"])
def test_a_bad_request_is_one_line_in_the_log(bounded: EmulatorProcess, before: bytes, data: bytes) -> None:
    logged = len(bounded.log())
    with opened(bounded, before) as client:
        if before:
            client.recv(4096)
        client.sendall(data)
        assert until_closed(client).split()[1] == b"400"
    added = bounded.log()[logged:].splitlines()
    assert len(added) <= 1
    assert "Traceback" not in bounded.log()


@pytest.mark.parametrize("junk", ["!", "=", "==x", " x", ".x", "\\", ", Bearer x", "A"])
def test_junk_behind_a_token_is_refused(bounded: EmulatorProcess, junk: str) -> None:
    path = "/subscriptions?api-version=2022-12-01"
    for token, expected in ((bounded.token(), 200), (bounded.token() + junk, 401), ("x" + bounded.token(), 401)):
        status, _, _ = bounded.send("GET", path, headers={"Authorization": f"Bearer {token}"})
        assert status == expected, token


# Options


def test_the_options_have_defaults_and_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_arguments([]).arm_connections == ArmLimits().connections
    monkeypatch.setenv("EMULATOR_ARM_CONNECTIONS", "7")
    assert parse_arguments([]).arm_connections == 7
    assert parse_arguments(["--arm-connections", "9"]).arm_connections == 9


@pytest.mark.parametrize("option", ["--arm-connections=0", "--arm-head-seconds=-1", "--arm-idle-seconds=nan"])
def test_an_option_that_bounds_nothing_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments([option])
    assert re.search(r"--arm-\w+", capsys.readouterr().err)
