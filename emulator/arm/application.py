"""The aiohttp application: from an HTTPS request to a `Call`, and from an `Answer` or a refusal back."""

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from emulator.arm.calls import Answer, Call
from emulator.arm.errors import ArmError
from emulator.arm.event_grid import EventGrid
from emulator.arm.identity import cloud_metadata, managed_identity_token, openid_configuration, origin, token
from emulator.arm.paths import EVENT_GRID, parse_arm_path, split_path
from emulator.arm.subscriptions import Subscriptions
from emulator.arm.throttle import Throttle
from emulator.arm.types import Limits
from emulator.credentials import Credentials
from emulator.store import Store

LARGEST_BODY = 4 * 1024 * 1024  # ARM's own limit
MqttEndpointMap = Callable[[], Mapping[str, tuple[str, int]]]
logger = logging.getLogger(__name__)


class ArmService:
    """Answers every request of the ARM endpoint.

    `mqtt_endpoints` answers the listening MQTT endpoints by namespace id, for `GET /emulator/endpoints`.
    """

    def __init__(
        self,
        store: Store,
        credentials: Credentials,
        *,
        limits: Limits,
        throttle: Throttle,
        mqtt_endpoints: MqttEndpointMap,
        mqtt_ca: str,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._throttle = throttle
        self._mqtt_endpoints = mqtt_endpoints
        self._mqtt_ca = mqtt_ca
        self._event_grid = EventGrid(store, limits)
        self._subscriptions = Subscriptions(store, credentials.tenant, self._event_grid.resource_types())

    def application(self) -> web.Application:
        # One route: ARM ids are matched without regard to case, by their segments, as they were sent.
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._respond)
        return application

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        try:
            response = await self._answer(request)
        except ArmError as error:
            response = web.json_response(error.as_dict(), status=error.status, headers=error.headers)
        except web.HTTPRequestEntityTooLarge:
            refusal = ArmError(
                413, "RequestContentTooLarge", f"The request content is larger than {LARGEST_BODY} bytes."
            )
            response = web.json_response(refusal.as_dict(), status=413)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:  # the edge: a fault of ours must still be an answer in ARM's envelope
            logger.exception("request %s failed: %s %s", request_id, request.method, request.rel_url.raw_path)
            fault = ArmError(500, "InternalServerError", f"The emulator failed. Its log has request {request_id}.")
            response = web.json_response(fault.as_dict(), status=500)
        _add_request_ids(request, response, request_id)
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        segments = split_path(request.raw_path)
        lowered = tuple(segment.casefold() for segment in segments)
        if lowered == ("healthz",):
            return web.json_response({"status": "ok"})
        if lowered == ("metadata", "endpoints"):
            return cloud_metadata(request)
        if lowered[1:] in (("v2.0", ".well-known", "openid-configuration"), (".well-known", "openid-configuration")):
            return openid_configuration(request, segments[0])
        if lowered[1:] in (("oauth2", "v2.0", "token"), ("oauth2", "token")):
            if request.method != "POST":
                raise ArmError(405, "MethodNotAllowed", "Use POST.", headers={"Allow": "POST"})
            return await token(request, segments[0], self._credentials)
        if lowered == ("msi", "token"):
            return managed_identity_token(request, self._credentials)
        self._require_token(request)
        if lowered == ("emulator", "endpoints"):
            return web.json_response(self._endpoints())
        left = self._throttle.take(request.method)
        answer = self._operate(await _read_call(request, segments, self._credentials.client_id), lowered)
        headers = {**left, **answer.headers, "Cache-Control": "no-cache"}
        if answer.body is None:
            return web.Response(status=answer.status, headers=headers)
        return web.json_response(answer.body, status=answer.status, headers=headers)

    def _operate(self, call: Call, lowered: tuple[str, ...]) -> Answer:
        if lowered == ("subscriptions",):
            return self._subscriptions.list_all(call)
        path = call.path
        if not path.subscription:
            raise ArmError(404, "InvalidResourceId", "There is nothing at this path. Paths start with /subscriptions.")
        is_event_grid = path.provider.casefold() == EVENT_GRID.casefold()
        if is_event_grid and path.types and path.types[0].casefold() != "register":
            self._subscriptions.require_subscription(call)
            return self._event_grid.handle(call)
        return self._subscriptions.handle(call)

    def _require_token(self, request: web.Request) -> None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.casefold() == "bearer" and self._credentials.is_valid_token(value.strip()):
            return
        if not value:
            code, message = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
        else:
            code, message = "InvalidAuthenticationToken", "The access token is invalid or has expired."
        raise ArmError(
            401,
            code,
            message,
            headers={
                "WWW-Authenticate": f'Bearer authorization_uri="{origin(request)}/{self._credentials.tenant}",'
                f' error="invalid_token", error_description="{message}"'
            },
        )

    def _endpoints(self) -> dict[str, Any]:
        return {
            "mqtt": {
                namespace_id: {"host": host, "port": port, "ca": self._mqtt_ca}
                for namespace_id, (host, port) in self._mqtt_endpoints().items()
            }
        }


async def _read_call(request: web.Request, segments: tuple[str, ...], caller: str) -> Call:
    path = parse_arm_path(segments)
    if path is None:
        if tuple(segment.casefold() for segment in segments) != ("subscriptions",):
            raise ArmError(404, "InvalidResourceId", "There is nothing at this path. Paths start with /subscriptions/.")
        path = parse_arm_path(("subscriptions", ""))
        assert path is not None
    return Call(
        method=request.method,
        path=path,
        # ARM reads query names without regard to case: OData's as well as `api-version`.
        query={name.casefold(): value for name, value in request.rel_url.query.items()},
        body=await request.read(),
        origin=origin(request),
        target=request.raw_path.partition("?")[0],
        caller=caller,
    )


def _add_request_ids(request: web.Request, response: web.StreamResponse, request_id: str) -> None:
    given = request.headers.get("x-ms-correlation-request-id", "")
    try:
        correlation = str(uuid.UUID(given))
    except ValueError:
        correlation = request_id
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    response.headers["x-ms-request-id"] = request_id
    response.headers["x-ms-correlation-request-id"] = correlation
    response.headers["x-ms-routing-request-id"] = f"EMULATOR:{now}:{request_id}"
    client_request_id = request.headers.get("x-ms-client-request-id", "")
    if request.headers.get("x-ms-return-client-request-id", "").casefold() == "true" and client_request_id:
        response.headers["x-ms-client-request-id"] = client_request_id[:100]
