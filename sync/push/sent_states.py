"""What this portal may have left in Azure while an answer is missing: noted on the row with each claim, read with the next."""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from sync.models import SyncedModel
from sync.push.bulk_sql import update_each
from sync.push.comparison import canonical, state_of


@dataclass(frozen=True)
class History:
    """What each generation of a row wanted, canonically; "" where it wanted the row deleted."""

    wanted: Mapping[int, str]
    before: str = ""  # what was there before the first of them that is in doubt, where that is known

    def holds(self, current: str) -> bool:
        """Whether Azure's state is one that this portal may have left there."""
        return current in self.wanted.values()

    def may_have_removed(self, unchangeable: Set[str], base: str) -> bool:
        """Whether this portal may itself have deleted the resource: for good, or to replace it.

        A replacement begins with a DELETE, and is needed where a value that Azure never changes was to become another.
        """
        states = [json.loads(text) for text in (base, self.before, *self.wanted.values()) if text]
        kept = {
            canonical({name: state[name] for name in unchangeable}) for state in states if unchangeable <= state.keys()
        }
        return self.holds("") or len(kept) > 1

    def at(self, generation: int | None) -> str | None:
        """Return what was sent as `generation`; None if that is not known."""
        earlier = [known for known in self.wanted if generation is not None and known <= generation]
        return self.wanted[max(earlier)] if earlier else None


NOTHING_KNOWN = History({})


def history_of(row: SyncedModel) -> History:
    """Return what this portal may have left in Azure of a row whose last pushes are in doubt."""
    if not row.is_in_doubt:
        return NOTHING_KNOWN
    wanted = {each["generation"]: canonical(each["state"]) for each in row.sent_states}
    return History(wanted, canonical(row.replaced_state))


def note_sent(model: type[SyncedModel], rows: Iterable[SyncedModel]) -> None:
    """Keep on each claimed row what is about to be sent, and what that replaces, before anything is sent."""
    changed = []
    for row in rows:
        before = row.sent_states, row.replaced_state
        _note(row)
        if (row.sent_states, row.replaced_state) != before:
            changed.append(row)
    columns = ("sent_states", "replaced_state", "pk", "claim_token")
    with transaction.atomic():
        update_each(
            model, [{name: getattr(row, name) for name in columns} for row in changed], by=("pk", "claim_token")
        )


def _note(row: SyncedModel) -> None:
    if row.is_in_doubt:
        since = min(row.synced_generation, row.doubtful_from or row.synced_generation)
        sent = [each for each in row.sent_states if since <= each["generation"] != row.generation]
    else:
        held = state_of(type(row), row.base)
        row.replaced_state = held
        sent = [_entry(row.synced_generation, held)] if held is not None else []
    wanted = row.describe() if row.deleted_at is None else None
    row.sent_states = [*sent, _entry(row.generation, wanted)]


def _entry(generation: int, state: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"generation": generation, "state": state}


def former_states(row: SyncedModel) -> list[Any] | None:
    """Return what Azure may have held before this push of a claimed row; None for nothing."""
    states: Sequence[Any] = [row.replaced_state, *(each["state"] for each in row.sent_states[:-1])]
    found: list[Any] = []
    for state in states:
        if state is not None and state not in found:
            found.append(state)
    return found or None
