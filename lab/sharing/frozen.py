"""The frozen copy of an attempt: certificate, user name, steps and fix, as they were, without keys and other teams' names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certificates.authentication.types import SCHEMES_BY_VALUE, TITLES, Decision, Step
from certificates.pages.presented_chain import PresentedChain
from certificates.x509.key_masking import masked
from certificates.x509.reading import to_pem
from lab.sharing.other_teams import names_in, names_of_others, without_names
from namespaces.connections.attempts import decision_of
from namespaces.models import ConnectionAttempt
from portal.models import User

FORMAT = "shared-attempt/1"


def freeze(user: User, attempt: ConnectionAttempt) -> dict[str, Any]:
    """Return the frozen copy, as this person may share it. `attempt` was read with its namespace for the person."""
    decision = decision_of(attempt)
    presented = PresentedChain.of_attempt(attempt)
    chain = presented.certificates if presented is not None else ()
    client = decision.client if decision is not None else None
    texts = {
        "reason": attempt.reason,
        "anchor": attempt.ca_name,
        "fix": decision.fix if decision is not None else "",
        "steps": [_frozen_step(step) for step in decision.steps] if decision is not None else [],
    }
    # What the client itself sent or is called is shared; so are the names in its certificates, which are shared whole.
    own = {attempt.user_name, attempt.client_name, attempt.session_name}
    own |= {client.name, client.authentication_name} if client is not None else set()
    own |= {name for each in chain for name in names_in(each.subject, each.issuer)}
    texts = without_names(texts, names_of_others(user, attempt.namespace, own=frozenset(own)))
    leaf = presented.leaf if presented is not None else None
    frozen = {
        "format": FORMAT,
        "at": attempt.at.isoformat(),
        "judged_at": attempt.judged_at.isoformat(),  # ahead of it where training moved the moment
        "accepted": attempt.accepted,
        "code": attempt.code,
        "user_name": attempt.user_name,
        "client_id": attempt.session_name,
        "protocol": attempt.protocol,
        "client_name": client.name if client is not None else attempt.client_name,
        "authentication_name": decision.authentication_name if decision is not None else "",
        "validation_scheme": client.validation_scheme if client is not None else "",
        "subject": attempt.subject,
        "issuer": attempt.issuer,
        "thumbprint": attempt.thumbprint,
        "not_before": leaf.not_before.isoformat() if leaf is not None else None,
        "not_after": leaf.not_after.isoformat() if leaf is not None else None,
        "certificates": [to_pem(each.der) for each in chain],
        **texts,
    }
    found: dict[str, Any] = masked(frozen)
    return found


def _frozen_step(step: Step) -> dict[str, Any]:
    return {
        "code": step.code,
        "outcome": step.outcome,
        "sentence": step.sentence,
        "values": [list(pair) for pair in step.values],
        "fix": step.fix,
    }


@dataclass(frozen=True)
class ShownAttempt:
    """A frozen copy for a page."""

    facts: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.facts["at"])

    @property
    def not_before(self) -> datetime | None:
        return datetime.fromisoformat(self.facts["not_before"]) if self.facts["not_before"] else None

    @property
    def judged_at(self) -> datetime | None:
        """The moment at which the certificate was judged, where it was not that of the attempt."""
        moment = self.facts.get("judged_at", self.facts["at"])
        return datetime.fromisoformat(moment) if moment != self.facts["at"] else None

    @property
    def not_after(self) -> datetime | None:
        return datetime.fromisoformat(self.facts["not_after"]) if self.facts["not_after"] else None

    @property
    def scheme(self) -> str:
        scheme = SCHEMES_BY_VALUE.get(self.facts["validation_scheme"])
        return scheme.label if scheme is not None else ""

    @property
    def pem(self) -> str:
        return "".join(self.facts["certificates"])

    @property
    def steps(self) -> list[Step]:
        return [
            Step(
                each["code"],
                each["outcome"],
                each["sentence"],
                tuple((str(name), str(value)) for name, value in each["values"]),
                each["fix"],
            )
            for each in self.facts["steps"]
            if each["code"] in TITLES
        ]


def subject_of_sharing(attempt: ConnectionAttempt) -> frozenset[str]:
    """Return the names of the clients that an attempt is about, which its sharer must be responsible for."""
    decision: Decision | None = decision_of(attempt)
    client = decision.client if decision is not None else None
    return frozenset({attempt.client_name, client.name if client is not None else ""} - {""})
