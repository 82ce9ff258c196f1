"""Responds to the HTTP requests at the MQTT host of one namespace."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from emulator.credentials import Credentials
from emulator.mqtt.connect_decision.ip_rules import IpRules
from emulator.mqtt.http_api.access import PUBLISHER_ROLE, SUBSCRIBER_ROLE, Access, authenticate
from emulator.mqtt.http_api.denials import DenialLog
from emulator.mqtt.http_api.exchange import HttpError, HttpRequest, HttpResponse
from emulator.mqtt.http_api.publishing import published_by
from emulator.mqtt.http_api.retained_messages import RetainedReader
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.sessions.message_limits import message_of
from emulator.mqtt.sessions.session import Message, Session
from emulator.profile import AzureProfile
from emulator.storage.connection_records import ConnectionRecord
from emulator.storage.store import Store

PUBLISH_VERSIONS = ("2025-02-15-preview", "2025-08-01-preview", "2025-11-16-preview")
RETAINED_VERSIONS = ("2025-11-16-preview",)
DENIALS = ("Forbidden", "InvalidTopic")  # codes of 403
logger = logging.getLogger("emulator.mqtt.http")


class HttpNamespace(Protocol):
    """What the requests need of their namespace."""

    namespace_id: str
    azure: AzureProfile
    broker: Broker
    ip_rules: IpRules
    wall_offset: float
    routes_messages: bool

    def publish(self, message: Message, publisher: Session | None, now: float) -> None: ...

    def record(self, record: ConnectionRecord) -> None: ...


class HttpService:
    """The three operations: publish, list retained messages, read one."""

    def __init__(
        self, namespace: HttpNamespace, store: Store, credentials: Credentials | None, *, open_topics: bool
    ) -> None:
        self._namespace = namespace
        self._store = store
        self._credentials = credentials
        self._open_topics = open_topics
        self._denials = DenialLog(namespace.namespace_id, namespace.record)

    def respond(self, request: HttpRequest, peer: str) -> HttpResponse:
        """Return the response to a request, with a request id."""
        request_id = str(uuid.uuid4())
        try:
            forbidden = self._namespace.ip_rules.refusal(peer)
            if forbidden is not None:
                raise HttpError(403, forbidden.signature, forbidden.sentence)
            response = self._operation(request)(request)
        except HttpError as problem:
            response = problem.response()
            logger.info("%s from %s: %s %s", request_id, peer, problem.status, problem.code)
            if problem.code in DENIALS and request.method == "POST" and self._credentials is not None:
                now = asyncio.get_running_loop().time()
                self._denials.add(self._credentials.object_id, peer, str(problem), request_id, now)
        except Exception:  # the outermost level: even a bug leads to a response
            logger.exception("%s from %s failed", request_id, peer)
            failure = HttpError(500, "InternalServerError", f"See request {request_id} in the emulator's log.")
            response = failure.response()
        return replace(response, headers={**response.headers, "x-ms-request-id": request_id})

    def _operation(self, request: HttpRequest) -> Callable[[HttpRequest], HttpResponse]:
        operations = {
            "/mqtt/messages": ("POST", PUBLISH_VERSIONS, self._publish),
            "/mqtt/retainedmessages": ("GET", RETAINED_VERSIONS, self._list_retained),
            "/mqtt/retainedmessages/message": ("GET", RETAINED_VERSIONS, self._get_retained),
        }
        found = operations.get(request.path.casefold()) if self._namespace.azure.http_publish else None
        if found is None:
            raise HttpError(404, "NotFound", "There is no such resource at the MQTT host.")
        method, versions, operation = found
        if request.method != method:
            raise HttpError(405, "MethodNotAllowed", f"Use {method}.", {"allow": method})
        _require_version(request, versions)
        return operation

    def _publish(self, request: HttpRequest) -> HttpResponse:
        caller = authenticate(request, self._credentials)
        namespace, now = self._namespace, asyncio.get_running_loop().time()
        access = self._access(caller, PUBLISHER_ROLE)
        published = published_by(request, namespace.azure)
        if not access.allows(published.topic):
            named = published.topic[:100]
            raise HttpError(403, "Forbidden", f"No topic space in which the identity is a publisher has '{named}'.")
        namespace.publish(message_of(published, now, namespace.azure), None, now)
        return HttpResponse(202 if namespace.routes_messages else 204)

    def _list_retained(self, request: HttpRequest) -> HttpResponse:
        return self._reader(request).list(request)

    def _get_retained(self, request: HttpRequest) -> HttpResponse:
        return self._reader(request).get(request)

    def _reader(self, request: HttpRequest) -> RetainedReader:
        caller = authenticate(request, self._credentials)
        access = self._access(caller, SUBSCRIBER_ROLE)
        now = asyncio.get_running_loop().time()
        return RetainedReader(self._namespace.broker.retained, access, now=now, wall_offset=self._namespace.wall_offset)

    def _access(self, caller: str, role: str) -> Access:
        return Access.of(self._store, self._namespace.namespace_id, caller, role, open_topics=self._open_topics)


def _require_version(request: HttpRequest, known: tuple[str, ...]) -> None:
    version = request.query().get("api-version", "")
    if not version:
        raise HttpError(400, "MissingApiVersionParameter", "The query parameter api-version is missing.")
    if version.casefold() not in known:
        raise HttpError(400, "InvalidApiVersionParameter", f"Use one of these API versions: {', '.join(known)}.")
