"""What happens at sign-in, for the activity log and the metrics."""

from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from portal.activity import SESSIONS, record
from portal.evidence import origin
from portal.models import FailedSignIns, SignInCount, User
from portal.sign_in.addresses import client_address, limited_network

LONGEST_BROWSER = 200  # characters
LINKS_NOTED_EVERY = 60  # seconds
UNKNOWN_ACCOUNT = "An account that does not exist"
UNKNOWN_LINK = "A link that does not exist"
EVENTS = (
    *("signed_in", "wrong_password", "refused_by_limit", "wrong_code", "signed_out", "signed_out_everywhere"),
    *("session_ended", "password_changed", "password_reset", "second_step_added", "second_step_removed"),
    *("recovery_codes_made", "recovery_code_used", "email_verified", "email_removed", "reset_link_refused"),
    *("sso_refused", "sso_unavailable"),
    "link_refused",
)
# Column of FailedSignIns → event
FAILURES = {"wrong": "wrong_password", "wrong_codes": "wrong_code", "refused": "refused_by_limit"}
VERBS = {
    "signed_in": "Sign in",
    "signed_out": "Sign out",
    "signed_out_everywhere": "Sign out everywhere",
    "session_ended": "End session",
    "password_changed": "Change password",
    "password_reset": "Reset password",
    "second_step_added": "Turn on two-step sign-in",
    "second_step_removed": "Turn off two-step sign-in",
    "recovery_codes_made": "Generate recovery codes",
    "recovery_code_used": "Use recovery code",
    "email_verified": "Verify e-mail address",
    "email_removed": "Remove e-mail address",
}


def note(event: str, user: User, request: HttpRequest, **more: str) -> None:
    """Record an event of one user, with address and browser, and count it."""
    browser = request.META.get("HTTP_USER_AGENT", "")[:LONGEST_BROWSER]
    record(
        user,
        verb=VERBS[event],
        kind=SESSIONS,
        object_pk=user.pk,
        object_name=user.username,
        after={"address": client_address(request), "browser": browser, **more},
    )
    count(event)


def note_failure(username: str, address: str, counted: str) -> None:
    """Count a failed sign-in as one of FAILURES. A worker adds each minute to the activity log (`record_failures`)."""
    user = User.objects.filter(username=username).only("pk").first()
    _count_failure(user, address, counted)
    count(FAILURES[counted])


def note_refused_link(request: HttpRequest, name: str, *, reason: str, of: str, user_pk: int | None = None) -> None:
    """Record that a secret link was refused: once in a minute for each link, reason and address, so that it fills no log.

    Args:
        name: what the entry calls the link.
        of: what identifies the link; never its secret.
    """
    address = client_address(request)
    if not cache.add(f"link-refused:{limited_network(address)}:{reason}:{of}", 1, LINKS_NOTED_EVERY):
        return
    record(
        None,
        verb="Refuse link",
        kind=SESSIONS,
        object_pk=user_pk,
        object_name=name,
        after={"address": address, "reason": reason},
    )


def note_refused_mail_link(request: HttpRequest, purpose: str, user: User | None = None) -> None:
    """Record that a link of a mail is wrong, was used or has expired; `user`: whose it claims to be."""
    name = user.username if user else UNKNOWN_LINK
    of = f"{purpose}:{user.pk if user else 0}"
    note_refused_link(request, name, reason=f"{purpose}-not-valid", of=of, user_pk=user.pk if user else None)


def note_refused_sso(reason: str, user: User | None, address: str, *, is_outage: bool) -> None:
    """Count a refused single sign-on, for an account that is known or for none. It is recorded as `note_failure` does."""
    _count_failure(user, address, "wrong", reason)
    count("sso_unavailable" if is_outage else "sso_refused")


def _count_failure(user: User | None, address: str, counted: str, reason: str = "") -> None:
    values = {
        "minute": this_minute(),
        "account": user.pk if user else 0,
        "address": address,
        "reason": reason,
    }
    rows = FailedSignIns.objects.filter(**values)
    if not rows.update(**{counted: F(counted) + 1}):
        try:
            with transaction.atomic():
                FailedSignIns.objects.create(**values, **{counted: 1})
        except IntegrityError:  # another process was quicker
            rows.update(**{counted: F(counted) + 1})


def this_minute() -> datetime:
    return timezone.now().replace(second=0, microsecond=0)


def record_failures(now: datetime) -> int:
    """Add one entry for each account, address and past minute to the activity log, and return their number.

    Entries of the log are never edited, so a minute is added when it is over.
    """
    over = FailedSignIns.objects.filter(minute__lte=now - timedelta(seconds=65)).order_by("minute", "pk")
    recorded = 0
    for row in list(over[:1000]):
        with origin.of_request(row.address, ""), transaction.atomic(durable=True):
            if not FailedSignIns.objects.filter(pk=row.pk).delete()[0]:
                continue  # another worker has added it
            user = User.objects.filter(pk=row.account).first()
            record(
                None,
                verb="Refused single sign-on" if row.reason else "Failed sign-in",
                kind=SESSIONS,
                object_pk=user.pk if user else None,
                object_name=user.username if user else UNKNOWN_ACCOUNT,
                after=_details(row),
                reason=row.reason,
            )
        recorded += 1
    return recorded


def _details(row: FailedSignIns) -> dict[str, str | int]:
    seen: dict[str, str | int] = {"address": row.address, "minute": row.minute.isoformat()}
    if row.reason:
        return seen | {"count": row.wrong, "reason": row.reason}
    total = row.wrong + row.wrong_codes + row.refused
    return seen | {"count": total, "wrong_codes": row.wrong_codes, "refused_by_limit": row.refused}


def on_email_removed(request: HttpRequest, user: User, **_: object) -> None:
    """Record what allauth reports by a signal."""
    note("email_removed", user, request)


def count(event: str) -> None:
    if not SignInCount.objects.filter(pk=event).update(count=F("count") + 1):
        try:
            with transaction.atomic():
                SignInCount.objects.create(pk=event, count=1)
        except IntegrityError:
            SignInCount.objects.filter(pk=event).update(count=F("count") + 1)


def counts() -> dict[str, int]:
    """Return how often each event happened, for the metrics."""
    return dict.fromkeys(EVENTS, 0) | dict(SignInCount.objects.values_list("event", "count"))
