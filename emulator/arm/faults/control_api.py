"""The control API below `/emulator/`: faults, moments of judging, orders, reset, MQTT endpoints. It needs a token, and no fault affects it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from emulator.arm.faults.active_faults import ActiveFaults
from emulator.arm.faults.judging import JudgingMoments, read_move
from emulator.arm.faults.session_endings import SessionEnder, read_ending
from emulator.arm.faults.webhook_orders import WebhookOrders, read_switch
from emulator.arm.requests.errors import ArmError, invalid
from emulator.fault_rules import Fault, FaultError
from emulator.ready_file import mqtt_content

NamespaceReplacement = Callable[[Sequence[Mapping[str, Any]], Sequence[str]], Sequence[Mapping[str, Any]]]
MAX_REPLACED = 200  # namespaces at once
MqttEndpointMap = Callable[[], Mapping[str, tuple[str, int]]]


class ControlApi:
    """The requests below `/emulator/`.

    `reset` restores the state at the start, `replace` deletes namespaces and creates them again, `judging` moves the moments at
    which certificates are judged, `orders` switches who is asked first where a webhook decides, `mqtt_endpoints` returns host and port
    of each MQTT endpoint by namespace id, `mqtt_ca` is the path of the PEM file that MQTT clients trust, `event_counts` returns what became of life-cycle
    events, and `end_sessions` ends sessions of MQTT clients and returns their number.
    """

    def __init__(
        self,
        faults: ActiveFaults,
        reset: Callable[[], None],
        replace: NamespaceReplacement,
        judging: JudgingMoments,
        orders: WebhookOrders,
        mqtt_endpoints: MqttEndpointMap,
        mqtt_ca: str,
        event_counts: Callable[[], dict[str, Any]],
        end_sessions: SessionEnder,
    ) -> None:
        self._end_sessions = end_sessions
        self._faults = faults
        self._reset = reset
        self._replace = replace
        self._judging = judging
        self._orders = orders
        self._mqtt_endpoints = mqtt_endpoints
        self._mqtt_ca = mqtt_ca
        self._event_counts = event_counts

    def respond(self, method: str, segments: tuple[str, ...], body: bytes) -> web.Response:
        """Respond to a request with this body; `segments` follow `/emulator/` in the path, in lower case. Raise `ArmError`."""
        match (method, *segments):
            case ("GET", "endpoints"):
                return web.json_response(self._endpoints())
            case ("GET", "events"):
                return web.json_response(self._event_counts())
            case ("GET", "faults"):
                return web.json_response({"value": [fault.as_dict() for fault in self._faults.all()]})
            case ("POST", "faults"):
                return web.json_response(self._faults.add(_read_fault(body)).as_dict(), status=201)
            case ("DELETE", "faults"):
                self._faults.clear()
                return web.Response(status=204)
            case ("DELETE", "faults", fault_id):
                if not self._faults.remove(fault_id):
                    raise ArmError(404, "NotFound", f"There is no fault '{fault_id[:50]}'. It may have ended.")
                return web.Response(status=204)
            case ("POST", "namespaces"):
                return web.json_response({"value": list(self._replace(*_read_replacement(body)))})
            case ("GET", "judging"):
                return web.json_response(self._judging.all())
            case ("POST", "judging"):
                return web.json_response(self._judging.move(read_move(body)))
            case ("GET", "webhook-order"):
                return web.json_response(self._orders.all())
            case ("POST", "webhook-order"):
                return web.json_response(self._orders.switch(read_switch(body)))
            case ("POST", "sessions", "end"):
                return web.json_response({"ended": self._end_sessions(read_ending(body))})
            case ("POST", "reset"):
                self._reset()
                return web.Response(status=204)
        raise ArmError(
            404,
            "NotFound",
            "The control API has GET /emulator/endpoints, GET /emulator/events, GET, POST and DELETE /emulator/faults,"
            " DELETE /emulator/faults/ID, POST /emulator/namespaces, GET and POST /emulator/judging, GET and POST"
            " /emulator/webhook-order, GET and POST /emulator/signing-keys, POST /emulator/sessions/end, POST /emulator/reset.",
        )

    def _endpoints(self) -> dict[str, Any]:
        return {"mqtt": mqtt_content(self._mqtt_endpoints(), self._mqtt_ca)}


def _read_replacement(body: bytes) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the namespaces to create, each with its id, and the ids of those to delete. Raise `ArmError` (400)."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid("The request content is not valid JSON.") from error
    if not isinstance(members, dict) or not members.keys() <= {"put", "delete"}:
        raise invalid("Send a JSON object with 'put' and 'delete'.")
    entries, deleted = members.get("put", []), members.get("delete", [])
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise invalid("'put' must be an array of namespaces, each with its 'id'.", "put")
    if not isinstance(deleted, list) or not all(isinstance(each, str) for each in deleted):
        raise invalid("'delete' must be an array of ids.", "delete")
    if len(entries) + len(deleted) > MAX_REPLACED:
        raise invalid(f"At most {MAX_REPLACED} namespaces can be replaced at once.")
    return entries, deleted


def _read_fault(body: bytes) -> Fault:
    try:
        members = json.loads(body)
        if not isinstance(members, dict):
            raise FaultError("Send a JSON object.")
        return Fault.from_dict(members)
    except FaultError as error:
        raise invalid(str(error), error.field) from error
    except (ValueError, RecursionError) as error:
        raise invalid("The request content is not valid JSON.") from error
