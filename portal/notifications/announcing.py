"""Announce an event: one call in the transaction of the change gives it to the bell, the outbox and the webhooks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.text import Truncator

from portal.models import Channel, Notice, NoticeRecipient, Team, User
from portal.notifications import outbox
from portal.notifications.events import BY_CODE, Event
from portal.notifications.preferences import channels
from portal.notifications.webhooks.changes import enqueue_for_webhooks
from portal.registry import may_get
from portal.web.invisible_characters import named

LONGEST_COLLECTED = timedelta(hours=1)
BETWEEN_MAILS = timedelta(minutes=15)  # about one group of events
IN_BELL = {Channel.BELL, Channel.DIGEST, Channel.MAIL}


@dataclass(frozen=True)
class Place:
    """Where an event happened: the primary key and name of the namespace."""

    pk: int
    name: str


def announce(
    event: str,
    *,
    to: Iterable[User],
    subject: str,
    sentence: str,
    url: str,
    scope: Place | None,
    team: Team | None = None,
    kind: str = "",
    object_name: str = "",
    group: str = "",
    summary: str = "",
    count: int = 1,
) -> Notice:
    """Announce an event in the caller's transaction, and return the notice.

    Args:
        event: a code of `portal.notifications.events`.
        to: the people who should know. Those who are disabled or may not see the namespace get nothing; rights are checked
            again when a mail is sent and when the bell is opened.
        subject: what happened, in one line without a full stop.
        sentence: the details, and what to do.
        url: a path of this portal.
        scope: the namespace; None for news about the recipients themselves, such as "access declined".
        team: the team that owns the object.
        kind, object_name: the object, by its model label and name.
        group: events with the same group are collected into one notice for a while; "" for a notice of its own.
        summary: the subject of several collected events, with "{count}" for their number.
        count: how many events this call announces.
    """
    known = BY_CODE[event]
    now = timezone.now()
    notice = Notice(
        event=event,
        at=now,
        opened_at=now,
        subject=_shortened(subject, 200),
        summary=_shortened(summary, 200),
        sentence=_shortened(sentence, 1000),
        url=url,
        scope=scope.pk if scope else None,
        scope_name=scope.name if scope else "",
        team=team,
        kind=kind,
        object_name=_shortened(object_name, 160),
        group=group,
        group_key=group or None,
        count=count,
    )
    with transaction.atomic():
        notice = _saved(notice)
        at = _first_attempt(notice, known, now)
        _deliver(notice, known, to, at)
        enqueue_for_webhooks(notice, at=at)
    return notice


def _saved(notice: Notice) -> Notice:
    """Save a notice, or add its events to the one that collects its group."""
    if not notice.group:
        notice.save(force_insert=True)
        return notice
    collecting = Notice.objects.filter(group_key=notice.group)
    collecting.filter(opened_at__lte=notice.at - LONGEST_COLLECTED).update(group_key=None)
    joined = {"count": F("count") + notice.count, "at": notice.at}
    for _ in range(3):
        if collecting.update(**joined):
            return collecting.get()
        try:
            with transaction.atomic():
                notice.save(force_insert=True)
        except IntegrityError:  # another transaction was quicker
            continue
        return notice
    notice.group_key = None  # the others come and go: a notice of its own
    notice.save(force_insert=True)
    return notice


def _first_attempt(notice: Notice, event: Event, now: datetime) -> datetime:
    """Return when to report a notice: collected events later, and no group again at once."""
    if not notice.group:
        return now
    earlier = Notice.objects.filter(group=notice.group, opened_at__gt=now - BETWEEN_MAILS).exclude(pk=notice.pk)
    return now + (BETWEEN_MAILS if earlier.exists() else event.wait)


def _deliver(notice: Notice, event: Event, to: Iterable[User], at: datetime) -> None:
    """Give a notice to the people who may get it and do not have it yet."""
    has_it = set(notice.recipients.values_list("user_id", flat=True))
    new = {user.pk: user for user in to if user.pk not in has_it}
    allowed = [user for user in new.values() if may_get(user, notice)]
    chosen = channels(event.code, allowed, team=notice.team)
    recipients = [
        NoticeRecipient(
            notice=notice,
            user=user,
            in_bell=not event.in_activity,
            in_digest=chosen[user.pk] is Channel.DIGEST,
        )
        for user in allowed
        if chosen[user.pk] in IN_BELL
    ]
    NoticeRecipient.objects.bulk_create(recipients, ignore_conflicts=True)
    outbox.enqueue_notice(notice, [user for user in allowed if chosen[user.pk] is Channel.MAIL], at=at)


def _shortened(text: str, most: int) -> str:
    """Return a text in one line, with invisible characters by their names: mails and webhooks draw them as they are."""
    return Truncator(named(" ".join(text.split()))).chars(most)
