"""An attempt as a row of the engine's table of cases: what is presented to which namespace, the verdict, and the step that fails.

`tests/certificates/shared_cases.py` reads the file. It has no names or CA certificates of other teams, so it is made only where the engine
comes to the same verdict without them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from certificates.authentication.engine import authenticate
from certificates.authentication.types import ClientRecord, Decision, NamespaceState, TrustedCA, authentication_name_key
from certificates.models import CACertificate
from certificates.pages.presented_chain import PresentedChain
from certificates.x509.key_masking import masked
from certificates.x509.reading import to_pem
from lab.sharing.other_teams import of_other_teams
from namespaces.connections.attempts import decision_of
from namespaces.models import ConnectionAttempt
from portal.models import User

FORMAT = "authentication-case/1"


def engine_case(user: User, attempt: ConnectionAttempt) -> dict[str, Any] | None:
    """Return the row, or None where the log has no decision or the verdict depends on what other teams own."""
    then, presented = decision_of(attempt), PresentedChain.of_attempt(attempt)
    if then is None or presented is None or len(presented.certificates) != len(presented.ders):
        return None
    for cas in _choices(user, attempt, then):
        state = _state(cas, then.client, attempt.namespace.alternative_sources)
        now = authenticate(
            presented=presented.ders[0] if presented.ders else None,
            chain=presented.ders[1:],
            user_name=attempt.user_name or None,
            state=state,
            at=attempt.judged_at,
        )
        if (now.code, now.anchor) == (then.code, then.anchor):
            row: dict[str, Any] = masked(_row(attempt, presented, state, now))
            return row
    return None


def _choices(user: User, attempt: ConnectionAttempt, then: Decision) -> Iterator[Sequence[TrustedCA]]:
    """Yield sets of CA certificates, the smallest first, without those of other teams."""
    rows = CACertificate.objects.trusted().filter(namespace=attempt.namespace).exclude(of_other_teams(user))
    own = [TrustedCA(row.name, bytes(row.der)) for row in rows.order_by("name") if row.der]
    yield ()
    yield [ca for ca in own if ca.name == then.anchor]
    yield own


def _state(cas: Sequence[TrustedCA], client: ClientRecord | None, sources: Sequence[str]) -> NamespaceState:
    clients = {} if client is None else {authentication_name_key(client.authentication_name): client}
    return NamespaceState(tuple(cas), clients, tuple(sources))


def _row(attempt: ConnectionAttempt, presented: PresentedChain, state: NamespaceState, now: Decision) -> dict[str, Any]:
    pems = [to_pem(der) for der in presented.ders]
    return {
        "format": FORMAT,
        "id": f"shared: {now.code} at {attempt.at:%Y-%m-%d %H:%M:%S}",
        "at": attempt.judged_at.isoformat(),
        "presented": pems[0] if pems else None,
        "chain": pems[1:],
        "uploaded": {ca.name: to_pem(ca.der) for ca in state.cas},
        "user_name": attempt.user_name or None,
        "clients": [
            {
                "name": client.name,
                "authentication_name": client.authentication_name,
                "validation_scheme": client.validation_scheme,
                "thumbprints": list(client.thumbprints),
                "enabled": client.enabled,
            }
            for client in state.clients.values()
        ],
        "sources": list(state.alternative_sources),
        "fails_at": "" if now.accepted else now.code,
        "anchor": now.anchor,
        "client": now.client.name if now.accepted and now.client is not None else "",
    }
