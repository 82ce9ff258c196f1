"""What is asked of a namespace beside its resource: access keys, custom domains, and its connection log."""

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from emulator.arm.requests.calls import Answer, Call
from emulator.arm.requests.errors import ArmError
from emulator.arm.resource_types.fields import Fields
from emulator.storage.store import CLIENT, Resource, Store, id_key

KEYS = ("key1", "key2")
LARGEST_LOG_PAGE = 1000
NO_PART_OF_AZURE = frozenset({"connectionlog", "livestate"})

# What a client is doing now, by the id of its namespace and the key of its authentication name.
LiveState = Callable[[str, str], Mapping[str, Any]]


class NamespaceActions:
    """Each action takes the call and the namespace that it names."""

    def __init__(self, store: Store, live_state: LiveState) -> None:
        self._store = store
        self._live_state = live_state
        self.all = {
            "listkeys": self.list_keys,
            "regeneratekey": self.regenerate_key,
            "validatecustomdomainownership": self.validate_custom_domains,
            "connectionlog": self.connection_log,
            "livestate": self.live_state,
        }

    def list_keys(self, call: Call, namespace: Resource) -> Answer:
        """`POST …/listKeys`: keys for publishing over HTTP, which is not emulated; tools ask for them."""
        _require_method(call, "POST")
        return Answer(200, {name: self._key(namespace, name) for name in KEYS})

    def regenerate_key(self, call: Call, namespace: Resource) -> Answer:
        _require_method(call, "POST")
        fields = Fields(call.members(), "")
        name = fields.choice("keyName", KEYS, None)
        if name is None:
            raise fields.refuse("keyName", "'keyName' is missing. Use one of: key1, key2.")
        self._store.remember(_setting(namespace, name), _fresh_key())
        return Answer(200, {name: self._key(namespace, name) for name in KEYS})

    def _key(self, namespace: Resource, name: str) -> str:
        with self._store.transaction():
            found = self._store.setting(_setting(namespace, name))
            if found is None:
                found = _fresh_key()
                self._store.remember(_setting(namespace, name), found)
        return found

    def validate_custom_domains(self, call: Call, namespace: Resource) -> Answer:
        """`POST …/validateCustomDomainOwnership`: nothing looks into DNS here, so every domain stays Pending."""
        _require_method(call, "POST")

        def domains(part: str) -> list[Any]:
            return list((namespace.properties.get(part) or {}).get("customDomains") or ())

        answer = {
            "customDomainsForTopicsConfiguration": domains("topicsConfiguration"),
            "customDomainsForTopicSpacesConfiguration": domains("topicSpacesConfiguration"),
        }
        return Answer(200, answer)

    def connection_log(self, call: Call, namespace: Resource) -> Answer:
        """`GET …/connectionLog`: the emulator's own, not Azure's."""
        _require_method(call, "GET")
        after = _count(call, "after", 0, 2**63 - 1)
        limit = min(_count(call, "limit", 100, 2**31), LARGEST_LOG_PAGE)
        records = self._store.connections(namespace.id, after, limit)
        return Answer(200, {"value": records, "cursor": records[-1]["cursor"] if records else after})

    def live_state(self, call: Call, namespace: Resource) -> Answer:
        """`GET …/liveState?client=NAME`: sessions, subscriptions and message counts of one client, now."""
        _require_method(call, "GET")
        name = call.query.get("client", "")
        client = self._store.get(f"{namespace.id}/clients/{name}") if name and "/" not in name else None
        if client is None or client.type != CLIENT:
            raise ArmError(404, "ResourceNotFound", f"There is no client '{name[:128]}' here.", target="client")
        return Answer(200, dict(self._live_state(namespace.id, client.unique_key or "")))


def _require_method(call: Call, method: str) -> None:
    if call.method != method:
        raise call.refuse_method(method)


def _fresh_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _setting(namespace: Resource, name: str) -> str:
    """Keys belong to one life of a namespace: one that is made anew has others."""
    return f"access-{name} {namespace.system_data.get('createdAt', '')} {id_key(namespace.id)}"


def _count(call: Call, name: str, default: int, most: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise ArmError(400, "InvalidRequest", f"'{name}' must be a whole number.", target=name)
    return int(text)
