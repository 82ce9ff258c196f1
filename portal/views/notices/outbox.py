"""The outbox, for administrators: what waits, what failed and why, with retry and cancel."""

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal.models import Outgoing, OutgoingMail, User
from portal.notifications.outbox import cancel_mail, retry_mail
from portal.pages.outbox import label_of, summarize
from portal.people.authority import RefusedError
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to

ON_A_PAGE = 50
FILTERS = {
    "open": (*Outgoing.OPEN, Outgoing.State.SENDING),
    "failed": (Outgoing.State.FAILED, Outgoing.State.EXPIRED, Outgoing.State.CANCELLED),
    "sent": (Outgoing.State.SENT,),
}


@require_safe
def outbox_list(request: PageRequest) -> HttpResponse:
    _check(request.user)
    chosen = request.GET.get("show", "")
    rows = OutgoingMail.objects.select_related("user", "notice").defer("body")
    if chosen in FILTERS:
        rows = rows.filter(state__in=FILTERS[chosen])
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "entries": [{"mail": mail, "what": label_of(mail)} for mail in page],
        "chosen": chosen if chosen in FILTERS else "",
        "summary": summarize(timezone.now()),
    }
    return render(request, "portal/outbox.html", context)


@require_POST
def outbox_retry(request: PageRequest, mail: int) -> HttpResponseBase:
    _check_mail(request.user, mail)
    if _allowed(lambda: retry_mail(request.user, pk=mail)):
        messages.success(request, "The mail is sent as soon as a worker is free.")
    else:
        messages.warning(request, "This mail cannot be sent again: it was sent, or its text is erased.")
    return go_to(request, "portal:outbox_list")


@require_POST
def outbox_cancel(request: PageRequest, mail: int) -> HttpResponseBase:
    _check_mail(request.user, mail)
    if _allowed(lambda: cancel_mail(request.user, pk=mail)):
        messages.success(request, "The mail is cancelled.")
    else:
        messages.warning(request, "This mail is being sent, or was settled.")
    return go_to(request, "portal:outbox_list")


def _allowed(act: Callable[[], bool]) -> bool:
    try:
        return act()
    except RefusedError:
        raise _denied() from None


def _check(user: User) -> None:
    if not user.is_superuser:
        raise _denied()


def _denied() -> Denied:
    return Denied("Only administrators see the outbox.", lambda: "Ask an administrator of the portal.")


def _check_mail(user: User, pk: int) -> None:
    _check(user)
    if not OutgoingMail.objects.filter(pk=pk).exists():
        raise Http404("There is no such mail.")
