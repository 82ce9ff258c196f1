"""A namespace in memory, as the engine takes it: read whole once, then only what changed."""

import gc
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from django.conf import settings

from certificates.authentication.client_index import ClientIndex
from certificates.authentication.types import ClientRecord, NamespaceState, TrustedCA
from certificates.decision_service.remembered import Acceptances
from certificates.decisions.first_contact import Template
from certificates.decisions.tokens import ENTRA_V1, ENTRA_V2, ExpectedCaller
from certificates.models import CACertificate
from certificates.namespace_rules import rules_of, templates_of
from namespaces.actions.decision_points import principals_in
from namespaces.models import Client, DecisionPoint, NamespaceConfiguration

ENTRA = "https://login.microsoftonline.com"
AT_ONCE = 500
SLICE, PAUSE = 100, 0.003  # clients, which take about a millisecond, and seconds
_COLUMNS = (
    *("pk", "authentication_key", "name", "authentication_name", "validation_scheme", "thumbprints", "state"),
    *("team__name", "attributes"),
)
_NONE: Mapping[str, Any] = {}  # one for all; it is handed to another process, as a MappingProxyType cannot be

Keyed = tuple[str, ClientRecord]


@dataclass(frozen=True)
class Parts:
    """A namespace without its clients."""

    pk: int
    key: str
    name: str
    resource_id: str
    longest: timedelta | None
    ahead: timedelta
    callers: tuple[ExpectedCaller, ...]
    probers: tuple[ExpectedCaller, ...]
    state: NamespaceState  # its clients are none
    templates: Mapping[str, Template] = field(default_factory=dict)  # of CA certificates, by key

    @property
    def tenants(self) -> Collection[str]:
        return {each.tenant for each in (*self.callers, *self.probers)}


@dataclass
class LoadedNamespace:
    """A namespace that is decided about. Changed by the event loop only, so that each request sees one state."""

    parts: Parts
    clients: dict[str, ClientRecord]
    keys: dict[int, str]  # primary key of a client → its key in `clients`
    index: ClientIndex
    state: NamespaceState = field(init=False)
    accepted: Acceptances = field(init=False)

    def __post_init__(self) -> None:
        self.take_parts(self.parts)

    def take_parts(self, parts: Parts) -> None:
        """Take everything but the clients."""
        self.parts = parts
        state = NamespaceState(
            cas=parts.state.cas,
            clients=MappingProxyType(self.clients),
            alternative_sources=parts.state.alternative_sources,
            index=self.index,
            rules=parts.state.rules,
        )
        state.__dict__["anchors"] = parts.state.anchors  # read already, in the thread that follows the database
        self.state, self.accepted = state, Acceptances()

    def take_clients(self, changed: Mapping[int, Keyed | None]) -> None:
        """Take clients that changed, by primary key; None for one that no longer counts."""
        self.accepted = Acceptances()
        for pk, keyed in changed.items():
            former = self.keys.get(pk)
            if former is not None and (keyed is None or keyed[0] != former):
                self.index.discard(former, self.clients.pop(former))
                del self.keys[pk]
        for pk, keyed in changed.items():
            if keyed is not None:
                key, record = keyed
                self.index.put(key, record, self.clients.get(key))
                self.clients[key], self.keys[pk] = record, key


def load_parts(point: DecisionPoint) -> Parts:
    """Read a namespace without its clients. `point` comes with its namespace."""
    namespace = point.namespace
    configuration = NamespaceConfiguration.objects.filter(namespace=namespace.pk).first()
    cas = CACertificate.objects.trusted().filter(namespace=namespace.pk).order_by("pk").only("name", "der")
    state = NamespaceState(
        cas=tuple(TrustedCA(row.name, bytes(row.der)) for row in cas if row.der),
        alternative_sources=tuple(configuration.sources) if configuration is not None else (),
        rules=rules_of(namespace.pk),
    )
    _ = state.anchors  # read here, not during a request
    longest = point.longest_session_seconds
    return Parts(
        pk=namespace.pk,
        key=point.key,
        name=namespace.name,
        resource_id=namespace.resource_id,
        longest=timedelta(seconds=longest) if longest else None,
        ahead=namespace.judged_ahead,
        callers=_callers(point, configuration),
        probers=_probers(point, configuration),
        state=state,
        templates=templates_of(namespace.pk),
    )


def load_namespace(point: DecisionPoint, *, pause: float = 0.0) -> LoadedNamespace:
    """Read a namespace whole. `pause`: seconds after each slice, in which the event loop answers."""
    parts = load_parts(point)
    clients, keys, index = {}, {}, ClientIndex()
    rows = Client.objects.present().filter(namespace=parts.pk).order_by()
    with _kept():
        for pk, key, record in map(_record, _in_slices(rows.values_list(*_COLUMNS).iterator(chunk_size=SLICE), pause)):
            clients[key], keys[pk] = record, key
            index.put(key, record)
        return LoadedNamespace(parts, clients, keys, index)


def _in_slices(rows: Iterable[tuple[Any, ...]], pause: float) -> Iterator[tuple[Any, ...]]:
    """Yield rows with pauses: only one thread of a process computes at a time, and the one that decides would wait for this one."""
    for number, row in enumerate(rows):
        if pause and number % SLICE == 0:
            time.sleep(pause)
        yield row


@contextmanager
def _kept() -> Iterator[None]:
    """Let the garbage collector never visit what is made in the block. It stops every request while it visits 100,000 clients,
    again and again, and finds nothing: they are in no cycle."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_clients(namespace_pk: int, pks: Collection[int]) -> dict[int, Keyed | None]:
    """Read clients by primary key; None for those that are no longer there."""
    found: dict[int, Keyed | None] = dict.fromkeys(pks)
    every = sorted(pks)
    for first in range(0, len(every), AT_ONCE):
        rows = Client.objects.present().filter(namespace=namespace_pk, pk__in=every[first : first + AT_ONCE])
        for pk, key, record in map(_record, rows.order_by().values_list(*_COLUMNS)):
            found[pk] = (key, record)
    return found


def _record(row: tuple[Any, ...]) -> tuple[int, str, ClientRecord]:
    pk, key, name, authentication_name, scheme, thumbprints, state, team, attributes = row
    is_enabled = state == Client.ConnectionState.ENABLED
    own = attributes or _NONE
    return (
        pk,
        key,
        ClientRecord(name, authentication_name, scheme, tuple(thumbprints), is_enabled, team or "", own),
    )


def _callers(point: DecisionPoint, configuration: NamespaceConfiguration | None) -> tuple[ExpectedCaller, ...]:
    """Return what the namespace's token says: as configured here, and as Azure still has it until a change has reached it."""
    kept = [str(each) for each in point.principals or ()]
    callers = {}
    for row in _webhooks(configuration):
        principals = frozenset([*kept, *principals_in(point.namespace.resource, row.webhook)])
        caller = _caller(row.webhook_tenant, row.webhook_audience, point, principals)
        callers[caller.tenant, caller.audience] = caller
    return tuple(callers.values())


def _webhooks(configuration: NamespaceConfiguration | None) -> list[NamespaceConfiguration]:
    """Return the settings with a webhook, as wished and as Azure has them."""
    if configuration is None:
        return []
    in_azure = NamespaceConfiguration()
    in_azure.adopt(configuration.base or {})
    return [row for row in (configuration, in_azure) if row.webhook_tenant and row.webhook_audience]


def _probers(point: DecisionPoint, configuration: NamespaceConfiguration | None) -> tuple[ExpectedCaller, ...]:
    """Return what the token of a prober says. Before the namespace is switched, the audience is in the probe itself."""
    principals = frozenset(settings.DECISION_PROBE_PRINCIPALS)
    pairs = [(row.webhook_tenant, row.webhook_audience) for row in _webhooks(configuration)]
    pairs.append((settings.AZURE_TENANT_ID, ""))
    found = (_caller(tenant, audience, point, principals) for tenant, audience in pairs if tenant)
    return tuple(dict.fromkeys(found))


def _caller(tenant: str, audience: str, point: DecisionPoint, principals: frozenset[str]) -> ExpectedCaller:
    authority = settings.DECISIONS_AUTHORITY
    is_entra = authority == ENTRA
    return ExpectedCaller(
        tenant=tenant,
        audience=audience,
        principals=principals,
        client_id=point.client_id,
        v1_issuer=ENTRA_V1 if is_entra else f"{authority}/{{tenant}}/",
        v2_issuer=ENTRA_V2 if is_entra else f"{authority}/{{tenant}}/v2.0",
    )
