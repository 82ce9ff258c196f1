"""Suggest the one change that makes a failed step pass, and where in the portal to make it. Pure."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from certificates.authentication.ip_addresses import address_of
from certificates.authentication.matching import (
    EMAIL_SCHEME,
    IP_SCHEME,
    SUBJECT_SCHEME,
    clients_of,
    find_client,
    fitting_scheme,
    presented_values,
)
from certificates.authentication.types import (
    ALTERNATIVE_SOURCES,
    CHANGE_NAME,
    CHOOSE_SOURCES,
    CREATE_CLIENT,
    MAX_NAME_LENGTH,
    REGISTER_THUMBPRINT,
    SCHEMES_BY_VALUE,
    SET_SCHEME,
    ClientRecord,
    NamespaceState,
    Scheme,
    authentication_name_key,
)
from certificates.authentication.written_subjects import names_subject
from certificates.x509.certificate import Certificate
from certificates.x509.text import hidden_difference, letter_difference, plain_letters, visible

MOST_NAMED = 3  # of the clients that a certificate belongs to
_NEVER_IN_NAMES = {"Cc", "Cs"}  # control characters and lone surrogates


class Advice(NamedTuple):
    """The change, and its action code from `decision` ("" when it is made outside the portal)."""

    fix: str
    action: str = ""


def unused_source(leaf: Certificate, state: NamespaceState) -> str:
    """Return the first source that the namespace does not use and that would find a client for the certificate, or ""."""
    for source, scheme in ALTERNATIVE_SOURCES.items():
        values = presented_values(leaf, scheme)
        if source not in state.alternative_sources and values and find_client(state, values[0], source) is not None:
            return source
    return ""


def on_missing_name(leaf: Certificate, state: NamespaceState, source: str) -> Advice:
    """Advise when there is neither an MQTT user name nor a value in an alternative source.

    Arguments: `source`, the result of `unused_source`.
    """
    send = _what_to_send(clients_of(leaf, state)) or "Send the client's authentication name as the MQTT user name"
    send += " (mosquitto: -u)"
    if not source:
        return Advice(f"{send}.")
    part = SCHEMES_BY_VALUE[ALTERNATIVE_SOURCES[source]].part
    return Advice(f"{send}, or configure this namespace to take it from the certificate's {part}.", CHOOSE_SOURCES)


def on_unknown_client(name: str, leaf: Certificate, state: NamespaceState, source: str) -> Advice:
    """Advise when no client has this authentication name. The certificate may belong to another client.

    Arguments: `source`, where the name came from ("UserName" or an alternative source).
    """
    if len(name) > MAX_NAME_LENGTH:
        return Advice(
            f"Send the authentication name of a registered client. This name has {len(name)} characters; authentication "
            f"names have at most {MAX_NAME_LENGTH}."
        )
    by_name = next((state.clients[key] for key in state.client_index.names.get(name, ()) if key in state.clients), None)
    if by_name is not None:
        return Advice(
            f"{name} is a client name, but that client's authentication name is {by_name.authentication_name}. "
            "Send that as the MQTT user name."
        )
    alike = _alike(name, state)
    if alike is not None:
        return _on_alike(name, alike, source)
    if not name.strip() or any(unicodedata.category(letter) in _NEVER_IN_NAMES for letter in name):
        return Advice(
            "Send the authentication name of a registered client. Authentication names cannot contain such characters."
        )
    owners = clients_of(leaf, state)
    if not owners:
        return Advice(
            f"Register a client with the authentication name {name}, or send the authentication name of a registered client.",
            CREATE_CLIENT,
        )
    if len(owners) == 1:
        return Advice(f"{_what_to_send(owners)}.")
    return Advice(f"{_what_to_send(owners)}. Or register a client with the authentication name {name}.", CREATE_CLIENT)


def _alike(name: str, state: NamespaceState) -> ClientRecord | None:
    """Return a client whose authentication name looks like this one; else None."""
    seen = authentication_name_key(plain_letters(name))
    if not seen:
        return None
    keys = (seen, *state.client_index.seen.get(seen, ()))
    return next((state.clients[key] for key in keys if key in state.clients), None)


def _on_alike(name: str, client: ClientRecord, source: str) -> Advice:
    registered = client.authentication_name
    extra = _seen_difference(registered, name)
    if extra:
        plain = plain_letters(registered)
        return Advice(
            f"{plain} is registered with {extra}: {client.name} has the authentication name {visible(registered)}. Change the "
            f"authentication name of {client.name} to {plain}."
        )
    extra = _seen_difference(name, registered) or "a different blank"
    change = "Send" if source == "UserName" else "Issue the certificate with"
    return Advice(f"{change} {visible(registered)} instead of {visible(name)}, which has {extra}.")


def _seen_difference(text: str, other: str) -> str:
    """Describe what `text` has that `other` has not, where both look alike; else ""."""
    return hidden_difference(text, other) or letter_difference(text, other)


def _what_to_send(owners: Sequence[ClientRecord]) -> str:
    """Name the authentication names of the clients that the certificate belongs to; "" when there are none."""
    if not owners:
        return ""
    if len(owners) == 1:
        name = owners[0].authentication_name
        return (
            f"This certificate belongs to {owners[0].name}: send the authentication name {name} as the MQTT user name"
        )
    named, more = owners[:MOST_NAMED], len(owners) - MOST_NAMED
    clients = [client.name for client in named] + ([f"{more} more"] if more > 0 else [])
    names = ", ".join(client.authentication_name for client in named)
    listed = f"{', '.join(clients[:-1])} and {clients[-1]}"
    return f"This certificate fits {listed}: send one of their authentication names ({names}) as the MQTT user name"


def _on_mismatch(leaf: Certificate, client: ClientRecord, scheme: Scheme, state: NamespaceState) -> Advice:
    """Advise when the part of the certificate that the client's scheme compares is not its authentication name."""
    fitting = fitting_scheme(leaf, client.authentication_name, but=scheme.value)
    if fitting:
        other = SCHEMES_BY_VALUE[fitting]
        return Advice(
            f"Switch {client.name} to {other.label}: the certificate's {other.part} is {client.authentication_name}.",
            SET_SCHEME,
        )
    name = client.authentication_name
    if scheme.value == SUBJECT_SCHEME and leaf.subject and names_subject(name, leaf.subject):
        common = f", or {leaf.common_names[0]}" if leaf.common_names else ""
        return Advice(
            f"Register it as {leaf.subject}{common}: {visible(name)} names this subject in another notation.",
            CHANGE_NAME,
        )
    if _is_no_address(client, scheme):
        found = presented_values(leaf, scheme.value)
        example = f", such as this certificate's {found[0]}" if found else ""
        return Advice(f"Change the authentication name of {client.name} to an IP address{example}.", CHANGE_NAME)
    alike = next((value for value in presented_values(leaf, scheme.value) if _seen_difference(name, value)), "")
    if alike:
        return Advice(f"Change the authentication name of {client.name} to {visible(alike)}.", CHANGE_NAME)
    where = " in its subject alternative name" if scheme.value == EMAIL_SCHEME else ""
    issue = f"ssue the certificate with the {scheme.part} {visible(name)}{where}."
    send = _what_to_send(clients_of(leaf, state))
    return Advice(f"{send}. Or, if this device is {client.name}, i{issue}" if send else f"I{issue}")


def _is_no_address(client: ClientRecord, scheme: Scheme) -> bool:
    """Return whether no certificate can match, because the scheme compares addresses and the name is not one."""
    return scheme.value == IP_SCHEME and address_of(client.authentication_name) is None


def _hidden(value: str, name: str) -> str:
    """Describe a difference between the certificate's value and the authentication name that a reader would not see."""
    if has := _seen_difference(value, name):
        return f": the certificate has {has}"
    has = _seen_difference(name, value)
    return f": the authentication name has {has}" if has else ""


def on_other_name(
    leaf: Certificate, client: ClientRecord, scheme: Scheme, found: Sequence[str], state: NamespaceState
) -> tuple[str, Advice]:
    """Return why the certificate does not match the client that was found, and the advice. `found` is what its scheme reads."""
    if scheme.value == "ThumbprintMatch":
        fix = f"Register {leaf.thumbprint_sha256} as the primary or secondary thumbprint of {client.name}."
        sentence = f"The certificate's thumbprint is not registered for {client.name}."
        return sentence, Advice(fix, REGISTER_THUMBPRINT)
    advised = _on_mismatch(leaf, client, scheme, state)
    name = client.authentication_name
    if _is_no_address(client, scheme):
        difference = f"its authentication name {visible(name)} is not an IP address"
    elif found:
        hidden = next((has for value in found if (has := _hidden(value, name))), "")
        presented = ", ".join(map(visible, found))
        difference = f"the certificate's {scheme.part} ({presented}) does not match {visible(name)}{hidden}"
    elif scheme.value == EMAIL_SCHEME and leaf.subject_emails:
        mails = ", ".join(leaf.subject_emails)
        difference = (
            f"the certificate's e-mail address {mails} is in the subject; Event Grid reads the subject alternative name"
        )
    else:
        difference = f"the certificate has no {scheme.part}"
    return f"{client.name} uses {scheme.label}, but {difference}.", advised
