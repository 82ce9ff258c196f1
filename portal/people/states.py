"""The state of people: active, invited, locked or disabled."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from portal.activity import SESSIONS
from portal.models import Activity, FailedSignIns, User
from portal.sign_in.known_devices import account_key
from portal.sign_in.rate_limits import LONG, slowed_accounts

STATES = {"active": "Active", "invited": "Invited", "locked": "Locked", "disabled": "Disabled"}
_KINDS = {"active": "good", "invited": "waiting", "locked": "warning", "disabled": "quiet"}
MOST_GUESSED = 1000  # accounts that are checked


@dataclass(frozen=True)
class State:
    """The state of one person. `kind` is that of `components/status.html`; `detail` follows in a second line."""

    key: str
    detail: str = ""
    until: datetime | None = None

    @property
    def label(self) -> str:
        return STATES[self.key]

    @property
    def kind(self) -> str:
        return _KINDS[self.key]


def state_of(user: User, failures: dict[int, int]) -> State:
    """Return the state of a person. `failures` are those of `locked_people`."""
    if not user.is_active:
        return State("disabled")
    if user.pk in failures:
        return State("locked", f"{failures[user.pk]} failures")
    return State("active")


def locked_people(among: Iterable[int] | None = None) -> dict[int, int]:
    """Return the failures of the accounts that are being guessed, so that unknown browsers hardly sign in to them.

    Args:
        among: primary keys of users; None for all.
    """
    since = timezone.now() - timedelta(seconds=LONG + 60)
    waiting = FailedSignIns.objects.filter(minute__gte=since).exclude(account=0).values_list("account", flat=True)
    recorded = Activity.objects.filter(kind=SESSIONS, verb="Failed sign-in", at__gte=since, object_pk__isnull=False)
    pks: set[Any] = {*waiting[:MOST_GUESSED], *recorded.order_by().values_list("object_pk", flat=True)[:MOST_GUESSED]}
    if among is not None:
        pks &= set(among)
    if not pks:
        return {}
    names = dict(User.objects.filter(pk__in=pks, is_active=True).values_list("pk", "username"))
    counts = slowed_accounts(account_key(name) for name in names.values())
    return {pk: counts[account_key(name)] for pk, name in names.items() if account_key(name) in counts}
