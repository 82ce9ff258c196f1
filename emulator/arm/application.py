"""The aiohttp application: from an HTTPS request to a `Call`, and from an `Answer` or a refusal back."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from emulator.arm.event_grid import EventGrid
from emulator.arm.faults.broken_connections import reset_connection, send_half
from emulator.arm.faults.control import Control, MqttEndpointMap
from emulator.arm.faults.matching import Faults, Plan, refusal
from emulator.arm.identity import cloud_metadata, managed_identity_token, openid_configuration, origin, token
from emulator.arm.namespace_actions import LiveState
from emulator.arm.operations import Operations
from emulator.arm.requests.calls import Answer, Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.paths import EVENT_GRID, parse_arm_path, split_path
from emulator.arm.requests.throttle import Throttle, header_for
from emulator.arm.resource_types.child_type import Limits
from emulator.arm.seed import SeedError, seed_call
from emulator.arm.subscriptions import SUBSCRIPTION, Subscriptions
from emulator.arm.views import View
from emulator.credentials import Credentials
from emulator.fault_rules import SPARED, Fault
from emulator.storage.store import Store

LARGEST_BODY = 4 * 1024 * 1024  # ARM's own limit
ON_REQUEST = Fault(kind="long-running")  # what `Prefer: respond-async` asks for (RFC 7240)
logger = logging.getLogger(__name__)


class ArmService:
    """Answers every request of the ARM endpoint.

    `mqtt_endpoints` answers the listening MQTT endpoints by namespace id, for `GET /emulator/endpoints`; `live_state`
    what one client is doing there; `faults` are in force from the start; `seed` fills the empty store.
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
        live_state: LiveState,
        faults: tuple[Fault, ...] = (),
        seed: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._throttle = throttle
        self._seed = seed
        self._faults = Faults(throttle, faults)
        self._view = View(store)
        self._operations = Operations(store, self._view)
        self._control = Control(self._faults, self.reset, mqtt_endpoints, mqtt_ca)
        self._event_grid = EventGrid(store, limits, self._view, self._operations, live_state)
        self._subscriptions = Subscriptions(store, credentials.tenant, self._event_grid.resource_types(), self._view)

    def application(self) -> web.Application:
        # One route: ARM ids are matched without regard to case, by their segments, as they were sent.
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._respond)
        return application

    def reset(self) -> None:
        """Everything as it was at the first start: subscription and seed, no faults, no connection log."""
        self._operations.cancel_all()
        self._view.clear()
        self._throttle.refill()
        self._faults.restore()
        self._store.clear(kept_type=SUBSCRIPTION)
        self.plant()

    def plant(self) -> None:
        """Write what the seed holds and the store does not. Raises `SeedError`."""
        for number, entry in enumerate(self._seed, start=1):
            call = seed_call(entry, number, self._credentials)
            if self._store.get(call.target) is not None:
                continue
            try:
                self._operate(call)
            except ArmError as error:
                raise SeedError(f"Entry {number} of the seed, {call.target}, is refused: {error.message}") from error

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        plan = Plan()
        try:
            _refuse_compressed(request)
            segments = split_path(request.raw_path)
            if segments and segments[0].casefold() not in ("emulator", "healthz") and SPARED not in request.headers:
                plan = self._faults.plan(request.method, "/" + "/".join(segments))
            await self._faults.wait(plan.delay)
            if plan.strikes("reset", after=False):
                await request.read()  # so that it is the answer that the caller does not get
                return reset_connection(request)
            self._refuse_on_demand(request, plan, after=False)
            response = await self._answer(request, segments, plan)
            if plan.strikes("reset", after=True):
                return reset_connection(request)
            self._refuse_on_demand(request, plan, after=True)
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
        return await send_half(request, response) if plan.strikes("torn", after=False) else response

    @staticmethod
    def _refuse_on_demand(request: web.Request, plan: Plan, *, after: bool) -> None:
        for kind in ("error", "throttle"):
            if plan.ending is not None and plan.strikes(kind, after=after):
                raise refusal(plan.ending, header_for(request.method))

    async def _answer(self, request: web.Request, segments: tuple[str, ...], plan: Plan) -> web.Response:
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
        if lowered[:1] == ("emulator",):
            return await self._control.answer(request, lowered[1:])
        is_spared = SPARED in request.headers
        left = {} if is_spared else self._throttle.take(request.method, segments[1] if len(segments) > 1 else "")
        try:
            answer = self._operate(await _read_call(request, segments, self._credentials.client_id, plan))
        except ArmError as error:
            error.headers = {**left, **error.headers}
            raise
        headers = {**left, **answer.headers, "Cache-Control": "no-cache"}
        if answer.body is None:
            return web.Response(status=answer.status, headers=headers)
        return web.json_response(answer.body, status=answer.status, headers=headers)

    def _operate(self, call: Call) -> Answer:
        path = call.path
        if not path.subscription:
            return self._subscriptions.list_all(call)
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


def _refuse_compressed(request: web.Request) -> None:
    """The server leaves compressed content as it is (`auto_decompress=False`), as no client of ARM sends any."""
    encoding = request.headers.get("Content-Encoding", "identity").strip()
    if encoding.casefold() not in ("", "identity"):
        raise ArmError(
            415, "UnsupportedMediaType", f"The content encoding '{encoding[:40]}' is not supported. Send it as it is."
        )


async def _read_call(request: web.Request, segments: tuple[str, ...], caller: str, plan: Plan) -> Call:
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
        operation=plan.operation or _asked_for(request),
        stale=plan.stale,
    )


def _asked_for(request: web.Request) -> Fault | None:
    wishes = request.headers.get("Prefer", "").casefold().split(",")
    return ON_REQUEST if any(wish.strip() == "respond-async" for wish in wishes) else None


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
