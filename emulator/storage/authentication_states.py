"""The CA certificates and clients of each namespace in the form of the authentication engine, updated by changes."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from certificates.authentication.client_index import ClientIndex
from certificates.authentication.engine import ClientRecord, NamespaceState, TrustedCA
from emulator.storage.resources import CA_CERTIFICATE, CLIENT, NAMESPACE, Change, Resource, id_key


@dataclass
class _CachedState:
    clients: dict[str, ClientRecord]
    index: ClientIndex
    state: NamespaceState


def _client_record(resource: Resource) -> ClientRecord:
    properties = resource.properties
    authentication = properties.get("clientCertificateAuthentication") or {}
    return ClientRecord(
        name=resource.name,
        authentication_name=properties.get("authenticationName") or resource.name,
        validation_scheme=authentication.get("validationScheme") or "SubjectMatchesAuthenticationName",
        thumbprints=tuple(text.lower() for text in authentication.get("allowedThumbprints") or ()),
        enabled=properties.get("state", "Enabled") == "Enabled",
    )


class AuthenticationStates:
    """A cache of one `NamespaceState` for each namespace in use. The caller holds the lock of the store.

    `get(id)` and `children(id, type)` read the store.
    """

    def __init__(self, get: Callable[[str], Resource | None], children: Callable[[str, str], list[Resource]]) -> None:
        self._get = get
        self._children = children
        self._states: dict[str, _CachedState] = {}

    def of(self, namespace_id: str) -> NamespaceState:
        """Return the state of a namespace. Its `clients` is a live view."""
        key = id_key(namespace_id)
        cached = self._states.get(key)
        if cached is None:
            clients = {c.unique_key or "": _client_record(c) for c in self._children(namespace_id, CLIENT)}
            index = ClientIndex.of(clients)
            cached = _CachedState(clients, index, self._build(namespace_id, clients, index))
            self._states[key] = cached
        return cached.state

    def _build(self, namespace_id: str, clients: dict[str, ClientRecord], index: ClientIndex) -> NamespaceState:
        cas: list[TrustedCA] = [
            TrustedCA(name=ca.name, der=ca.certificate)
            for ca in self._children(namespace_id, CA_CERTIFICATE)
            if ca.certificate is not None
        ]
        namespace = self._get(namespace_id)
        configuration = (namespace.properties.get("topicSpacesConfiguration") if namespace else None) or {}
        sources = (configuration.get("clientAuthentication") or {}).get("alternativeAuthenticationNameSources") or ()
        return NamespaceState(tuple(cas), MappingProxyType(clients), tuple(sources), index)

    def follow(self, change: Change) -> None:
        """Update the cache: if one client changes, the other ten thousand are not read again."""
        cached = self._states.get(id_key(change.namespace_id))
        if cached is None:
            return
        resource = change.resource
        if resource.type == CLIENT and resource.unique_key is not None:
            before = cached.clients.get(resource.unique_key)
            if change.kind == "put":
                record = cached.clients[resource.unique_key] = _client_record(resource)
                cached.index.put(resource.unique_key, record, before)
            elif before is not None:
                del cached.clients[resource.unique_key]
                cached.index.discard(resource.unique_key, before)
        elif resource.type == NAMESPACE and change.kind == "deleted":
            del self._states[id_key(change.namespace_id)]
        elif resource.type in (NAMESPACE, CA_CERTIFICATE):
            cached.state = self._build(change.namespace_id, cached.clients, cached.index)
