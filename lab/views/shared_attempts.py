"""*Share my attempt*: make a link, list and revoke one's own, and the page behind a link."""

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lab.actions import shared_attempts as actions
from lab.forms.shared_attempts import ShareForm
from lab.models import SharedAttempt
from lab.sharing.frozen import ShownAttempt
from namespaces.access import get_namespace
from namespaces.connections.attempts import attempt_at
from namespaces.models import ConnectionAttempt, Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from portal.models import User
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to, render_page

# Neither caches, nor search engines, nor the sites that a page links to learn of the link.
CLOSED = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer", "Cache-Control": "private, no-store"}


def _attempt(request: PageRequest, namespace: Namespace, cursor: int) -> ConnectionAttempt:
    attempt = attempt_at(namespace, cursor)
    if attempt is None:
        raise Http404("There is no such connection attempt, or it is older than what is kept.")
    if not actions.may_share(namespace.rights, namespace, attempt):
        raise Denied("This attempt is of another team's client.", lambda: "Its team can share it.")
    return attempt


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def share(request: PageRequest, pk: int, cursor: int) -> HttpResponse:
    """Show the form. A POST returns the link in one page, because only its hash is stored."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    attempt = _attempt(request, namespace, cursor)
    may_be_public = actions.allows_public(namespace)
    form = ShareForm(request.POST if request.method == "POST" else None, may_be_public=may_be_public)
    context = namespace_context(
        request, namespace, form=form, attempt=attempt, may_be_public=may_be_public, menu_current="lab:shared_list"
    )
    status = 200
    if form.is_bound and form.is_valid():
        is_public = form.cleaned_data.get("is_public", False)
        try:
            secret = actions.share_attempt(request.user, attempt=attempt, lives=form.lives, is_public=is_public)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            address = request.build_absolute_uri(reverse("lab:shared_attempt", args=[secret]))
            context |= {"address": address, "is_public": is_public}
    if form.errors:
        status = 422
    return render_page(request, "lab/share.html", context, status=status)


@require_safe
def shared_list(request: PageRequest, pk: int) -> HttpResponse:
    """List one's own shared attempts; for Owners, whether links may work without an account."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(
        request,
        namespace,
        shared=SharedAttempt.objects.visible_to(request.user, namespace),
        allows_public=actions.allows_public(namespace),
        now=timezone.now(),
    )
    for each in context["shared"]:
        each.is_over = each.has_expired(context["now"])
    return render_page(request, "lab/shared_list.html", context)


@require_POST
def shared_revoke(request: PageRequest, pk: int, shared: int) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.READ)
    row = SharedAttempt.objects.visible_to(request.user, namespace).filter(pk=shared).first()
    if row is None:
        raise Http404("There is no such shared attempt, or it is another person's.")
    row.namespace = namespace
    actions.revoke_shared(request.user, shared=row)
    messages.success(request, "The link no longer works.")
    return go_to(request, "lab:shared_list", pk)


@require_POST
def shared_public(request: PageRequest, pk: int) -> HttpResponseBase:
    """Allow or forbid links without an account in this namespace."""
    namespace = get_namespace(request.user, pk, Verb.OWN)
    allowed = request.POST.get("allowed", "")
    if allowed not in {"yes", "no"}:
        messages.error(request, "Choose whether links may work without an account.")
        return go_to(request, "lab:shared_list", pk)
    try:
        actions.set_public_links(request.user, namespace=namespace, allowed=allowed == "yes")
    except RuleError as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, "Links may now work without an account." if allowed == "yes" else
                         "Links now need an account, also those that exist.")  # fmt: skip
    return go_to(request, "lab:shared_list", pk)


def _opened(request: HttpRequest, secret: str) -> SharedAttempt | None:
    """Return the shared attempt for the reader of this request; None where signing in may help. Raise Http404."""
    reader = request.user if isinstance(request.user, User) and request.user.is_active else None
    found = actions.open_shared(secret, reader)
    if found is None and reader is not None:
        raise Http404("There is no such shared attempt: the link has expired, or was revoked.")
    return found


def _closed(response: HttpResponseBase) -> HttpResponseBase:
    for name, value in CLOSED.items():
        response.headers[name] = value
    return response


@never_cache
@login_not_required
@require_safe
def shared_attempt(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Show the frozen attempt. It has no menu and no link into its namespace."""
    found = _opened(request, secret)
    if found is None:
        return _closed(redirect_to_login(request.path))
    shown = ShownAttempt(found.frozen)
    failing = next((step for step in shown.steps if step.outcome == "failed"), None)
    context: dict[str, Any] = {"shared": found, "shown": shown, "failing": failing, "secret": secret}
    return _closed(render(request, "lab/shared_attempt.html", context))


@never_cache
@login_not_required
@require_safe
def shared_file(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Return the frozen attempt as a file."""
    found = _opened(request, secret)
    return _json_file("attempt.json", found.frozen) if found else _closed(redirect_to_login(request.path))


@never_cache
@login_not_required
@require_safe
def shared_case(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Return the attempt as a row of the engine's table of cases."""
    found = _opened(request, secret)
    if found is None:
        return _closed(redirect_to_login(request.path))
    if found.case is None:
        raise Http404("This attempt cannot be a test case: its verdict depends on what is not shared.")
    return _json_file("case.json", found.case)


def _json_file(name: str, content: Any) -> HttpResponseBase:
    text = json.dumps(content, indent=2, ensure_ascii=True) + "\n"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return _closed(HttpResponse(text, content_type="application/json", headers=headers))
