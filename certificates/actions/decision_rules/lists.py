"""Certificate revocation lists of CA certificates: uploaded, fetched from an address that the operator allows, removed."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from certificates.actions.decision_rules.bindings import check_owner
from certificates.actions.decision_rules.ended_sessions import end_sessions_listed
from certificates.authentication.rules import types as rules
from certificates.authentication.rules.revocation_lists import MAX_BYTES, ListError, check_replaces, list_der, read_list
from certificates.models import CACertificate, RevocationList
from certificates.notices.lists import announce_failing_list
from certificates.x509.certificate import load_certificate, public_key_hash
from namespaces.actions.resources import current
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.policy import Need
from namespaces.decision_changes import decisions_changed
from namespaces.rules.errors import RuleError
from portal import activity
from portal.fetching import FetchError, check_address, fetch
from portal.models import User
from sync.control import one_transaction
from sync.workers.wakeups import send_on_commit

logger = logging.getLogger(__name__)
FETCH_TASK = "certificates.tasks.fetch_revocation_lists"
AGAIN = timedelta(minutes=10)  # after a fault, and how long a worker has for one
ANNOUNCED_AT = 3  # requests that failed one after another
SAME = "same-list"
LIST_KIND = "revocation_list"  # in change sets


@dataclass(frozen=True)
class Taken:
    """A list that counts from now on. `is_new`: it differs from the one before."""

    row: RevocationList
    is_new: bool


def take_list(actor: User, *, ca: CACertificate, data: bytes) -> RevocationList:
    """Let an uploaded list of this CA count instead of the one before. Raise RuleError with the code of the refusal."""
    with one_transaction():
        row = current(actor, ca)
        try:
            taken = _take(row, data, actor)
        except ListError as refusal:
            raise RuleError("file", refusal.code, str(refusal)) from None
        if not taken.is_new:
            raise RuleError("file", SAME, "This list is in use already. There is nothing to replace.")
    return taken.row


def remove_list(actor: User, *, ca: CACertificate) -> None:
    """Let no list of this CA count, and fetch none. Its number is kept, so that an older one never counts later. Raise RuleError, and
    NeedsApproval where the policy asks for approval.
    """
    with one_transaction():
        row = current(actor, ca)
        check_owner(actor, row, f"Only an Owner of the namespace removes the revocation list of {row.name}.")
        found = RevocationList.objects.select_for_update().filter(ca=row).first()
        if found is None or not (found.der or found.url):
            raise RuleError("", "no-list", f"There is no revocation list of {row.name}.")
        before = described(found)
        if found.der:
            draft = Draft(LIST_KIND, "remove", row.name, "", row.team, before, None)
            check_other(actor, row.namespace_id, [Need.LOOSEN_RULE], draft)
        found.der, found.entries, found.added_at, found.added_by = b"", 0, None, None
        found.url, found.due_at, found.failed_code, found.failed_sentence = "", None, "", ""
        found.failures = 0
        found.save()
        decisions_changed(row.namespace_id)
        activity.record(actor, verb="Remove revocation list", **row.in_activity(), before=before)


def set_list_address(actor: User, *, ca: CACertificate, url: str) -> None:
    """Fetch the list of this CA from an address that the operator allows; "" fetches none. Raise RuleError."""
    if url:
        try:
            check_address(url, settings.REVOCATION_LIST_HOSTS)
        except FetchError as refusal:
            raise RuleError("url", refusal.code, str(refusal)) from None
    with one_transaction():
        row = current(actor, ca)
        found = RevocationList.objects.select_for_update().filter(ca=row).first()
        if (found.url if found is not None else "") == url:
            return
        before = {"url": found.url} if found is not None else None
        found = found or RevocationList(namespace=row.namespace, ca=row)
        found.url, found.asked_at, found.due_at = url, None, timezone.now() if url else None
        found.failed_code = found.failed_sentence = ""
        found.failures = 0
        found.save()
        activity.record(
            actor, verb="Set address of revocation list", **row.in_activity(), before=before, after={"url": url}
        )
        if url:
            send_on_commit(FETCH_TASK)


def fetch_soon(actor: User, *, ca: CACertificate) -> None:
    """Fetch the list of this CA now, before it is due. Raise RuleError."""
    with one_transaction():
        row = current(actor, ca)
        if not RevocationList.objects.filter(ca=row).exclude(url="").update(due_at=timezone.now(), asked_at=None):
            raise RuleError("", "no-address", f"No address is set for the revocation list of {row.name}.")
        send_on_commit(FETCH_TASK)


def fetch_due_lists(at: datetime) -> int:
    """Fetch the lists that are due, and return their number. Each is claimed, so that workers fetch none twice."""
    done = 0
    for row in RevocationList.objects.filter(due_at__lte=at).exclude(url="").order_by("due_at")[:100]:
        claimed = RevocationList.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=at + AGAIN)
        if claimed:
            _fetch(row)
            done += 1
    return done


def _fetch(row: RevocationList) -> None:
    code = sentence = ""
    try:
        data = fetch(
            row.url,
            hosts=settings.REVOCATION_LIST_HOSTS,
            most_bytes=MAX_BYTES,
            authorities=settings.REVOCATION_LIST_CA,
        )
        with transaction.atomic():
            ca = CACertificate.objects.select_for_update(of=("self",)).select_related("namespace").get(pk=row.ca_id)
            _take(ca, data, None)
    except CACertificate.DoesNotExist:
        return  # and with it the row
    except (FetchError, ListError) as refusal:
        code, sentence = refusal.code, str(refusal)
        logger.warning("A revocation list was not fetched: %s.", code)
    now = timezone.now()
    due = now + (AGAIN if code else timedelta(seconds=settings.REVOCATION_LIST_SECONDS))
    with transaction.atomic():
        rows = RevocationList.objects.select_for_update(of=("self",)).select_related("ca__team", "ca__namespace")
        found = rows.filter(pk=row.pk, url=row.url).first()  # another address may have been set meanwhile
        if found is None:
            return
        found.asked_at, found.due_at, found.failed_code, found.failed_sentence = now, due, code, sentence
        found.failures = found.failures + 1 if code else 0
        found.save(update_fields=["asked_at", "due_at", "failed_code", "failed_sentence", "failures"])
        if found.failures == ANNOUNCED_AT:
            announce_failing_list(found, times=found.failures)


def _take(row: CACertificate, data: bytes, actor: User | None) -> Taken:
    """Let a list count, inside the caller's transaction. Raise ListError."""
    if not row.der:
        raise ListError("issuer-unknown", "Azure holds no readable CA certificate under this name.")
    der = list_der(data)
    read = read_list(der, [load_certificate(bytes(row.der))], at=timezone.now())
    found = RevocationList.objects.select_for_update().filter(ca=row).first()
    if found is not None and found.signer_key == read.issuer_key:
        if bytes(found.der) == der:
            return Taken(found, is_new=False)
        if found.this_update is not None:
            check_replaces(read, _held(found, found.this_update))
    before = described(found) if found is not None and found.der else None
    found = found or RevocationList(namespace=row.namespace, ca=row)
    found.der, found.signer_key = der, public_key_hash(bytes(row.der))
    found.number = "" if read.number is None else str(read.number)
    found.this_update, found.next_update, found.entries = read.this_update, read.next_update, len(read.entries)
    found.added_at, found.added_by = timezone.now(), actor
    found.save()
    decisions_changed(row.namespace_id)
    end_sessions_listed(row, read.entries)
    activity.record(actor, verb="Take revocation list", **row.in_activity(), before=before, after=described(found))
    return Taken(found, is_new=True)


def _held(row: RevocationList, this_update: datetime) -> rules.RevocationList:
    """Return what a new list is compared with: also of one that was removed."""
    return rules.RevocationList(
        issuer="",
        issuer_key=row.signer_key,
        signer=b"",
        number=int(row.number) if row.number else None,
        this_update=this_update,
        next_update=row.next_update,
    )


def described(row: RevocationList) -> dict[str, object]:
    """Return a list under stable keys, for the activity log."""
    return {
        "number": row.number,
        "this_update": row.this_update.isoformat() if row.this_update else "",
        "next_update": row.next_update.isoformat() if row.next_update else "",
        "entries": row.entries,
        "url": row.url,
    }
