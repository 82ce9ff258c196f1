"""The aiohttp application: from an HTTPS request to a `Call`, and from an `ArmResponse` or `ArmError` back."""

import asyncio
import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from emulator.arm.event_grid import EventGrid
from emulator.arm.event_subscriptions.operations import EventSubscriptions
from emulator.arm.faults.active_faults import ActiveFaults, Plan, error_of
from emulator.arm.faults.connection_faults import reset_connection, send_half
from emulator.arm.faults.control_api import ControlApi, MqttEndpointMap
from emulator.arm.faults.judging import JudgingMoments
from emulator.arm.faults.signing_keys import signing_keys
from emulator.arm.faults.webhook_orders import WEBHOOK_ONLY, WebhookOrders
from emulator.arm.limits import MAX_BODY_BYTES, MAX_SIGN_IN_BYTES, ArmLimits
from emulator.arm.long_running import LongRunningOperations
from emulator.arm.namespace_actions import MqttState
from emulator.arm.provider_operations import provider_operations
from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError, invalid
from emulator.arm.requests.paths import EVENT_GRID, parse_arm_path, split_path
from emulator.arm.requests.responses import ArmResponse
from emulator.arm.requests.throttle import Throttle, remaining_header
from emulator.arm.resource_types.child_type import Limits
from emulator.arm.role_assignments import RoleAssignments, target_of
from emulator.arm.seed import SeedError, seed_call
from emulator.arm.sign_in import (
    cloud_metadata,
    managed_identity_token,
    openid_configuration,
    origin,
    published_keys,
    token,
)
from emulator.arm.subscriptions import SUBSCRIPTION, Subscriptions
from emulator.arm.visible_state import VisibleState
from emulator.credentials import EVENT_GRID_AUDIENCE, Credentials
from emulator.events.publisher import EventOptions, LifeCycleEvents
from emulator.fault_rules import NO_FAULTS_HEADER, Fault
from emulator.profile import NEWEST, AzureProfile
from emulator.storage.resources import namespace_of
from emulator.storage.store import Store
from emulator.token_issuer import TokenIssuer

ON_REQUEST = Fault(kind="long-running")  # for `Prefer: respond-async` (RFC 7240)
logger = logging.getLogger(__name__)


class ArmService:
    """Responds to every request of the ARM endpoint.

    `mqtt_endpoints` returns host and port of the MQTT endpoints by namespace id, `mqtt_ca` is the path of the PEM file
    that MQTT clients trust, and `mqtt` reports what MQTT clients are doing. `faults` are in force from the start.
    `seed` lists the resources to create at the start and after a reset, and `azure` says as of when Event Grid behaves.
    `events` delivers to event subscriptions, and `tokens` issues signed ones.
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
        mqtt: MqttState,
        faults: tuple[Fault, ...] = (),
        bounds: ArmLimits = ArmLimits(),
        seed: Sequence[Mapping[str, Any]] = (),
        azure: AzureProfile = NEWEST,
        events: LifeCycleEvents | None = None,
        tokens: TokenIssuer | None = None,
        webhook_order: str = WEBHOOK_ONLY,
    ) -> None:
        self._tokens = tokens or TokenIssuer(None, credentials.tenant)
        self._store = store
        self._credentials = credentials
        self._throttle = throttle
        self._bounds = bounds
        self._seed = seed
        self._azure = azure
        self._faults = ActiveFaults(throttle, faults, mqtt.set_outages)
        mqtt.set_webhook_faults(self._faults.webhook_plan)
        self._visible = VisibleState(store)
        self._operations = LongRunningOperations(store, self._visible)
        events = events or LifeCycleEvents(store, EventOptions())
        self._control = ControlApi(
            self._faults,
            self.reset,
            self.replace_namespaces,
            JudgingMoments(store),
            WebhookOrders(store, webhook_order),
            mqtt_endpoints,
            mqtt_ca,
            events.counts,
            mqtt.end_sessions,
        )
        self._events = EventSubscriptions(store, self._visible, self._operations, events)
        self._events.fail_unfinished()
        self._event_grid = EventGrid(
            store, limits, self._visible, self._operations, mqtt, azure, self._events, credentials.tenant
        )
        self._role_assignments = RoleAssignments(store)
        self._subscriptions = Subscriptions(store, credentials.tenant, self._event_grid.resource_types(), self._visible)

    def application(self) -> web.Application:
        # One route, since ids are matched by their segments as they were sent, case-insensitively.
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._respond)
        return application

    def reset(self) -> None:
        """Restore the state of the first start: subscription, seed and faults of the command line, no connection log."""
        self._operations.cancel_all()
        self._events.forget_grants()
        self._visible.clear()
        self._throttle.refill()
        self._faults.restore()
        self._store.clear(kept_type=SUBSCRIPTION)
        self.apply_seed()

    def apply_seed(self) -> None:
        """Create the resources of the seed that do not exist. Raise `SeedError`."""
        for number, entry in enumerate(self._seed, start=1):
            call = seed_call(entry, number, self._credentials)
            if self._store.get(call.target) is not None:
                continue
            try:
                self._operate(call)
            except ArmError as error:
                raise SeedError(f"{call.target}: {error.message}", number) from error

    def replace_namespaces(self, entries: Sequence[Mapping[str, Any]], deleted: Sequence[str]) -> list[dict[str, Any]]:
        """Delete namespaces, those of `entries` included, and create `entries`. Return them as ARM shows them.

        Subscriptions and resource groups that are missing are created too. Everything in them goes: resources, operations, MQTT sessions and the connection log. All of it happens or, if an
        entry is invalid, nothing. Ports of MQTT endpoints and moments of judging stay the same. Raise `ArmError`.
        """
        calls = [self._call_of(entry, number) for number, entry in enumerate(entries, start=1)]
        over = (*deleted, *(call.target for call in calls))
        for namespace_id in over:
            if namespace_of(namespace_id) != namespace_id:
                raise invalid(f"'{namespace_id[:200]}' is not the id of a namespace.")
        for namespace_id in over:
            self._operations.cancel_below(namespace_id)
            self._visible.forget_below(namespace_id)
        with self._store.transaction():
            ahead = {call.target: self._store.judged_ahead(call.target) for call in calls}
            for namespace_id in over:
                self._store.delete(namespace_id)
            for call in calls:
                self._make_place(call)
            made = [dict(self._operate(call).body or {}) for call in calls]
            for namespace_id, span in ahead.items():
                if span:
                    self._store.set_judged_ahead(namespace_id, span)
            return made

    def _make_place(self, call: Call) -> None:
        """Create subscription and resource group of a namespace where they are missing. Raise `ArmError`."""
        subscription = f"/subscriptions/{call.path.subscription}"
        for place in (subscription, f"{subscription}/resourceGroups/{call.path.group}"):
            if self._store.get(place) is None:
                body = {"location": call.members().get("location")} if place != subscription else {}
                self._operate(self._call_of({"id": place, **body}, 0))

    def _call_of(self, entry: Mapping[str, Any], number: int) -> Call:
        try:
            return seed_call(entry, number, self._credentials)
        except SeedError as error:
            raise invalid(str(error), "put") from error

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        request_id = str(uuid.uuid4())
        plan = Plan()
        try:
            _reject_compressed(request)
            segments = split_path(request.raw_path)
            if (
                segments
                and segments[0].casefold() not in ("emulator", "healthz")
                and NO_FAULTS_HEADER not in request.headers
            ):
                plan = self._faults.plan(request.method, "/" + "/".join(segments))
            await self._faults.wait(plan.delay)
            if plan.ends_with("reset", after=False):
                await self._body(request)  # the caller has sent everything, and gets no response
                return reset_connection(request)
            self._raise_fault(request, plan, after=False)
            response = await self._route(request, segments, plan)
            if plan.ends_with("reset", after=True):
                return reset_connection(request)
            self._raise_fault(request, plan, after=True)
        except ArmError as error:
            response = web.json_response(error.as_dict(), status=error.status, headers=error.headers)
        except web.HTTPRequestEntityTooLarge as error:
            too_large = ArmError(413, "RequestContentTooLarge", f"The request content is too large. {error.text}")
            response = web.json_response(too_large.as_dict(), status=413)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:  # the outermost level: even a bug leads to an error response of ARM
            logger.exception("Request %s failed: %s %s", request_id, request.method, request.rel_url.raw_path)
            failure = ArmError(
                500, "InternalServerError", f"Internal error. See request {request_id} in the emulator's log."
            )
            response = web.json_response(failure.as_dict(), status=500)
        _add_request_ids(request, response, request_id)
        return await send_half(request, response) if plan.ends_with("torn", after=False) else response

    @staticmethod
    def _raise_fault(request: web.Request, plan: Plan, *, after: bool) -> None:
        for kind in ("error", "throttle"):
            if plan.ending is not None and plan.ends_with(kind, after=after):
                raise error_of(plan.ending, remaining_header(request.method))

    async def _route(self, request: web.Request, segments: tuple[str, ...], plan: Plan) -> web.Response:
        lowered = tuple(segment.casefold() for segment in segments)
        if lowered == ("healthz",):
            return web.json_response({"status": "ok", "azure_profile": self._azure.name})
        if lowered == ("metadata", "endpoints"):
            return cloud_metadata(request)
        if lowered[1:] in (("v2.0", ".well-known", "openid-configuration"), (".well-known", "openid-configuration")):
            return openid_configuration(request, segments[0])
        if lowered[1:] in (("oauth2", "v2.0", "token"), ("oauth2", "token")):
            if request.method != "POST":
                raise ArmError(405, "MethodNotAllowed", "Use POST.", headers={"Allow": "POST"})
            return await self._token(request, segments[0])
        if lowered == ("msi", "token"):
            return await managed_identity_token(request, self._credentials, self._tokens)
        if lowered[1:] in (("discovery", "v2.0", "keys"), ("discovery", "keys")):
            return await published_keys(self._tokens)
        if lowered[:1] == ("eventsubscriptions",):
            return self._grant(request, lowered)
        self._require_token(request)
        if lowered[:2] == ("emulator", "signing-keys"):
            return await signing_keys(request.method, lowered[2:], self._tokens, await self._body(request))
        if lowered[:1] == ("emulator",):
            return self._control.respond(request.method, lowered[1:], await self._body(request))
        ignores_limits = NO_FAULTS_HEADER in request.headers
        left = {} if ignores_limits else self._throttle.take(request.method, segments[1] if len(segments) > 1 else "")
        try:
            result = self._operate(
                _call_of(request, segments, self._credentials.client_id, plan, await self._body(request))
            )
        except ArmError as error:
            error.headers = {**left, **error.headers}
            raise
        headers = {**left, **result.headers, "Cache-Control": "no-cache"}
        if result.body is None:
            return web.Response(status=result.status, headers=headers)
        return web.json_response(result.body, status=result.status, headers=headers)

    def _grant(self, request: web.Request, lowered: tuple[str, ...]) -> web.Response:
        """Respond to the callback of a webhook, which knows the secret and needs no token."""
        query = request.rel_url.query
        if len(lowered) != 3 or lowered[2] != "validate" or request.method not in ("GET", "POST"):
            raise ArmError(404, "NotFound", "This path does not exist.")
        if not self._events.grant(query.get("token", ""), request.headers.get("WebHook-Allowed-Rate")):
            raise ArmError(400, "InvalidRequest", "This validation URL is unknown, was used, or has expired.")
        return web.json_response({"message": "The webhook is validated."})

    async def _body(self, request: web.Request) -> bytes:
        """Return the body. Raise `ArmError` (408) if it takes too long."""
        try:
            async with asyncio.timeout(self._bounds.body_seconds):
                return await request.read()
        except TimeoutError as error:
            raise _too_slow() from error

    async def _token(self, request: web.Request, tenant: str) -> web.Response:
        try:
            async with asyncio.timeout(self._bounds.body_seconds):
                small = request.clone(client_max_size=MAX_SIGN_IN_BYTES)
                return await token(small, tenant, self._credentials, self._tokens)
        except TimeoutError as error:
            raise _too_slow() from error

    def _operate(self, call: Call) -> ArmResponse:
        path = call.path
        if not path.subscription:
            return provider_operations(call) if path.provider else self._subscriptions.list_all(call)
        role_target = target_of(call)
        if role_target is not None:
            self._subscriptions.require_subscription(call)
            return self._role_assignments.handle(call, role_target)
        is_event_grid = path.provider.casefold() == EVENT_GRID.casefold()
        if is_event_grid and path.types and path.types[0].casefold() != "register":
            self._subscriptions.require_subscription(call)
            return self._event_grid.handle(call)
        return self._subscriptions.handle(call)

    def _require_token(self, request: web.Request) -> None:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        audience = self._credentials.audience_of(value.strip()) if scheme.casefold() == "bearer" else None
        if audience is not None and audience != EVENT_GRID_AUDIENCE:
            return
        if not value:
            code, message = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
        elif audience is not None:
            code = "InvalidAuthenticationTokenAudience"
            message = (
                f"The access token is for '{audience}', which is the audience of HTTP publish. Request one for ARM."
            )
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


def _too_slow() -> ArmError:
    return ArmError(408, "RequestTimeout", "The request content took too long.")


def _reject_compressed(request: web.Request) -> None:
    """Raise `ArmError` (415). No client of ARM sends compressed content, and the server does not decompress it."""
    encoding = request.headers.get("Content-Encoding", "identity").strip()
    if encoding.casefold() not in ("", "identity"):
        raise ArmError(
            415,
            "UnsupportedMediaType",
            f"The content encoding '{encoding[:40]}' is not supported. Send the content uncompressed.",
        )


def _call_of(request: web.Request, segments: tuple[str, ...], caller: str, plan: Plan, body: bytes) -> Call:
    path = parse_arm_path(segments)
    if path is None:
        if tuple(segment.casefold() for segment in segments) != ("subscriptions",):
            raise ArmError(404, "InvalidResourceId", "This path does not exist. Paths start with /subscriptions/.")
        path = parse_arm_path(("subscriptions", ""))
        assert path is not None
    return Call(
        method=request.method,
        path=path,
        # ARM ignores the case of query names, such as `$Filter` and `Api-Version`.
        query={name.casefold(): value for name, value in request.rel_url.query.items()},
        body=body,
        origin=origin(request),
        target=request.raw_path.partition("?")[0],
        caller=caller,
        operation=plan.operation or _requested_operation(request),
        stale=plan.stale,
    )


def _requested_operation(request: web.Request) -> Fault | None:
    preferences = request.headers.get("Prefer", "").casefold().split(",")
    return ON_REQUEST if any(each.strip() == "respond-async" for each in preferences) else None


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
