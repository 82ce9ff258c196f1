"""Sync states of the rows on a page, brought up to date by htmx until nothing moves any more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.http import QueryDict

from sync.models import SyncedModel, SyncedQuerySet, SyncState

MOVING = frozenset({SyncState.PENDING, SyncState.SYNCING, SyncState.DELETING})
MOST_ROWS = 200


@dataclass
class Poll:
    """Which rows of a page still move, and when to ask again."""

    waiting: list[int] = field(default_factory=list)
    round: int = 0

    @property
    def delay_ms(self) -> int:
        """Quick at first, slower when Azure takes its time."""
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
    """What has become of the rows that a page asked about."""

    rows: Sequence[SyncedModel]
    gone: list[int]
    poll: Poll


def states_asked_for(query: QueryDict, rows: SyncedQuerySet) -> StateAnswer:
    """Read `row` and `round` of a poll; `rows` are those the person may see. What is not among them is gone."""
    asked = [int(pk) for pk in query.getlist("row")[:MOST_ROWS] if pk.isascii() and pk.isdigit() and len(pk) < 19]
    round_ = query.get("round", "0")
    found = list(rows.filter(pk__in=asked))
    known = {row.pk for row in found}
    number = int(round_) if round_.isascii() and round_.isdigit() and len(round_) < 7 else 0
    return StateAnswer(found, [pk for pk in asked if pk not in known], poll_of(found, number))
