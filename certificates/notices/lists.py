"""Announce revocation lists: one that is about to become too old, one that is, and one that cannot be fetched."""

from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse

from certificates.models import CACertificate, DecisionRules, RevocationList, StaleList
from certificates.x509.certificate import public_key_hash
from portal.models import Reminder
from portal.notifications.announcing import Place, announce
from portal.registry import places

LATE = timedelta(days=7)  # what became too old longer ago is not announced any more
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=7)  # before the next update
BEFORE, AFTER = 1, 0  # in `Reminder.days`


def announce_stale_lists(at: datetime) -> None:
    """Announce the lists whose next update is near at `at`, and those that are past it, each once."""
    rows = RevocationList.objects.filter(
        added_at__isnull=False, next_update__gt=at - LATE, next_update__lte=at + LONGEST, ca__deleted_at=None
    )
    refusing = set(DecisionRules.objects.filter(stale_list=StaleList.REFUSE).values_list("namespace", flat=True))
    for row in rows.select_related("ca", "ca__team", "namespace").order_by("pk"):
        due = _due(row, at)
        if due is not None and public_key_hash(bytes(row.ca.der)) == row.signer_key:
            with transaction.atomic():
                if _remember(row, due):
                    _announce(row, due, refuses=row.namespace_id in refusing)


def warned_from(row: RevocationList) -> datetime:
    """Return when a list with a next update is announced: in the last tenth of its time, an hour to a week before."""
    assert row.this_update is not None
    assert row.next_update is not None
    return row.next_update - min(max((row.next_update - row.this_update) / 10, SHORTEST), LONGEST)


def _due(row: RevocationList, at: datetime) -> int | None:
    assert row.next_update is not None
    if at > row.next_update:
        return AFTER
    return BEFORE if at >= warned_from(row) else None


def _remember(row: RevocationList, due: int) -> bool:
    """Keep what is announced now. Return False where it was announced already."""
    assert row.next_update is not None
    key = f"revocation_list:{row.pk}:{row.signer_key[:16]}:{int(row.next_update.timestamp())}"
    known, is_new = Reminder.objects.select_for_update().get_or_create(
        pk=key, defaults={"days": due, "expires_at": row.next_update}
    )
    if is_new:
        return True
    if known.days <= due:
        return False
    known.days = due
    known.save(update_fields=["days"])
    return True


def _announce(row: RevocationList, due: int, *, refuses: bool) -> None:
    ca, end = row.ca, row.next_update
    if due == AFTER:
        subject = f"The revocation list of {ca.name} is past its next update"
        follows = (
            "Every client below this CA is refused until a newer list is here, where this portal decides."
            if refuses
            else "The last list still counts: what the CA has revoked since is not known here."
        )
    else:
        subject = f"The revocation list of {ca.name} is soon past its next update"
        follows = (
            "From then on every client below this CA is refused, and its session ends, where this portal decides."
            if refuses
            else "From then on the last list still counts, with a warning."
        )
    again = f" The last request to its address failed: {row.failed_sentence}" if row.failed_code else ""
    upload = "It is fetched again." if row.url and not again else "Upload the newest list of the CA."
    _tell(
        "revocation_list_stale", ca, subject, f"Its next update is {end:%d %b %Y %H:%M} UTC. {follows}{again} {upload}"
    )


def announce_failing_list(row: RevocationList, *, times: int) -> None:
    """Announce that a list could not be fetched again and again, in the caller's transaction. `row` comes with its CA certificate."""
    held = "There is no list yet." if row.added_at is None else "The last list still counts."
    if row.added_at is not None and row.next_update is not None:
        held = f"The last list counts, with its next update on {row.next_update:%d %b %Y %H:%M} UTC."
    sentence = f"{times} requests failed, the last one: {row.failed_sentence} {held} It is tried every 10 minutes."
    _tell("revocation_list_failed", row.ca, f"The revocation list of {row.ca.name} cannot be fetched", sentence)


def _tell(event: str, ca: CACertificate, subject: str, sentence: str) -> None:
    announce(
        event,
        to=places().audience(ca.namespace_id, ca.team_id),
        subject=subject,
        sentence=sentence,
        url=reverse("certificates:ca_certificate_crls", args=[ca.namespace_id]),
        scope=Place(ca.namespace_id, ca.namespace.name),
        team=ca.team,
        kind=CACertificate._meta.label_lower,
        object_name=ca.name,
    )
