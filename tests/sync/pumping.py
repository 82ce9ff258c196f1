"""Create many due rows, and run a pump until they are pushed."""

from typing import Any

import pytest

from namespaces.models import Client, Namespace
from portal.models import User
from sync.actions import commit_change
from sync.push import claim_and_settle
from sync.push.pump import Pump


def add(ada: User, namespace: Namespace, *names: str, bulk: bool = False, **fields: Any) -> list[Client]:
    rows = []
    for name in names:
        row = Client(namespace=namespace, name=name, validation_scheme="SubjectMatchesAuthenticationName", **fields)
        row.set_authentication_name(name)
        commit_change(ada, row=row, verb="Create client", before=None, after=row.describe(), scope_name="f", bulk=bulk)
        rows.append(row)
    return rows


def names(count: int, prefix: str = "sensor") -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def run(seconds: float = 20.0) -> Pump:
    made = Pump()
    made.run(seconds=seconds)
    return made


def watch_claims(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Return a list that grows with each claim: the rows' keys in push order. Parallel requests may arrive in any order."""
    claim, claims = claim_and_settle.claim, []

    def claim_and_note(model: Any, pks: Any, **values: Any) -> Any:
        claims.append(list(pks))
        return claim(model, pks, **values)

    monkeypatch.setattr(claim_and_settle, "claim", claim_and_note)
    return claims
