"""Sync states of the rows on a page, polled by htmx until every row has settled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.http import QueryDict

from portal.listing import whole_number
from sync.models import SyncedModel, SyncedQuerySet, SyncState

MOVING = frozenset({SyncState.PENDING, SyncState.SYNCING, SyncState.DELETING})
MOST_ROWS = 200


@dataclass
class Poll:
    """The rows of a page that have not settled, and when to ask for them again."""

    waiting: list[int] = field(default_factory=list)
    round: int = 0

    @property
    def delay_ms(self) -> int:
        """Short at first, longer when Azure takes its time."""
        if self.round < 20:
            return 500
        return 2000 if self.round < 60 else 10_000

    @property
    def query(self) -> str:
        return urlencode([("row", pk) for pk in self.waiting] + [("round", self.round + 1)])


def poll_of(rows: Iterable[SyncedModel], round_: int = 0) -> Poll:
    return Poll([row.pk for row in rows if row.sync_state in MOVING][:MOST_ROWS], round_)


@dataclass
class StateAnswer:
    """The current state of the rows that a page asked for."""

    rows: Sequence[SyncedModel]
    gone: list[int]
    poll: Poll


def states_asked_for(query: QueryDict, rows: SyncedQuerySet) -> StateAnswer:
    """Return the rows that a poll names by `row`, out of those the user may see (`rows`). The others are deleted."""
    asked = [pk for text in query.getlist("row")[:MOST_ROWS] if (pk := whole_number(text)) is not None]
    found = list(rows.filter(pk__in=asked))
    known = {row.pk for row in found}
    round_ = whole_number(query.get("round", ""), digits=6) or 0
    return StateAnswer(found, [pk for pk in asked if pk not in known], poll_of(found, round_))
