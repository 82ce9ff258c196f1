"""What would make a refused step pass: the sentence for people, and where in the portal that is done. Pure."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from certificates.authentication.addresses import address_of
from certificates.authentication.decision import (
    ALTERNATIVE_SOURCES,
    CHANGE_NAME,
    CHOOSE_SOURCES,
    CREATE_CLIENT,
    MAX_NAME_LENGTH,
    SCHEMES_BY_VALUE,
    SET_SCHEME,
    ClientRecord,
    NamespaceState,
    Scheme,
    authentication_name_key,
)
from certificates.authentication.matching import IP_SCHEME, clients_of, find_client, fitting_scheme, presented_values
from certificates.x509.certificate import Certificate

MOST_NAMED = 3  # of the clients that a certificate fits
_NEVER_IN_NAMES = {"Cc", "Cs"}  # control characters and halves of characters


class Advice(NamedTuple):
    """The one change, and its action (`certificates.authentication.decision`); "" where it is made outside the portal."""

    fix: str
    action: str = ""


def unused_source(leaf: Certificate, state: NamespaceState) -> str:
    """The first source that the namespace does not use and that would find a client for this certificate, or ""."""
    for source, scheme in ALTERNATIVE_SOURCES.items():
        values = presented_values(leaf, scheme)
        if source not in state.alternative_sources and values and find_client(state, values[0], source) is not None:
            return source
    return ""


def on_missing_name(leaf: Certificate, state: NamespaceState, source: str) -> Advice:
    """No MQTT user name was sent and no alternative source has a value; `source` is the `unused_source`."""
    send = _what_to_send(clients_of(leaf, state)) or "Send the client's authentication name as MQTT user name"
    send += " (mosquitto: -u)"
    if not source:
        return Advice(f"{send}.")
    part = SCHEMES_BY_VALUE[ALTERNATIVE_SOURCES[source]].part
    return Advice(f"{send}, or let this namespace take it from the certificate's {part}.", CHOOSE_SOURCES)


def on_unknown_client(name: str, leaf: Certificate, state: NamespaceState) -> Advice:
    """No client has this authentication name; perhaps the certificate is another's."""
    if len(name) > MAX_NAME_LENGTH:
        return Advice(
            f"Send the authentication name of a registered client. This name has {len(name)} characters, and no client's "
            f"can have more than {MAX_NAME_LENGTH}."
        )
    by_name = next((state.clients[key] for key in state.client_index.names.get(name, ()) if key in state.clients), None)
    if by_name is not None:
        return Advice(
            f"{name} is the name of a client, but its authentication name is {by_name.authentication_name}: "
            "send that as MQTT user name."
        )
    trimmed = state.clients.get(authentication_name_key(name.strip()))
    if name != name.strip() and trimmed is not None:
        return Advice(f"Send {trimmed.authentication_name} without the spaces around it.")
    if not name.strip() or any(unicodedata.category(letter) in _NEVER_IN_NAMES for letter in name):
        return Advice("Send the authentication name of a registered client. No client's can be of such characters.")
    owners = clients_of(leaf, state)
    if not owners:
        return Advice(
            f"Register a client with the authentication name {name}, or send the name of a registered one.",
            CREATE_CLIENT,
        )
    if len(owners) == 1:
        return Advice(f"{_what_to_send(owners)}.")
    return Advice(f"{_what_to_send(owners)}. Or register a client with the authentication name {name}.", CREATE_CLIENT)


def _what_to_send(owners: Sequence[ClientRecord]) -> str:
    """The names to send with a certificate, by the clients that it fits; "" where it fits none."""
    if not owners:
        return ""
    if len(owners) == 1:
        name = owners[0].authentication_name
        return f"This certificate belongs to {owners[0].name}: send its authentication name {name} as MQTT user name"
    named, more = owners[:MOST_NAMED], len(owners) - MOST_NAMED
    clients = [client.name for client in named] + ([f"{more} more"] if more > 0 else [])
    names = ", ".join(client.authentication_name for client in named)
    who = f"{', '.join(clients[:-1])} and {clients[-1]}"
    return f"This certificate fits {who}: send the authentication name of one of them ({names}) as MQTT user name"


def on_mismatch(leaf: Certificate, client: ClientRecord, scheme: Scheme, state: NamespaceState) -> Advice:
    """The part of the certificate that the client's scheme names is not its authentication name."""
    fitting = fitting_scheme(leaf, client.authentication_name, but=scheme.value)
    if fitting:
        other = SCHEMES_BY_VALUE[fitting]
        return Advice(
            f"Switch {client.name} to {other.label}: the {other.part} is {client.authentication_name}.", SET_SCHEME
        )
    if is_no_address(client, scheme):
        found = presented_values(leaf, scheme.value)
        example = f", such as {found[0]} of this certificate" if found else ""
        return Advice(f"Give {client.name} an authentication name that is an IP address{example}.", CHANGE_NAME)
    issue = f"ssue the certificate with the {scheme.part} {client.authentication_name}."
    send = _what_to_send(clients_of(leaf, state))
    return Advice(f"{send}. Or, if this device is {client.name}, i{issue}" if send else f"I{issue}")


def is_no_address(client: ClientRecord, scheme: Scheme) -> bool:
    """Whether the scheme compares addresses and the authentication name is none, so that no certificate can match."""
    return scheme.value == IP_SCHEME and address_of(client.authentication_name) is None
