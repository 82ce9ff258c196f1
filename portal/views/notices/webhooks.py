"""Webhooks: the list, one with its history, and changes. For administrators and Owners of namespaces."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.models import User, Webhook
from portal.notifications.events import BY_CODE
from portal.notifications.forms import WebhookForm
from portal.notifications.webhooks import changes as webhooks
from portal.notifications.webhooks.targets import TargetError, origin_of
from portal.registry import places
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to

ON_A_PAGE = 50


@require_safe
def webhook_list(request: PageRequest) -> HttpResponse:
    _check_any(request.user)
    names = places().owned(request.user)
    rows = [
        {"webhook": each, "origin": origin_of(each.url), "place": _place(each, names)}
        for each in webhooks.manageable(request.user)
    ]
    return render(request, "portal/webhooks/webhook_list.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_create(request: PageRequest) -> HttpResponseBase:
    """Create a webhook. The answer shows its signing key, which no other page does."""
    _check_any(request.user)
    form = _form(request, None)
    if form.is_bound and form.is_valid():
        try:
            webhook, key = webhooks.create_webhook(request.user, **form.values)
        except TargetError as refusal:
            form.add_error("url", _error(refusal))
        except webhooks.NotAllowedError:
            raise _denied() from None
        else:
            return _key_page(request, webhook, key)
    return _page(request, "portal/webhooks/webhook_form.html", {"form": form}, status=422 if form.is_bound else 200)


@require_safe
def webhook_detail(request: PageRequest, webhook: int) -> HttpResponse:
    row = _get(request.user, webhook)
    deliveries = row.deliveries.select_related("notice").prefetch_related("tries").order_by("-created_at", "-pk")
    context = {
        "webhook": row,
        "origin": origin_of(row.url),
        "place": _place(row, places().owned(request.user)),
        "events": [BY_CODE[code].label for code in row.events if code in BY_CODE],
        "has_former_key": bool(row.former_key and row.former_key_until and row.former_key_until > timezone.now()),
        "page": Paginator(deliveries, ON_A_PAGE).get_page(request.GET.get("page")),
    }
    return _page(request, "portal/webhooks/webhook_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_update(request: PageRequest, webhook: int) -> HttpResponseBase:
    row = _get(request.user, webhook)
    form = _form(request, row)
    if form.is_bound and form.is_valid():
        try:
            webhooks.update_webhook(request.user, row.pk, **form.values)
        except TargetError as refusal:
            form.add_error("url", _error(refusal))
        except webhooks.NotAllowedError:
            raise _denied() from None
        else:
            messages.success(request, "The webhook is saved.")
            return go_to(request, "portal:webhook_detail", row.pk)
    context = {"form": form, "webhook": row}
    return _page(request, "portal/webhooks/webhook_form.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_rotate(request: PageRequest, webhook: int) -> HttpResponseBase:
    """Make a new signing key. The answer shows it, which no other page does."""
    row = _get(request.user, webhook)
    if request.method != "POST":
        return _page(request, "portal/webhooks/webhook_rotate.html", {"webhook": row})
    try:
        row, key = webhooks.rotate_key(request.user, row.pk)
    except webhooks.NotAllowedError:
        raise _denied() from None
    return _key_page(request, row, key)


@require_http_methods(["GET", "HEAD", "POST"])
def webhook_delete(request: PageRequest, webhook: int) -> HttpResponseBase:
    row = _get(request.user, webhook)
    if request.method != "POST":
        return _page(request, "portal/webhooks/webhook_delete.html", {"webhook": row})
    try:
        name = webhooks.delete_webhook(request.user, row.pk)
    except webhooks.NotAllowedError:
        raise _denied() from None
    messages.success(request, f"{name} is deleted.")
    return go_to(request, "portal:webhook_list")


@require_POST
def webhook_test(request: PageRequest, webhook: int) -> HttpResponseBase:
    row = _get(request.user, webhook)
    try:
        webhooks.send_test(request.user, row.pk)
    except webhooks.NotAllowedError:
        raise _denied() from None
    messages.success(request, "A test message is on its way. Its result appears under Deliveries.")
    return go_to(request, "portal:webhook_detail", row.pk)


@require_POST
def delivery_retry(request: PageRequest, webhook: int, delivery: int) -> HttpResponseBase:
    row = _get(request.user, webhook)
    if not row.deliveries.filter(pk=delivery).exists():
        raise Http404("There is no such message.")
    try:
        is_due = webhooks.retry_delivery(request.user, row.pk, delivery)
    except webhooks.NotAllowedError:
        raise _denied() from None
    if is_due:
        messages.success(request, "The message is sent again, with the same id.")
    else:
        messages.warning(request, "This message has arrived or is being sent.")
    return go_to(request, "portal:webhook_detail", row.pk)


def _page(request: PageRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Return a page below the list, which the service menu marks as the current entry."""
    return render(request, template, context | {"menu_current": "portal:webhook_list"}, status=status)


def _check_any(user: User) -> None:
    """Raise Denied for users who manage no webhook."""
    if not webhooks.may_manage_any(user):
        raise _denied()


def _get(user: User, pk: int) -> Webhook:
    """Return a webhook that the user manages. Raise Denied, or Http404 for one of others."""
    _check_any(user)
    row = webhooks.manageable(user).filter(pk=pk).first()
    if row is None:
        raise Http404("There is no such webhook.")
    return row


def _denied() -> Denied:
    sentence = "Administrators manage webhooks, and Owners those of their namespaces."
    return Denied(sentence, lambda: "Ask an administrator or the Owner of a namespace.")


def _form(request: PageRequest, row: Webhook | None) -> WebhookForm:
    user = request.user
    initial: dict[str, Any] = {}
    if row is not None:
        initial = {
            "name": row.name,
            "url": row.url,
            "scope": row.scope,
            "events": row.events,
            "is_active": row.is_active,
        }
    posted = request.POST if request.method == "POST" else None
    return WebhookForm(
        posted, initial=initial, places=places().owned(user), may_all=user.is_superuser, is_new=row is None
    )


def _error(refusal: TargetError) -> Any:
    return ValidationError(str(refusal), code=refusal.code)


def _place(webhook: Webhook, names: Any) -> str:
    return "All namespaces" if webhook.scope is None else names.get(webhook.scope, "A namespace that was disconnected")


def _key_page(request: PageRequest, webhook: Webhook, key: str) -> HttpResponse:
    response = _page(request, "portal/webhooks/webhook_key.html", {"webhook": webhook, "key": key})
    add_never_cache_headers(response)
    return response
