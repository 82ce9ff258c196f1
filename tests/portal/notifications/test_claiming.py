"""Several workers at one outbox: each mail is claimed by one of them, and each reminder announced once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from portal.models import Notice, OutgoingMail
from portal.notifications import outbox
from portal.notifications.announcing import announce
from portal.notifications.outbox import MAILS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.on_postgresql]
WORKERS, MESSAGES = 4, 24


def together(work: Any) -> list[Any]:
    """Run `work` in several threads that begin at once, and return what each returned."""
    begin = threading.Barrier(WORKERS)

    def run(number: int) -> Any:
        try:
            begin.wait(20)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, range(WORKERS)))


def test_no_mail_is_claimed_twice(settings: Any) -> None:
    settings.MAIL_CONFIGURED = True
    for number in range(MESSAGES):
        outbox.enqueue_mail(f"{number}@example.com", purpose="invitation", subject="x", text="x")

    def claim_all(number: int) -> list[int]:
        claimed = []
        while (mail := MAILS.claim(timezone.now())) is not None:
            claimed.append(mail.pk)
        return claimed

    claimed = [pk for pks in together(claim_all) for pk in pks]
    assert len(claimed) == len(set(claimed)) == MESSAGES
    assert OutgoingMail.objects.filter(state="sending", attempts=1).count() == MESSAGES


def test_events_of_one_group_are_counted_by_all() -> None:
    def tell(number: int) -> None:
        for _ in range(3):
            announce("sync_rejected", to=[], subject="x", sentence="x", url="/", scope=None, group="one group")

    together(tell)
    assert [notice.count for notice in Notice.objects.all()] == [3 * WORKERS]
