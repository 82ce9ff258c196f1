"""One notification of a change: "Creating client press-1…" until Azure has it, then what came of it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from namespaces.models import Namespace
from namespaces.pages.sync_polling import MOVING, Poll
from namespaces.views.resources.kinds import Kind
from portal.listing import whole_number
from portal.web.responses import PageRequest
from sync.models import SyncedModel, SyncState

TAG = "in-progress "  # of a message, before the address that its notification asks; see progress_address
CHANGES = {"create": ("Creating", "created"), "update": ("Saving", "saved"), "delete": ("Deleting", "deleted")}
LONGEST_NAME = 128


@dataclass(frozen=True)
class Progress:
    """What the notification shows. `poll` is the address to ask next, "" once Azure has answered; `url` leads to the reason."""

    text: str
    level: str
    poll: str = ""
    delay_ms: int = 0
    url: str = ""


def announce(request: PageRequest, kind: Kind, row: Any, change: str) -> None:
    """Show the notification of a change on the next page. Without JavaScript it stays as it is."""
    text = f"{CHANGES[change][0]} {kind.noun} {row.name}…"
    messages.info(request, text, extra_tags=f"{TAG}{_address(kind, row.scope_pk(), row.pk, change, row.name)}")


def _address(kind: Kind, namespace: int, pk: int, change: str, name: str, round_: int = 0) -> str:
    query = {"notice": pk, "change": change, "name": name, "round": round_ + 1}
    return f"{reverse(kind.url('states'), args=[namespace])}?{urlencode(query)}"


def notice(request: PageRequest, namespace: Namespace, kind: Kind) -> HttpResponse:
    """Return the notification as it is now. A row that is not found has been deleted."""
    pk = whole_number(request.GET["notice"]) or 0
    change = request.GET.get("change", "") if request.GET.get("change") in CHANGES else "update"
    row = kind.model.visible_to(namespace.sight).filter(pk=pk).first()
    name = request.GET.get("name", "")[:LONGEST_NAME] if row is None else row.name
    round_ = whole_number(request.GET.get("round", ""), digits=6) or 0
    progress = _progress(kind, row, change, name)
    if row is not None and row.sync_state in MOVING:
        address = _address(kind, namespace.pk, pk, change, name, round_)
        progress = Progress(progress.text, progress.level, address, Poll(round=round_).delay_ms)
    return render(request, "namespaces/progress_notice.html", {"progress": progress})


def _progress(kind: Kind, row: SyncedModel | None, change: str, name: str) -> Progress:
    doing, done = CHANGES[change]
    if row is None:
        return Progress(f"{kind.button} {name} was deleted.", "success")
    if row.sync_state == SyncState.FAILED:
        url = reverse(kind.url("detail"), args=[row.scope_pk(), name])
        return Progress(f"Azure rejected the change of {kind.noun} {name}.", "error", url=url)
    if row.sync_state in MOVING:
        again = " Azure has not answered yet. It is tried again." if row.last_error else ""
        return Progress(f"{doing} {kind.noun} {name}…{again}", "info")
    if change == "delete":
        return Progress(f"{kind.button} {name} was kept.", "info")
    return Progress(f"{kind.button} {name} was {done}.", "success")
