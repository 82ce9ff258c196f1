"""A device with a valid certificate and no client: would a template register it? Pure.

The engine decides: it is asked again about the same CONNECT with the client that the template would create. Only what the
template itself asks for is checked here: the name, and the team and the names that the CA certificates of the chain are bound to.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from certificates.authentication.chain import verify_chain
from certificates.authentication.engine import authenticate
from certificates.authentication.matching import THUMBPRINT_SCHEME, clients_of, presented_values
from certificates.authentication.rules.names import matches_pattern
from certificates.authentication.types import (
    ALTERNATIVE_SOURCES,
    FAILED,
    MAX_NAME_LENGTH,
    ClientRecord,
    Decision,
    NamespaceState,
    Step,
    authentication_name_key,
)
from certificates.x509.certificate import Certificate, DecodingError, load_certificate, public_key_hash
from certificates.x509.text import visible

CLIENT_FOUND = "client-found"
FIRST_CONTACT = "first contact"  # a name in the values of that step
_NO_NAME_LETTER = re.compile(r"[^-a-zA-Z0-9:._]")
_DIGITS = 8  # of a hash, in the name of a client


@dataclass(frozen=True)
class Template:
    """How a CA certificate registers devices. `key`: of its public key; `source`: which part of a certificate holds the name.

    `ca` and `edition` name the stored template. `queues`: devices wait for a person. `patterns` are of authentication names; none
    stands for every name.
    """

    ca: int
    ca_name: str
    key: str
    edition: int
    source: str
    validation_scheme: str
    team: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    patterns: tuple[str, ...] = ()
    queues: bool = False


@dataclass(frozen=True)
class Newcomer:
    """A device without a client, below a CA certificate with a template.

    `client` is the one that the template would create, `decision` what the engine says with it. `objection` is the code of why it
    is not registered whatever the engine says, and `sentence` says why not, for people; both are "" where nothing is against it.
    """

    template: Template
    client: ClientRecord
    decision: Decision
    leaf: Certificate
    objection: str = ""
    sentence: str = ""

    @property
    def may_be_registered(self) -> bool:
        return self.decision.accepted and not self.objection


def newcomer(
    refused: Decision,
    *,
    presented: bytes | None,
    chain: Sequence[bytes],
    user_name: str | None,
    state: NamespaceState,
    templates: Mapping[str, Template],
    at: datetime,
) -> Newcomer | None:
    """Return the device of a CONNECT that was refused for want of a client, None where no template is about it.

    Arguments: `refused`, the engine's decision; then what was decided about, as for `authenticate`; `templates`, by key.
    """
    name = refused.authentication_name
    if not templates or presented is None or refused.code != CLIENT_FOUND or len(name) > MAX_NAME_LENGTH:
        return None
    try:
        leaf = load_certificate(presented)
    except DecodingError:
        return None
    verdict = verify_chain(leaf, chain, state.anchors, at=at)
    template = templates.get(public_key_hash(verdict.path[-1].der)) if verdict.verified else None
    if template is None:
        return None

    def decided(client: ClientRecord) -> Decision:
        """Decide with this client alone: under the name of the CONNECT there is no other."""
        only = replace(state, clients={authentication_name_key(client.authentication_name): client}, index=None)
        only.__dict__["anchors"] = state.anchors
        return authenticate(presented=presented, chain=chain, user_name=user_name, state=only, at=at)

    client = _client(template, leaf, name)
    decision = decided(client)
    if decision.accepted and template.validation_scheme == THUMBPRINT_SCHEME:
        client = replace(client, validation_scheme=THUMBPRINT_SCHEME, thumbprints=(leaf.thumbprint_sha256,))
        decision = decided(client)
    found = Newcomer(template, client, decision, leaf)
    if not decision.accepted:
        return replace(found, objection=decision.code, sentence=f"Not registered on first contact: {decision.reason}")
    code, sentence = _objection(template, client, leaf, verdict.path, state)
    return replace(found, objection=code, sentence=sentence)


def _client(template: Template, leaf: Certificate, name: str) -> ClientRecord:
    """Return the client as the scheme of the template's part of the certificate would have it, with the certificate's spelling."""
    scheme, key = ALTERNATIVE_SOURCES[template.source], authentication_name_key(name)
    spelt = next((each for each in presented_values(leaf, scheme) if authentication_name_key(each) == key), name)
    return ClientRecord(client_name(spelt), spelt, scheme, (), True, template.team, template.attributes)


def client_name(authentication_name: str, *, is_taken: bool = False) -> str:
    """Return a name for a client in Azure: the authentication name where that may be one, else one that is made from it.

    Two authentication names have two names: one that was changed ends with a part of a hash. `is_taken`: another client has it.
    """
    plain = _NO_NAME_LETTER.sub("-", authentication_name)
    if plain == authentication_name and plain.strip(".") and not is_taken:
        return plain
    digits = sha256(authentication_name_key(authentication_name).encode("utf-8", "replace")).hexdigest()[:_DIGITS]
    return f"{plain[: MAX_NAME_LENGTH - _DIGITS - 1]}-{digits}"


def _objection(
    template: Template, client: ClientRecord, leaf: Certificate, path: Sequence[Certificate], state: NamespaceState
) -> tuple[str, str]:
    """Return code and sentence of what is against it although the engine would let the client in; "" twice where nothing is.

    For a client that a person has registered it is enough to be of the team or to have the name. Here the CA certificate chooses
    the team itself, so both have to fit.
    """
    name, shown = client.authentication_name, visible(client.authentication_name)
    owners = clients_of(leaf, state)
    if owners:
        return (
            "has-a-client",
            f"Not registered on first contact: its certificate belongs to the client {owners[0].name}.",
        )
    if template.patterns and not _matches(name, template.patterns):
        return "name", f"Not registered on first contact: {template.ca_name} registers no name like {shown}."
    for key in (public_key_hash(ca.der) for ca in path[1:]):
        binding = state.rules.bindings.get(key)
        if binding is None:
            continue
        if binding.teams and client.team not in binding.teams:
            team = f"team {client.team}" if client.team else "clients without a team"
            return "team", f"Not registered on first contact: the CA {binding.name} does not count for {team}."
        if binding.patterns and not _matches(name, binding.patterns):
            return "name", f"Not registered on first contact: the CA {binding.name} counts for no name like {shown}."
    return "", ""


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(matches_pattern(name, pattern) for pattern in patterns)


def explained(decision: Decision, outcome: str, sentence: str) -> Decision:
    """Return a decision whose step about the client says what came of the first contact, in a word and a sentence."""
    steps = tuple(_explained(step, outcome, sentence) if step.code == CLIENT_FOUND else step for step in decision.steps)
    failing = next((step for step in steps if step.outcome == FAILED), None)
    reason = failing.sentence if failing is not None else f"{decision.reason} {sentence}"
    return decision._replace(steps=steps, reason=reason)


def _explained(step: Step, outcome: str, sentence: str) -> Step:
    return step._replace(sentence=f"{step.sentence} {sentence}", values=(*step.values, (FIRST_CONTACT, outcome)))
