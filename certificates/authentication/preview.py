"""Preview what each scheme and alternative source reads from a certificate, and the clients that match. Pure.

It uses the same functions as the engine, so it shows what a CONNECT will do. Source: docs/policy.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from certificates.authentication.confusables import is_case_twin, skeleton
from certificates.authentication.matching import find_client, matches_scheme, presented_values
from certificates.authentication.types import (
    ALTERNATIVE_SOURCES,
    SCHEMES_BY_VALUE,
    VALIDATION_SCHEMES,
    ClientRecord,
    NamespaceState,
    Scheme,
    authentication_name_key,
)
from certificates.x509.certificate import Certificate

CASE_TWIN, CONFUSABLE = "case-twin", "confusable"


@dataclass(frozen=True)
class SchemePreview:
    """The values that one scheme reads, and the matching clients that use this scheme."""

    scheme: Scheme
    values: tuple[str, ...]
    clients: tuple[ClientRecord, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Whether several clients match, so that the MQTT user name decides."""
        return len(self.clients) > 1


@dataclass(frozen=True)
class SourcePreview:
    """What one alternative source reads: `value` counts ("" when there is none), `passed_over` are further values.

    `client` has that authentication name; `matches` is whether its validation scheme accepts the certificate. `position`
    is the source's place in the namespace's order, from 1, or 0 when the namespace does not use it. `is_taken`: a
    CONNECT without MQTT user name uses this source.
    """

    source: str
    scheme: Scheme
    value: str
    passed_over: tuple[str, ...]
    client: ClientRecord | None
    matches: bool
    position: int
    is_taken: bool

    @property
    def is_ambiguous(self) -> bool:
        """Whether the certificate has several values, of which only the first counts."""
        return bool(self.passed_over)


@dataclass(frozen=True)
class Lookalike:
    """A name in the certificate and an authentication name that look alike.

    `kind`: "case-twin" is the same name in different case, "confusable" is a different name that looks the same.
    """

    kind: str
    part: str
    value: str
    client: ClientRecord

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """Both names with their labels, for comparison."""
        return (
            (f"{self.part} in the certificate", self.value),
            (f"client {self.client.name}", self.client.authentication_name),
        )


@dataclass(frozen=True)
class NamePreview:
    """The preview of a certificate. `clients` match it by names and thumbprints."""

    schemes: tuple[SchemePreview, ...]
    sources: tuple[SourcePreview, ...]
    clients: tuple[ClientRecord, ...]
    lookalikes: tuple[Lookalike, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Whether several clients match the certificate, so that the MQTT user name decides."""
        return len(self.clients) > 1

    @property
    def taken(self) -> SourcePreview | None:
        """The source that a CONNECT without MQTT user name uses, or None."""
        return next((source for source in self.sources if source.is_taken), None)


def preview_names(leaf: Certificate, state: NamespaceState) -> NamePreview:
    """Preview a certificate against a namespace.

    Arguments: `leaf`, the certificate that a client would present; `state`, the namespace. Ignores time, chain and
    connection state. Takes one pass over the clients.
    """
    clients = tuple(client for client in state.clients.values() if matches_scheme(leaf, client))
    schemes = tuple(
        SchemePreview(
            scheme,
            presented_values(leaf, scheme.value),
            tuple(client for client in clients if client.validation_scheme == scheme.value),
        )
        for scheme in VALIDATION_SCHEMES
    )
    return NamePreview(schemes, _sources(leaf, state), clients, _lookalikes(leaf, state.clients))


def _sources(leaf: Certificate, state: NamespaceState) -> tuple[SourcePreview, ...]:
    order: Sequence[str] = [source for source in state.alternative_sources if source in ALTERNATIVE_SOURCES]
    taken = next((s for s in order if presented_values(leaf, ALTERNATIVE_SOURCES[s])), "")
    found = []
    for source in (*order, *(s for s in ALTERNATIVE_SOURCES if s not in order)):
        scheme = SCHEMES_BY_VALUE[ALTERNATIVE_SOURCES[source]]
        values = presented_values(leaf, scheme.value)
        client = find_client(state, values[0], source) if values else None
        found.append(
            SourcePreview(
                source=source,
                scheme=scheme,
                value=values[0] if values else "",
                passed_over=values[1:],
                client=client,
                matches=client is not None and matches_scheme(leaf, client),
                position=order.index(source) + 1 if source in order else 0,
                is_taken=source == taken,
            )
        )
    return tuple(found)


def _lookalikes(leaf: Certificate, clients: Mapping[str, ClientRecord]) -> tuple[Lookalike, ...]:
    names = [
        (scheme.part, value)
        for scheme in VALIDATION_SCHEMES
        if scheme.value != "ThumbprintMatch"
        for value in presented_values(leaf, scheme.value)
    ]
    found = []
    for part, value in names:
        twin = clients.get(authentication_name_key(value))
        if twin is not None and is_case_twin(value, twin.authentication_name):
            found.append(Lookalike(CASE_TWIN, part, value, twin))
    looks = [(part, value, authentication_name_key(value), skeleton(value)) for part, value in names]
    for client in clients.values():
        key, look = authentication_name_key(client.authentication_name), skeleton(client.authentication_name)
        found += [
            Lookalike(CONFUSABLE, part, value, client)
            for part, value, value_key, value_look in looks
            if value_look == look and value_key != key
        ]
    return tuple(found)
