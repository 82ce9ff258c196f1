"""Pages for operators (waiting and rejected changes, timelines), and endpoints for monitoring."""

import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from portal.listing import asked_text, whole_number
from portal.models import User
from portal.web import responses
from portal.web.responses import PageRequest
from sync import actions, registry
from sync.arm.gateway import AzureRefused, AzureUnreachable
from sync.arm.resource_ids import subscription_of
from sync.drift import discards, resolutions
from sync.drift.resolutions import CannotResolve
from sync.models import SyncedModel, SyncedQuerySet, editions, visible_activities
from sync.pages import backlog, confirmation, metrics, overview
from sync.pages.left_rows import edited_since, left_rows
from sync.pages.ownership import mark_changeable
from sync.pages.readiness import readiness
from sync.pages.timeline import timeline_of
from sync.registry import RowRights, Scope
from sync.throttling.budget import gauges
from sync.workers import periodic

REFUSED_ON_A_PAGE = 50
POLL_MS = 2000
SEEN = "generations"  # the field with the editions of the rejected rows when the question was asked


def render_page(
    request: PageRequest, template: str, scope: Scope, *, partial: str = "", status: int = 200, **context: Any
) -> HttpResponse:
    """Return a page of one namespace, or its partial, with what the user may change there."""
    rights = rights_on_page(request, scope.pk)
    more = {"may_contribute": rights.may_contribute, "may_change_some": rights.may_change_some}
    context |= {"namespace": scope, **more}
    return responses.render_page(request, template, context, partial=partial, status=status)


def rights_on_page(request: PageRequest, pk: int) -> RowRights:
    """Return what the user may change in a namespace, read once for each request. Actions read it again."""
    read: dict[int, RowRights] = request.__dict__.setdefault("rights_read", {})
    if pk not in read:
        read[pk] = registry.scopes().rights(request.user, pk)
    return read[pk]


def scope_for_rows(request: PageRequest, pk: int) -> tuple[Scope, RowRights]:
    """Return a namespace and what the user may change there. Raise Http404, or PermissionDenied when that is nothing."""
    rights = rights_on_page(request, pk)
    return registry.scopes().get(request.user, pk, may_change=not rights.may_change_some), rights


# Sync


@require_safe
def sync_all(request: PageRequest) -> HttpResponse:
    """Show the user's namespaces, the workers, and the budgets of the subscriptions."""
    found = overview.all_scopes(request.user)
    subscriptions = {subscription_of(each.scope.resource_id) for each in found}
    context = {
        "scopes": found,
        "workers": overview.workers_alive(),
        "jobs": periodic.pulses(timezone.now()),
        "gauges": [gauge for gauge in gauges() if gauge.subscription in subscriptions],
    }
    return render(request, "sync/sync_all.html", context)


@require_safe
def sync_overview(request: PageRequest, pk: int) -> HttpResponse:
    """Show the waiting changes of a namespace, budget, workers and last comparison; the page polls."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    return render_page(request, "sync/sync_overview.html", scope, partial="figures", **_figures(request, scope))


def _figures(request: PageRequest, scope: Scope) -> dict[str, Any]:
    queue = overview.queue_overview(scope.pk, scope.sight)
    mark_changeable((row for group in queue.parked for row in group.rows), rights_on_page(request, scope.pk))
    return {
        "queue": queue,
        "estimate": overview.estimate(scope.resource_id),
        "gauges": overview.gauges_of(scope.resource_id),
        "workers": overview.workers_alive(),
        "jobs": periodic.pulses(timezone.now()),
        "last_scan": overview.last_scan(scope.pk),
        "open_findings": overview.open_findings(scope.sight),
        "discarding": discards.waiting(scope.sight),
        "poll_ms": POLL_MS,
    }


@require_safe
def sync_refused(request: PageRequest, pk: int) -> HttpResponse:
    """List the changes that Azure rejected, or those of one error code (`code`), page by page."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    code = asked_text(request.GET, "code")
    page = Paginator(backlog.parked_keys(scope.sight, code), REFUSED_ON_A_PAGE).get_page(request.GET.get("page"))
    rows = backlog.rows_of(page.object_list, scope.sight)
    mark_changeable(rows, rights_on_page(request, pk))
    return render_page(
        request,
        "sync/refused_list.html",
        scope,
        page=page,
        rows=rows,
        code=code,
        menu_current="sync:sync_overview",
        page_title="Rejected",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def sync_retry(request: PageRequest, pk: int) -> HttpResponse:
    """Retry parked rows: one (`kind` and `row`), those of one error code (`code`), or all. GET shows a confirmation."""
    scope, rights = scope_for_rows(request, pk)
    if request.method != "POST":
        return _ask(request, scope, rights, confirmation.ask_retry)
    seen = _seen(request)
    left = {model: edited_since(model, scope.sight, rows) for model, rows in seen.items()}
    parked = _without(_parked(request.POST, scope, rights), left)
    row = _only_one(parked)
    if row is None:
        count = sum(
            actions.retry_many(request.user, model=rows.model, pks=list(rows.values_list("pk", flat=True)))
            for rows in parked
        )
    else:
        with suppress(actions.NothingToRetry):  # another user has just done so
            actions.retry(request.user, row=row)
        count = 1
    return _done(request, scope, f"{overview.changes(count)} will be retried.", seen, left)


@require_http_methods(["GET", "HEAD", "POST"])
def sync_discard(request: PageRequest, pk: int) -> HttpResponse:
    """Discard changes and take Azure's version; chosen and confirmed like those to retry.

    A single change is discarded at once. Many are left to a worker, since each one reads from Azure.
    """
    scope, rights = scope_for_rows(request, pk)
    if request.method != "POST":
        return _ask(request, scope, rights, confirmation.ask_discard)
    seen = _seen(request)
    left = {model: edited_since(model, scope.sight, rows) for model, rows in seen.items()}
    parked = _without(_parked(request.POST, scope, rights), left)
    row = _only_one(parked)
    if row is None:
        count = discards.ask(request.user, (each for rows in parked for each in rows.defer("base").iterator()))
        said = f"{overview.changes(count)} will be discarded. This page shows the number left."
        return _done(request, scope, said if count else "There are no rejected changes.", seen, left)
    try:
        resolutions.discard_change(request.user, row=row)
        return _done(request, scope, "1 change discarded. The portal now has Azure's version.", seen, left)
    except (CannotResolve, AzureRefused, AzureUnreachable) as fault:
        messages.error(request, f"{row} could not be discarded: {fault}")
    return redirect("sync:sync_overview", pk)


def _ask(
    request: PageRequest,
    scope: Scope,
    rights: RowRights,
    ask: Callable[[Scope, int, int, str], confirmation.Question],
) -> HttpResponse:
    parked = _parked(request.GET, scope, rights)
    deletes = sum(rows.filter(deleted_at__isnull=False).count() for rows in parked)
    writes = sum(rows.count() for rows in parked) - deletes
    if not writes + deletes:
        messages.info(request, "There are no rejected changes.")
        return redirect("sync:sync_overview", scope.pk)
    shown = tuple(
        (SEEN, f"{rows.model._meta.label_lower}:{written}")
        for rows in parked
        if (written := editions.written(dict(rows.values_list("pk", "edited_generation")[: editions.MOST_EDITIONS])))
    )
    question = ask(scope, writes, deletes, asked_text(request.GET, "code"))
    question = replace(question, values=(*question.values, *shown))
    return render_page(
        request, "sync/sync_confirm.html", scope, partial="pane", question=question, **_figures(request, scope)
    )


def _parked(chosen: QueryDict, scope: Scope, rights: RowRights) -> list[SyncedQuerySet]:
    """Return those chosen rows of each model that the user may change."""
    found = []
    kind, row, code = (asked_text(chosen, name) for name in ("kind", "row", "code"))
    row_pk = whole_number(row)
    for model in registry.models():
        mine = model.visible_to(scope.sight).parked().filter(rights.condition(model))
        rows = mine.select_related(*model.scope_relations).order_by("pk")
        if row:
            is_of_model = kind == model._meta.label_lower and row_pk is not None
            rows = rows.filter(pk=row_pk) if is_of_model else rows.none()
        if code:
            rows = rows.filter(parked_code=code)
        found.append(rows)
    return found


def _seen(request: PageRequest) -> dict[type[SyncedModel], dict[int, int]]:
    """Return the editions of the rows that the question named. Raise BadRequest where they are malformed.

    Requests without them, as of a script, act on what is rejected now: a retry changes no values.
    """
    found = {}
    models = {model._meta.label_lower: model for model in registry.models()}
    for text in request.POST.getlist(SEEN):
        kind, _, rest = text.partition(":")
        read = editions.read(rest)
        if kind not in models or read is None:
            raise BadRequest("The editions of the chosen rows are malformed.")
        found[models[kind]] = read
    return found


def _without(parked: list[SyncedQuerySet], left: Mapping[type[SyncedModel], set[int]]) -> list[SyncedQuerySet]:
    return [rows.exclude(pk__in=left[rows.model]) if left.get(rows.model) else rows for rows in parked]


def _done(
    request: PageRequest,
    scope: Scope,
    done: str,
    seen: Mapping[type[SyncedModel], Mapping[int, int]],
    left: Mapping[type[SyncedModel], set[int]],
) -> HttpResponse:
    """Report what was done, and one by one the rows that were left because others changed them."""
    found = left_rows(scope.sight, {model: {pk: seen[model][pk] for pk in sorted(pks)} for model, pks in left.items()})
    if not found.total:
        messages.success(request, done)
        return redirect("sync:sync_overview", scope.pk)
    title = f"{overview.changes(found.total)} left"
    context = {"left": found, "done": done, "title": title, **_figures(request, scope)}
    return render_page(request, "sync/sync_left.html", scope, **context)


def _only_one(parked: list[SyncedQuerySet]) -> SyncedModel | None:
    """Return the row where exactly one is chosen."""
    first = [row for rows in parked for row in rows[:2]]
    return first[0] if len(first) == 1 else None


# Timeline


@require_safe
def timeline(request: PageRequest, pk: int, entry: int) -> HttpResponse:
    """Show how one change reached Azure, step by step."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    change = visible_activities(scope.sight).filter(pk=entry).first()
    if change is None:
        raise Http404("This change does not exist.")
    return render_page(
        request,
        "sync/timeline.html",
        scope,
        entry=change,
        steps=timeline_of(change),
        menu_current="namespaces:namespace_activity",
        page_title="Timeline",
    )


# For machines


@login_not_required
@require_safe
def prometheus(request: HttpRequest) -> HttpResponse:
    """Return metrics for the bearer of METRICS_TOKEN or a signed-in administrator."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    is_scraper = bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode())
    user = request.user
    if not is_scraper and not (user.is_authenticated and isinstance(user, User) and user.is_superuser):
        return HttpResponse(
            "Send METRICS_TOKEN as a bearer token.\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


@login_not_required
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Report that the process responds."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 while every part runs, else 503 with the fault of each. For monitoring, not for load balancers."""
    found = readiness()
    is_ready = not any(found.values())
    checks = {name: fault or "ok" for name, fault in found.items()}
    return JsonResponse({"status": "ok" if is_ready else "not ready", **checks}, status=200 if is_ready else 503)
