"""A fake Azure whose responses a test scripts one by one: reject, cut off, lose or delay exactly this request.

It implements no rules of Event Grid and stores whatever is PUT. The emulator tests the rules; this server tests faults of
the network.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest

from emulator.authority import Authority
from sync.arm.gateway import arm_gateway

COLLECTIONS = {"cacertificates", "clients", "clientgroups", "topicspaces", "permissionbindings"}


@dataclass
class Answer:
    """How to treat one request. `apply`: "now", "never", or "later" (when the test calls `land`)."""

    status: int = 0  # 0: by the store
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    apply: str = "now"
    wire: str = "whole"  # "whole", "torn" (half of it), "none" (closed without a response)
    change: Callable[[dict[str, Any]], None] | None = None  # changes the resource before it is stored


def refused(code: str, status: int = 400, *, apply: str = "never", **headers: str) -> Answer:
    body = {"error": {"code": code, "message": f"{code}, says the script."}}
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()}, apply=apply)


class ScriptedArm:
    """`script(method, answer, …)` sets the next responses to a method; later requests are answered from the store."""

    def __init__(self, authority: Authority) -> None:
        self.store: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.late: list[Callable[[], None]] = []
        self.before: Callable[[str, str], None] | None = None  # called before each response
        self.rule: Callable[[str, Any], Answer | None] | None = None  # path and body of a PUT → its rejection
        self.token_requests: list[str] = []  # paths
        self.before_token: Callable[[], Answer | None] | None = None  # another response to a token request
        self.tokens_seen: list[str] = []  # sent with the requests to ARM
        self._script: list[tuple[str, Answer]] = []
        self.lock = threading.RLock()
        arm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
                pass

            def handle_any(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                arm.respond(self, content)

            do_GET = do_PUT = do_DELETE = do_POST = do_HEAD = handle_any  # noqa: N815 - the base class calls them so

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(authority.certificate_path), str(authority.key_path))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()

    def script(self, method: str, *answers: Answer) -> None:
        with self.lock:
            self._script += [(method, answer) for answer in answers]

    def land(self) -> None:
        """Apply the delayed requests."""
        with self.lock:
            for apply in self.late:
                apply()
            self.late.clear()

    def methods(self) -> list[str]:
        """Return the methods of requests since the last call."""
        with self.lock:
            seen = [method for method, _, _ in self.requests]
            self.requests.clear()
        return seen

    def hold(self, resource_id: str, properties: Mapping[str, Any]) -> None:
        """Store a resource, as if others had changed Azure."""
        self.store[resource_id.lower()] = _resource(resource_id, properties)

    def held(self, resource_id: str) -> dict[str, Any] | None:
        """Return the stored properties of a resource, or None."""
        found = self.store.get(resource_id.lower())
        return found["properties"] if found else None

    def respond(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        path = unquote(handler.path.split("?")[0])
        if path.endswith(("/oauth2/v2.0/token", "/.well-known/openid-configuration")):
            _write(handler, self._identity(path))
            return
        method = handler.command
        body = json.loads(content) if content else None
        if self.before is not None:
            self.before(method, path)
        with self.lock:
            self.requests.append((method, path, body))
            self.tokens_seen.append(handler.headers.get("Authorization", "").removeprefix("Bearer "))
            answer = self._next(method)
            if self.rule is not None and method == "PUT":
                answer = self.rule(path, body) or answer

            def apply() -> Answer:
                return self._apply(method, path, body, answer)

            if answer.apply == "later":
                self.late.append(lambda: (apply(), None)[1])
            stored = apply() if answer.apply == "now" and answer.status < 300 else Answer(answer.status or 502)
        response = Answer(
            answer.status or stored.status,
            stored.body if answer.body is None else answer.body,
            {"x-ms-request-id": f"azure-{len(self.requests)}", **answer.headers},
            wire=answer.wire,
        )
        _write(handler, response)

    def _identity(self, path: str) -> Answer:
        """Answer discovery and token requests; tokens are numbered."""
        with self.lock:
            self.token_requests.append(path)
            count = sum(each.endswith("/token") for each in self.token_requests)
        instead = self.before_token() if self.before_token is not None else None
        if instead is not None:
            return instead
        if path.endswith("/token"):
            token = {"access_token": f"scripted-{count}", "expires_in": 3600, "token_type": "Bearer"}
            return Answer(200, token)
        base = f"{self.url}/t"
        endpoints = {"authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/oauth2/v2.0/token"}
        return Answer(200, {"issuer": f"{base}/v2.0", **endpoints})

    def _next(self, method: str) -> Answer:
        for index, (scripted, answer) in enumerate(self._script):
            if scripted == method:
                del self._script[index]
                return answer
        return Answer()

    def _apply(self, method: str, path: str, body: Any, answer: Answer) -> Answer:
        key = path.lower()
        if method == "PUT":
            kept = _resource(self.store[key]["id"] if key in self.store else path, body["properties"])
            if answer.change is not None:
                answer.change(kept)
            self.store[key] = kept
            return Answer(200, kept)
        if method == "DELETE":
            return Answer(200 if self.store.pop(key, None) else 204)
        if key in self.store:
            return Answer(200, self.store[key])
        children = [resource for known, resource in self.store.items() if known.rpartition("/")[0] == key]
        if children or key.rsplit("/", 1)[-1] in COLLECTIONS:
            return Answer(200, {"value": children})
        return Answer(404, {"error": {"code": "ResourceNotFound", "message": "It does not exist."}})


def _resource(resource_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    name = resource_id.rpartition("/")[2]
    return {"id": resource_id, "name": name, "properties": {**properties, "provisioningState": "Succeeded"}}


def _write(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    content = json.dumps(answer.body).encode() if answer.body is not None else b""
    if answer.wire == "none":
        handler.close_connection = True
        return
    handler.send_response(answer.status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content[: len(content) // 2] if answer.wire == "torn" else content)
    handler.close_connection = answer.wire == "torn"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def arm(authority: Authority, settings: Any) -> Iterator[ScriptedArm]:
    """A scripted Azure that the settings point to."""
    scripted = ScriptedArm(authority)
    settings.AZURE_ARM_URL = settings.AZURE_AUTHORITY_URL = scripted.url
    settings.AZURE_ARM_CA = str(authority.ca_path)
    settings.AZURE_TENANT_ID, settings.AZURE_CLIENT_ID, settings.AZURE_CLIENT_SECRET = "t", "c", "s"
    settings.ARM_READ_TIMEOUT = 15.0
    arm_gateway.cache_clear()
    yield scripted
    arm_gateway.cache_clear()
    scripted.server.shutdown()
    scripted.server.server_close()
