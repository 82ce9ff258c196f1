"""The state of the outbox and of the deliveries to webhooks: for its page, the metrics and the checks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min

from portal.models import Outgoing, OutgoingMail, WebhookDelivery

PURPOSES = {
    "password_reset_asked": "Link for a password, asked for",
    "password_reset": "Link for a password",
    "address_verification": "Verification of an address",
    "account_change": "Change to an account",
    "invitation": "Invitation",
    "digest": "Daily summary",
}
SLOW = timedelta(minutes=10)  # a mail that is due and has not been tried for longer: nothing works on the outbox
UNSETTLED = (*Outgoing.OPEN, Outgoing.State.SENDING)


@dataclass(frozen=True)
class QueueState:
    """What waits in one queue. `oldest_seconds`: age of the oldest; `overdue_seconds`: since when one is due."""

    waiting: int
    unknown: int
    failed: int
    oldest_seconds: float
    overdue_seconds: float
    last_error: str

    @property
    def is_stuck(self) -> bool:
        return self.overdue_seconds > SLOW.total_seconds()


def summarize(at: datetime) -> QueueState:
    """Return the state of the outbox."""
    return _state_of(OutgoingMail, at)


def count_open() -> int:
    """Return how many mails wait or are being sent."""
    return OutgoingMail.objects.filter(state__in=UNSETTLED).count()


def is_stuck(at: datetime) -> bool:
    """Return whether a mail has been due for long without an attempt. Every page of an administrator asks."""
    return _overdue(OutgoingMail, at) > SLOW.total_seconds()


def summarize_webhooks(at: datetime) -> QueueState:
    return _state_of(WebhookDelivery, at)


def label_of(mail: OutgoingMail) -> str:
    """Return what a mail is about, without a secret."""
    return mail.notice.title if mail.notice is not None else mail.subject or PURPOSES.get(mail.purpose, mail.purpose)


def _state_of(model: type[OutgoingMail] | type[WebhookDelivery], at: datetime) -> QueueState:
    rows = model._default_manager
    counts = dict(rows.order_by().values_list("state").annotate(number=Count("pk")))
    open_rows = rows.filter(state__in=UNSETTLED)
    ages = open_rows.aggregate(oldest=Min("created_at"))
    tried = rows.filter(state__in=Outgoing.OPEN).exclude(error="").order_by("-next_attempt_at").first()
    return QueueState(
        waiting=sum(counts.get(state, 0) for state in UNSETTLED),
        unknown=counts.get(Outgoing.State.UNKNOWN, 0),
        failed=counts.get(Outgoing.State.FAILED, 0),
        oldest_seconds=_age(ages["oldest"], at),
        overdue_seconds=_overdue(model, at),
        last_error=tried.error if tried else "",
    )


def _overdue(model: type[OutgoingMail] | type[WebhookDelivery], at: datetime) -> float:
    due = model._default_manager.filter(state__in=Outgoing.OPEN).aggregate(first=Min("next_attempt_at"))
    return _age(due["first"], at)


def _age(moment: datetime | None, at: datetime) -> float:
    return max((at - moment).total_seconds(), 0.0) if moment is not None else 0.0
