"""One notification of a change: "Creating client press-1…" until Azure has it, then what came of it."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from namespaces.models import Namespace
from namespaces.pages.sync_polling import MOVING, Poll
from namespaces.views.resources.kinds import Kind
from portal.listing import whole_number
from portal.models import User
from portal.web.responses import PageRequest
from sync.models import SyncedModel, SyncState
from sync.models.sync_states import STATE_COLUMNS, sync_state_of

TAG = "in-progress "  # of a message, before the address that its notification asks; see progress_address
CHANGES = {
    "create": ("Creating", "created"),
    "update": ("Saving", "saved"),
    "delete": ("Deleting", "deleted"),
    "retry": ("Retrying", "saved"),
}
LONGEST_NAME = 128
KEPT_SECONDS = 24 * 3600  # for which the notification of a change of many rows knows which ones they were
MANY = 500  # rows whose states are counted less often


@dataclass(frozen=True)
class Progress:
    """What the notification shows. `poll` is the address to ask next, "" once Azure has answered; `url` leads to the reason."""

    text: str
    level: str
    poll: str = ""
    delay_ms: int = 0
    url: str = ""


@dataclass(frozen=True)
class Subject:
    """What was changed, as the notification names it: "client press-1", or "the configuration". `url`: its page, if there is one."""

    name: str
    url: str
    states: str  # the address that answers for it

    @property
    def capital(self) -> str:
        return self.name[0].upper() + self.name[1:]


def _subject(kind: Kind, namespace: int, name: str, *, is_there: bool = True) -> Subject:
    url = reverse(kind.url("detail"), args=[namespace, name]) if is_there else ""
    return Subject(f"{kind.noun} {name}".rstrip(), url, reverse(kind.url("states"), args=[namespace]))


def announce(request: PageRequest, kind: Kind, row: Any, change: str) -> None:
    """Show the notification of a change on the next page. Without JavaScript it stays as it is."""
    announce_of(request, _subject(kind, row.scope_pk(), row.name), row.pk, change, row.name)


def announce_of(request: PageRequest, subject: Subject, pk: int, change: str, name: str = "") -> None:
    """Show the notification of a change of this subject, whose row has the primary key `pk`, on the next page."""
    address = _address(subject, pk, change, name)
    messages.info(request, f"{CHANGES[change][0]} {subject.name}…", extra_tags=f"{TAG}{address}")


def _address(subject: Subject, pk: int, change: str, name: str, round_: int = 0) -> str:
    query = {"notice": pk, "change": change, "name": name, "round": round_ + 1}
    return f"{subject.states}?{urlencode(query)}"


def notice(request: PageRequest, namespace: Namespace, kind: Kind) -> HttpResponse:
    """Return the notification as it is now. A row that is not found has been deleted."""
    if "many" in request.GET:
        return _notice_of_many(request, namespace, kind)
    pk = whole_number(request.GET["notice"]) or 0
    row = kind.model.visible_to(namespace.sight).filter(pk=pk).first()
    name = request.GET.get("name", "")[:LONGEST_NAME] if row is None else row.name
    return notice_of(request, _subject(kind, namespace.pk, name, is_there=row is not None), row, name)


def notice_of(request: PageRequest, subject: Subject, row: SyncedModel | None, name: str = "") -> HttpResponse:
    """Return the notification about this subject as it is now; `row` is None where it has been deleted."""
    change = request.GET.get("change", "") if request.GET.get("change") in CHANGES else "update"
    progress = _progress(subject, row, change)
    if row is not None and row.sync_state in MOVING:
        round_ = _round(request)
        address = _address(subject, row.pk, change, name, round_)
        progress = replace(progress, poll=address, delay_ms=Poll(round=round_).delay_ms)
    return render(request, "namespaces/progress_notice.html", {"progress": progress})


def _round(request: PageRequest) -> int:
    return whole_number(request.GET.get("round", ""), digits=6) or 0


def _progress(subject: Subject, row: SyncedModel | None, change: str) -> Progress:
    doing, done = CHANGES[change]
    if row is None:
        return Progress(f"{subject.capital} was deleted.", "success")
    if row.sync_state == SyncState.FAILED:
        return Progress(f"Azure rejected the change of {subject.name}.", "error", url=subject.url)
    if row.sync_state in MOVING:
        again = " Azure has not answered yet. It is tried again." if row.last_error else ""
        return Progress(f"{doing} {subject.name}…{again}", "info")
    if change == "delete":
        return Progress(f"{subject.capital} was kept.", "info")
    return Progress(f"{subject.capital} was {done}.", "success")


def announce_many(request: PageRequest, namespace: Namespace, kind: Kind, label: str, pks: Sequence[int]) -> None:
    """Show the notification of a change of many rows on the next page; `label` names the change, such as "Disable"."""
    token = uuid4().hex
    with suppress(DatabaseError):  # the change is saved, and the list shows its states
        cache.set(_key(request.user, token), (label, tuple(pks)), KEPT_SECONDS)
    address = _address_of_many(kind, namespace, token, 0)
    messages.info(
        request, f"{label}: {kind.count_of(len(pks))} saved and on the way to Azure…", extra_tags=f"{TAG}{address}"
    )


def _key(user: User, token: str) -> str:
    return f"changed-rows:{user.pk}:{token}"


def _address_of_many(kind: Kind, namespace: Namespace, token: str, round_: int) -> str:
    query = {"notice": "0", "many": token, "round": round_ + 1}
    return f"{reverse(kind.url('states'), args=[namespace.pk])}?{urlencode(query)}"


def _notice_of_many(request: PageRequest, namespace: Namespace, kind: Kind) -> HttpResponse:
    """Return how many of the changed rows Azure has by now. A row that is not found has been deleted, as asked."""
    token = request.GET["many"][:LONGEST_NAME]
    known = cache.get(_key(request.user, token))
    if known is None:
        text = "The change is saved. The list shows what Azure has answered."
        return render(request, "namespaces/progress_notice.html", {"progress": Progress(text, "info")})
    label, pks = known
    rows = kind.model.visible_to(namespace.sight).filter(namespace=namespace, pk__in=pks)
    states = Counter(sync_state_of(*values) for values in rows.values_list(*STATE_COLUMNS))
    moving, failed = sum(states[state] for state in MOVING), states[SyncState.FAILED]
    done = len(pks) - moving - failed
    progress = Progress(f"{label}: Azure has {kind.count_of(done)}.", "success")
    if failed:
        url = f"{reverse(kind.url('list'), args=[namespace.pk])}?{urlencode({'sync': 'failed'})}"
        text = f"{label}: Azure has {kind.count_of(done)} and rejected {failed:,}."
        progress = Progress(text, "error", url=url)
    if moving:
        round_ = _round(request)
        slow = 2000 if len(pks) > MANY else 0
        rejected = f", {failed:,} rejected" if failed else ""
        text = f"{label}: {done:,} of {len(pks):,} done, {moving:,} on the way to Azure{rejected}…"
        delay = max(slow, Poll(round=round_).delay_ms)
        progress = Progress(text, "info", _address_of_many(kind, namespace, token, round_), delay)
    return render(request, "namespaces/progress_notice.html", {"progress": progress})
