"""What would make a refused step pass: the sentence for people, and where in the portal that is done. Pure."""

import unicodedata
from typing import NamedTuple

from certificates.addresses import address_of
from certificates.comparing import IP_SCHEME, clients_of, find_client, fitting_scheme, presented_values
from certificates.decisions import (
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
from certificates.facts import Certificate

_NEVER_IN_NAMES = {"Cc", "Cs"}  # control characters and halves of characters


class Advice(NamedTuple):
    """The one change, and its action (`certificates.decisions`); "" where it is made outside the portal."""

    fix: str
    action: str = ""


def on_missing_name(leaf: Certificate, state: NamespaceState) -> Advice:
    """No MQTT user name was sent and no alternative source has a value."""
    send = "Send the client's authentication name as MQTT user name (mosquitto: -u)"
    for source, scheme in ALTERNATIVE_SOURCES.items():
        values = presented_values(leaf, scheme)
        if source not in state.alternative_sources and values and find_client(state, values[0], source) is not None:
            part = SCHEMES_BY_VALUE[scheme].part
            return Advice(f"{send}, or let this namespace take it from the certificate's {part}.", CHOOSE_SOURCES)
    return Advice(f"{send}.")


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
    if owner := _only_owner(leaf, state):
        return Advice(f"{owner}.")
    return Advice(
        f"Register a client with the authentication name {name}, or send the name of a registered one.", CREATE_CLIENT
    )


def _only_owner(leaf: Certificate, state: NamespaceState) -> str:
    """What to send with this certificate, where it belongs to exactly one client; "" where to none, or to several."""
    owners = clients_of(leaf, state)
    if len(owners) != 1:
        return ""
    name = owners[0].authentication_name
    return f"This certificate belongs to {owners[0].name}: send its authentication name {name} as MQTT user name"


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
    owner = _only_owner(leaf, state)
    return Advice(f"{owner}. Or, if this device is {client.name}, i{issue}" if owner else f"I{issue}")


def is_no_address(client: ClientRecord, scheme: Scheme) -> bool:
    """Whether the scheme compares addresses and the authentication name is none, so that no certificate can match."""
    return scheme.value == IP_SCHEME and address_of(client.authentication_name) is None
