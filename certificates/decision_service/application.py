"""The ASGI application: three addresses, no session, no template, no middleware.

Who asks is checked before the body is read, and no more of a body is read than a request may have.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from certificates.decision_service.loading import LoadedNamespace, Parts
from certificates.decision_service.recording import Recording
from certificates.decision_service.records import Recorded
from certificates.decision_service.refusals import Refusals
from certificates.decision_service.service import Decided, NotReadyError, Service
from certificates.decisions.json_text import StrictJSONError, read_object
from certificates.decisions.requests import ENVELOPE_FAULTS, MAX_BODY, ConnectRequest, EnvelopeError, read_request
from certificates.decisions.tokens import ExpectedCaller, TokenError

BODY_SECONDS = 5.0  # the bound that Microsoft recommends for the whole request
STOP_SECONDS = 5.0  # for what is not recorded yet
LONGEST_REQUEST_ID = 64
RETRY_AFTER = 5  # seconds, for callers that get 503

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request that is not decided about. `status` is of HTTP, `code` for machines."""

    def __init__(self, status: int, code: str, **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers


class Application:
    """One process's application. gunicorn calls it for each request, and at start and end of the process."""

    def __init__(self) -> None:
        self.service = Service()
        self.recording = Recording()
        self.refusals = Refusals()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        try:
            status, headers, body = 200, {}, await self._answer(scope, receive)
        except RefusedError as refusal:
            status, headers, body = refusal.status, refusal.headers, {"error": refusal.code}
        except Exception:
            # The frames of this code hold no token and no body in their text; a broker that gets 500 says "unavailable".
            logger.exception("A request failed")
            status, headers, body = 500, {}, {"error": "failed"}
        await _send(send, status, headers, body)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.service.start()
                self.recording.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                self.recording.stop()
                self.refusals.stop()
                await self.service.stop()
                await asyncio.to_thread(self.recording.join, STOP_SECONDS)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Mapping[str, Any], receive: Receive) -> Mapping[str, Any]:
        head, *rest = scope["path"].strip("/").split("/")
        if head == "ready" and not rest:
            _check_method(scope, "GET", "HEAD")
            return self._ready()
        if head != "decide" or len(rest) not in (1, 2) or rest[1:] not in ([], ["probe"]):
            raise RefusedError(404, "not-found")
        _check_method(scope, "POST")
        is_probe = bool(rest[1:])
        try:
            namespace = self.service.namespace(rest[0])
            if namespace is None:
                raise RefusedError(404, "not-found")
            return await (self._probe if is_probe else self._decide)(namespace, scope, receive)
        except NotReadyError as fault:
            raise _unavailable(fault) from fault
        except (TokenError, EnvelopeError) as fault:
            # The portal's own check sends a forged token on purpose.
            level = logging.INFO if is_probe else logging.WARNING
            self.refusals.note(_name(namespace), fault.code, level=level)
            if isinstance(fault, EnvelopeError):
                raise RefusedError(400, fault.code) from fault
            raise RefusedError(401, fault.code, **{"www-authenticate": "Bearer"}) from fault

    def _ready(self) -> Mapping[str, Any]:
        try:
            self.service.check_ready()
        except NotReadyError as fault:
            raise _unavailable(fault) from fault
        return {"ready": True, "generation": self.service.generation}

    async def _decide(
        self, namespace: LoadedNamespace, scope: Mapping[str, Any], receive: Receive
    ) -> Mapping[str, Any]:
        header, callers = _header(scope, b"authorization"), namespace.parts.callers
        await self.service.check_caller(namespace, header)
        request = read_request(await _body(scope, receive))
        namespace = await self._still_asked(namespace, header, callers)  # the body may have taken seconds
        decided = self.service.decide(namespace, request)
        found = self.service.newcomer(namespace, request, decided)
        if found is not None:
            callers = namespace.parts.callers
            decided = await self.service.meet(namespace, request, decided, found)
            namespace = await self._still_asked(namespace, header, callers)
        self._record(namespace.parts, request, decided, _request_id(scope))
        return decided.answer

    def _record(self, parts: Parts, request: ConnectRequest, decided: Decided, request_id: str) -> None:
        self.recording.put(
            Recorded(
                namespace_pk=parts.pk,
                resource_id=parts.resource_id,
                request=request,
                decision=decided.recorded,
                at=decided.at,
                ahead=parts.ahead,
                request_id=request_id,
                first_contact=decided.first_contact,
            )
        )

    async def _still_asked(
        self, former: LoadedNamespace, header: str, callers: Sequence[ExpectedCaller]
    ) -> LoadedNamespace:
        """Return the namespace as it is now. Where it expects other callers than before, check who asks again."""
        namespace = self._as_it_is_now(former)
        if namespace.parts.callers != callers:
            await self.service.check_caller(namespace, header)
        return namespace

    def _as_it_is_now(self, former: LoadedNamespace) -> LoadedNamespace:
        """Return the namespace as it was read last. Raise RefusedError where it is gone, NotReadyError."""
        now = self.service.namespace(former.parts.key)
        if now is None:
            raise RefusedError(404, "not-found")
        return now

    async def _probe(self, namespace: LoadedNamespace, scope: Mapping[str, Any], receive: Receive) -> Mapping[str, Any]:
        """Answer whether a decision could be made. The body may name the audience that is going to be configured."""
        body = await _body(scope, receive)
        try:
            audience = read_object(body).get("audience", "") if body else ""
        except StrictJSONError as fault:
            raise EnvelopeError("body-not-json") from fault
        await self.service.check_prober(
            namespace, _header(scope, b"authorization"), audience if isinstance(audience, str) else ""
        )
        return {"ready": True, "generation": self.service.generation, "namespace": namespace.parts.name}


def _name(namespace: LoadedNamespace | None) -> str:
    return namespace.parts.name if namespace is not None else "no namespace"


def _unavailable(fault: NotReadyError) -> RefusedError:
    return RefusedError(503, fault.code, **{"retry-after": str(RETRY_AFTER)})


def _check_method(scope: Mapping[str, Any], *allowed: str) -> None:
    if scope["method"] not in allowed:
        raise RefusedError(405, "method", allow=", ".join(allowed))


def _header(scope: Mapping[str, Any], name: bytes) -> str:
    """Return the value of a header, "" where it is missing, and of one that is there twice neither."""
    found = [value for each, value in scope["headers"] if each.lower() == name]
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _request_id(scope: Mapping[str, Any]) -> str:
    """Return the number that the broker gives its request, by which its own record of it is found; else one of our own."""
    found = _header(scope, b"x-ms-client-request-id")
    is_usable = 0 < len(found) <= LONGEST_REQUEST_ID and found.isascii() and found.isprintable()
    return found if is_usable else str(uuid.uuid4())


async def _body(scope: Mapping[str, Any], receive: Receive) -> bytes:
    """Read a body of at most MAX_BODY bytes. Raise EnvelopeError for a longer one without reading the rest."""
    declared = _header(scope, b"content-length")
    if declared.isdigit() and int(declared) > MAX_BODY:
        raise EnvelopeError("body-too-large")
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise RefusedError(400, "disconnected")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > MAX_BODY:
                    raise EnvelopeError("body-too-large")
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError as fault:
        raise RefusedError(408, "body-too-slow") from fault


async def _send(send: Send, status: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
    content = json.dumps(body).encode()
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *given]})
    await send({"type": "http.response.body", "body": content})


__all__ = ["ENVELOPE_FAULTS", "Application"]
