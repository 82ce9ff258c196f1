"""Checks of replacing a CA certificate by its successor."""

from django.db.models import QuerySet

from certificates.models import CARollover, RolloverConfirmation
from lab.checks.connections import connected
from lab.checks.situation import Situation, check
from sync.models import same_name


def _started(situation: Situation, file: str) -> "QuerySet[CARollover]":
    rows = CARollover.objects.filter(namespace=situation.namespace, cancelled_at=None)
    return rows.filter(old__thumbprint=situation.thumbprint(file), started_at__gte=situation.progress.started_at)


@check()
def replacement_started(situation: Situation, *, file: str, through: str) -> bool:
    """The replacement of a CA certificate, `file`, by another, `through`, is started."""
    return _started(situation, file).filter(successor__thumbprint=situation.thumbprint(through)).exists()


@check()
def confirmed_by_hand(situation: Situation, *, client: str, file: str) -> bool:
    """A person has confirmed that the client needs the old CA certificate no longer."""
    rows = RolloverConfirmation.objects.filter(rollover__in=_started(situation, file))
    return rows.filter(same_name("client__name", client)).exists()


@check()
def confirmed_unseen(situation: Situation, *, client: str, file: str, through: str) -> bool:
    """The client was confirmed by hand, and has not connected by the successor."""
    is_confirmed = confirmed_by_hand(situation, client=client, file=file)
    return is_confirmed and not connected(situation, client=client, through=through)
