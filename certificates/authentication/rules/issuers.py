"""Check whether the CAs of a path vouch for this client, and whether one of them is the one that it is pinned to. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from certificates.authentication.rules.types import IssuerBinding, NamespaceRules, Pin
from certificates.authentication.types import (
    CHANGE_BINDING,
    CHANGE_PIN,
    FAILED,
    ISSUER_VOUCHES,
    KEY_PINNED,
    NOT_NEEDED,
    PASSED,
    ClientRecord,
    Step,
    Values,
)
from certificates.x509.certificate import Certificate, public_key_hash
from certificates.x509.text import visible


def check_binding(path: Sequence[Certificate], client: ClientRecord, rules: NamespaceRules) -> Step:
    """Return the step `issuer-vouches`: the client has to belong to the binding of each CA of the path that has one.

    Argument: `path`, from the client certificate to the uploaded CA certificate; with Thumbprint Match the client certificate alone.
    """
    if len(path) == 1:
        return Step(ISSUER_VOUCHES, NOT_NEEDED, "No CA vouches for a client with Thumbprint Match.")
    bound = list(dict.fromkeys(_bindings(path, rules)))
    for binding in bound:
        if not binding.vouches_for(client):
            return _not_vouched(binding, client)
    if not bound:
        return Step(ISSUER_VOUCHES, PASSED, "The CAs of its chain count for every client.")
    counted = "; ".join(f"{each.name} counts for {counts_for(each)}" for each in bound)
    values: Values = tuple(("CA certificate", each.name) for each in bound)
    return Step(ISSUER_VOUCHES, PASSED, f"{counted}.", (*values, *_of_client(client)))


def _bindings(path: Sequence[Certificate], rules: NamespaceRules) -> Iterator[IssuerBinding]:
    for ca in path[1:]:
        binding = rules.bindings.get(public_key_hash(ca.der))
        if binding is not None:
            yield binding


def counts_for(binding: IssuerBinding) -> str:
    """Return in words for which clients a CA counts, such as "team Line A, group pumps and names like press-*"."""
    parts = [f"team {team}" for team in binding.teams]
    parts += [f"group {group.name}" for group in binding.groups]
    parts += [_named(pattern) for pattern in binding.patterns]
    if not parts:
        return "no client"
    if binding.is_hidden:
        return "some clients"
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]


def _named(pattern: str) -> str:
    return f"names like {visible(pattern)}" if "*" in pattern else f"the name {visible(pattern)}"


def _of_client(client: ClientRecord) -> Values:
    return (("authentication name", visible(client.authentication_name)), ("client's team", client.team or "none"))


def _not_vouched(binding: IssuerBinding, client: ClientRecord) -> Step:
    team = f"team {client.team}" if client.team else "no team"
    belongs = f"{client.name} belongs to {team}." if binding.teams else f"{client.name} is not among them."
    return Step(
        ISSUER_VOUCHES,
        FAILED,
        f"The CA {binding.name} counts only for {counts_for(binding)}. {belongs}"
        if counts_for(binding) != "no client"
        else f"The CA {binding.name} counts for no client: its teams and groups were deleted.",
        (("CA certificate", binding.name), ("counts for", counts_for(binding)), *_of_client(client)),
        f"Issue the certificate of {client.name} from a CA that counts for it. If {binding.name} should count for it, add it there.",
        CHANGE_BINDING,
    )


def check_pin(path: Sequence[Certificate], client: ClientRecord, pins: Mapping[str, Pin], *, problem: str = "") -> Step:
    """Return the step `key-pinned`: one of the CAs of the path has to have a key that the client is pinned to.

    Arguments: `path`, as for `check_binding`, but verified also with Thumbprint Match; `problem`: why there is none, else "".
    """
    pin = pins.get(client.name.lower())
    if pin is None:
        return Step(KEY_PINNED, NOT_NEEDED, f"{client.name} is not pinned to a CA.")
    shown = ", ".join(name or f"the key {key[:16]}…" for key, name in pin.keys.items()) or "no CA"
    keys = [(public_key_hash(ca.der), ca) for ca in path[1:]]
    found = next((ca for key, ca in keys if key in pin.keys), None)
    presented = ", ".join(ca.subject or "(empty subject)" for _, ca in keys) or "none"
    values: Values = (("pinned to", shown), ("CAs of the chain", presented))
    if found is not None:
        return Step(KEY_PINNED, PASSED, f"Issued by {found.subject}, to whose key {client.name} is pinned.", values)
    issuer = path[1].subject if len(path) > 1 else path[0].issuer
    return Step(
        KEY_PINNED,
        FAILED,
        f"{client.name} is pinned to {shown}, but its certificate was issued by {issuer or '(empty name)'}."
        if not problem
        else f"{client.name} is pinned to {shown}, and its certificate does not lead there: {problem}",
        values,
        f"Issue the certificate of {client.name} from {shown}. If it should have another CA, pin it to that one.",
        CHANGE_PIN,
    )
