"""Claim, hand over and settle rows of a queue, each by a conditional UPDATE on a fresh token.

A worker that dies before the hand-over loses nothing: its claim runs out, and another sends the message. From the hand-over until
the server's answer is stored, the server may have the message although nothing shows it: the row is then "unknown" and sent again,
with the same id.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import F, Q
from django.utils import timezone

from portal.models import Outgoing

FIRST_BACKOFF = timedelta(seconds=10)
LONGEST_ERROR = 500
CANDIDATES = 20
UNCLAIMED = {"claim_token": None, "claimed_at": None, "claimed_until": None, "handed_over_at": None}
State = Outgoing.State
Message = TypeVar("Message", bound=Outgoing)


class Queue(Generic[Message]):
    """The rows of one model.

    Args:
        model: a subclass of `Outgoing`.
        lease: how long a claim lasts; longer than all time-outs of one attempt.
        longest_backoff: between two attempts.
        related: what is read with a claimed row.
        erased: columns that are emptied once a row is settled for good.
    """

    def __init__(
        self,
        model: type[Message],
        *,
        lease: timedelta,
        longest_backoff: timedelta,
        related: tuple[str, ...] = (),
        erased: Mapping[str, Any] | None = None,
    ) -> None:
        self.rows: Any = model._default_manager
        self.lease, self.longest_backoff, self.related = lease, longest_backoff, related
        self.erased = dict(erased or {})

    def recover(self, at: datetime) -> None:
        """Take back the claims of workers that stopped, and give up what is no longer worth sending."""
        left = self.rows.filter(state=State.SENDING, claimed_until__lt=at)
        again = {**UNCLAIMED, "next_attempt_at": at}
        left.filter(handed_over_at__isnull=True).update(state=State.WAITING, **again)
        left.filter(handed_over_at__isnull=False).update(
            state=State.UNKNOWN,
            lost_answers=F("lost_answers") + 1,
            error_code="answer_lost",
            error="The worker stopped before it could store the server's answer.",
            **again,
        )
        over = self.rows.filter(state__in=Outgoing.OPEN, expires_at__lte=at)
        given_up = {"settled_at": at, **UNCLAIMED, **self.erased}
        over.filter(attempts=0).update(state=State.EXPIRED, **given_up)
        over.update(state=State.FAILED, **given_up)

    def in_flight(self) -> int:
        count: int = self.rows.filter(state=State.SENDING).count()
        return count

    def claim(self, at: datetime, where: Q | None = None) -> Message | None:
        """Claim the row that has waited longest, or return None. No other worker gets it until the claim runs out."""
        due = self.rows.due(at)
        candidates = due.filter(where or Q()).order_by("next_attempt_at", "pk")
        for pk in candidates.values_list("pk", flat=True)[:CANDIDATES]:
            values = {"claim_token": uuid.uuid4(), "claimed_at": at, "claimed_until": at + self.lease}
            if due.filter(pk=pk).update(state=State.SENDING, **values, attempts=F("attempts") + 1):
                claimed: Message = self.rows.select_related(*self.related).get(pk=pk)
                return claimed
        return None

    def note_hand_over(self, message: Message) -> bool:
        """Note that the server gets the message now. Return False if the claim is lost: then it must not get it."""
        now = timezone.now()
        return self._update(message, handed_over_at=now, claimed_until=now + self.lease)

    def settle(self, message: Message, state: str, *, code: str = "", error: str = "", **more: Any) -> bool:
        """Settle a claimed row. What failed keeps its text, for a retry. Return False if the claim was lost."""
        values = {"settled_at": timezone.now(), "error_code": code[:40], "error": error[:LONGEST_ERROR], **more}
        erased = {} if state == State.FAILED else self.erased
        return self._update(message, state=state, **values, **UNCLAIMED, **erased)

    def postpone(
        self,
        message: Message,
        *,
        code: str,
        error: str,
        answer_lost: bool = False,
        wait: timedelta | None = None,
        **more: Any,
    ) -> bool:
        """Release a claimed row for its next attempt, later with each one unless `wait` says when."""
        values = {
            "state": State.UNKNOWN if answer_lost or message.lost_answers else State.WAITING,
            "lost_answers": F("lost_answers") + int(answer_lost),
            "next_attempt_at": timezone.now() + (wait or self.backoff(message.attempts)),
            "error_code": code[:40],
            "error": error[:LONGEST_ERROR],
            **more,
        }
        return self._update(message, **values, **UNCLAIMED)

    def backoff(self, attempts: int) -> timedelta:
        """Return how long to wait after this number of attempts."""
        doubled: timedelta = FIRST_BACKOFF * 2 ** min(max(attempts, 1) - 1, 12)
        return min(doubled, self.longest_backoff)

    def hurry(self, pk: int) -> bool:
        """Make a row that waits due now."""
        return bool(self.rows.filter(pk=pk, state__in=Outgoing.OPEN).update(next_attempt_at=timezone.now()))

    def cancel(self, pk: int) -> bool:
        """Give a row up. Return False where it is being sent or settled."""
        rows = self.rows.filter(pk=pk, state__in=Outgoing.OPEN)
        return bool(rows.update(state=State.CANCELLED, settled_at=timezone.now(), **self.erased))

    def _update(self, message: Message, **values: Any) -> bool:
        mine = self.rows.filter(pk=message.pk, state=State.SENDING, claim_token=message.claim_token)
        return bool(mine.update(**values))
