"""Actions of a namespace: access keys, custom domains, and the emulator's own connection log and live state.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/namespaces
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from certificates.x509.key_masking import masked
from emulator.arm.access_keys import AccessKeys
from emulator.arm.faults.session_endings import SessionEnding
from emulator.arm.requests.calls import Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.requests.responses import ArmResponse
from emulator.fault_rules import WebhookPlan
from emulator.storage.resources import CLIENT, Resource
from emulator.storage.store import Store

MAX_LOG_PAGE = 1000  # records
EMULATOR_ACTIONS = frozenset({"connectionlog", "livestate"})  # not part of Azure; api-version is optional


class MqttState(Protocol):
    """What the MQTT endpoints are doing now."""

    def live_state(self, namespace_id: str, owner: str) -> Mapping[str, Any]:
        """Return the live state of a client by the key of its authentication name."""

    def connected_clients(self, namespace_id: str) -> int:
        """Return the number of clients that are connected to a namespace."""

    def end_sessions(self, ending: SessionEnding) -> int:
        """End sessions that are connected, and return their number."""

    def set_webhook_faults(self, plan_of: Callable[[str], WebhookPlan]) -> None:
        """Ask for the faults of each question to a webhook, by the id of its namespace."""

    def set_outages(self, patterns: Sequence[str]) -> None:
        """Take no connections to namespaces whose ids match one of these patterns, and cut those there are."""


class NamespaceActions:
    """The actions by path segment in lower case. Each takes the call and its namespace, and raises `ArmError`."""

    def __init__(self, store: Store, keys: AccessKeys, mqtt: MqttState) -> None:
        self._store = store
        self._mqtt = mqtt
        self.all = {
            "listkeys": keys.list_keys,
            "regeneratekey": keys.regenerate_key,
            "validatecustomdomainownership": self.validate_custom_domains,
            "connectionlog": self.connection_log,
            "livestate": self.live_state,
        }

    def validate_custom_domains(self, call: Call, namespace: Resource) -> ArmResponse:
        """Respond to `POST …/validateCustomDomainOwnership`. The emulator does not query DNS: each domain stays Pending."""
        call.require_method("POST")

        def domains(part: str) -> list[Any]:
            return list((namespace.properties.get(part) or {}).get("customDomains") or ())

        body = {
            "customDomainsForTopicsConfiguration": domains("topicsConfiguration"),
            "customDomainsForTopicSpacesConfiguration": domains("topicSpacesConfiguration"),
        }
        return ArmResponse(200, body)

    def connection_log(self, call: Call, namespace: Resource) -> ArmResponse:
        """Respond to `GET …/connectionLog?after=CURSOR&limit=NUMBER` with records after the cursor, oldest first.

        Not part of Azure. The `cursor` of the response is the next `after`, and `connectedClients` how many clients are
        connected now.
        """
        call.require_method("GET")
        after = _whole_number(call, "after", 0, 2**63 - 1)
        limit = min(_whole_number(call, "limit", 100, 2**31), MAX_LOG_PAGE)
        records = self._store.connections(namespace.id, after, limit)
        cursor = records[-1]["cursor"] if records else after
        return ArmResponse(
            200, {"value": records, "cursor": cursor, "connectedClients": self._mqtt.connected_clients(namespace.id)}
        )

    def live_state(self, call: Call, namespace: Resource) -> ArmResponse:
        """Respond to `GET …/liveState?client=NAME` with the sessions, subscriptions and message counts of a client.

        Not part of Azure.
        """
        call.require_method("GET")
        name = call.query.get("client", "")
        client = self._store.get(f"{namespace.id}/clients/{name}") if name and "/" not in name else None
        if client is None or client.type != CLIENT:
            raise ArmError(404, "ResourceNotFound", f"This namespace has no client '{name[:128]}'.", target="client")
        return ArmResponse(200, masked(dict(self._mqtt.live_state(namespace.id, client.unique_key or ""))))


def _whole_number(call: Call, name: str, default: int, most: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise ArmError(400, "InvalidRequest", f"'{name}' must be a whole number.", target=name)
    return int(text)
