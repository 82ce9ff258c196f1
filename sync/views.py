"""The pages of operators: what waits, what differs in Azure, how a change went; and the answers for machines."""

import hmac
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.middleware import HtmxDetails

from portal.models import Activity, User
from sync import actions, confirming, discards, metrics, overview, registry, resolutions, waiting
from sync.budget import gauges
from sync.gateway import AzureRefused, AzureUnreachable
from sync.models import Finding, SyncedModel, SyncedQuerySet
from sync.queue import subscription_of
from sync.registry import Scope
from sync.resolutions import CannotResolve, FieldsBelongTogether
from sync.timeline import timeline_of

FINDINGS_ON_A_PAGE = 50
REFUSED_ON_A_PAGE = 50
POLL_MS = 2000


class PageRequest(HttpRequest):
    """A request of a signed-in person, as the middleware leaves it."""

    htmx: HtmxDetails
    user: User


def _page(
    request: PageRequest, template: str, scope: Scope, *, partial: str = "", status: int = 200, **context: Any
) -> HttpResponse:
    wants_partial = partial and request.htmx and not request.htmx.boosted and not request.htmx.history_restore_request
    name = f"{template}#{partial}" if wants_partial else template
    context |= {"namespace": scope, "may_contribute": may_change(request.user, scope.pk)}
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def may_change(user: User, pk: int) -> bool:
    try:
        registry.scopes().get(user, pk, may_change=True)
    except PermissionDenied:
        return False
    return True


# Sync


@require_GET
def sync_all(request: PageRequest) -> HttpResponse:
    """Every namespace of this person, the workers, and the budgets of the subscriptions these are in."""
    found = overview.all_scopes(request.user)
    subscriptions = {subscription_of(each.scope.resource_id) for each in found}
    context = {
        "scopes": found,
        "workers": overview.workers_alive(),
        "gauges": [gauge for gauge in gauges() if gauge.subscription in subscriptions],
    }
    return render(request, "sync/sync_all.html", context)


@require_GET
def sync_overview(request: PageRequest, pk: int) -> HttpResponse:
    """What waits in a namespace, the budget, the workers and the last scan; asks anew by itself."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    return _page(request, "sync/sync_overview.html", scope, partial="figures", **_figures(scope))


def _figures(scope: Scope) -> dict[str, Any]:
    return {
        "queue": overview.queue_overview(scope.pk),
        "estimate": overview.estimate(scope.resource_id),
        "gauges": overview.gauges_of(scope.resource_id),
        "workers": overview.workers_alive(),
        "last_scan": overview.last_scan(scope.pk),
        "open_findings": overview.open_findings(scope.pk),
        "discarding": discards.waiting(scope.pk),
        "poll_ms": POLL_MS,
    }


@require_GET
def sync_refused(request: PageRequest, pk: int) -> HttpResponse:
    """Every change that Azure refused, or those of one reason (`code`), page by page."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    code = request.GET.get("code", "")
    page = Paginator(waiting.parked_keys(pk, code), REFUSED_ON_A_PAGE).get_page(request.GET.get("page"))
    rows = waiting.rows_of(page.object_list)
    return _page(
        request,
        "sync/refused_list.html",
        scope,
        page=page,
        rows=rows,
        code=code,
        menu_current="sync:sync_overview",
        page_title="Refused",
    )


@require_http_methods(["GET", "POST"])
def sync_retry(request: PageRequest, pk: int) -> HttpResponse:
    """Try parked rows again: one (`kind` and `row`), those of one reason (`code`), or all. GET asks before many."""
    scope = registry.scopes().get(request.user, pk, may_change=True)
    if request.method == "GET":
        return _ask(request, scope, confirming.ask_retry)
    parked = _parked(request.POST, pk)
    row = _only_one(parked)
    if row is None:
        count = sum(
            actions.retry_many(request.user, model=rows.model, pks=list(rows.values_list("pk", flat=True)))
            for rows in parked
        )
    else:
        with suppress(actions.NothingToRetry):  # somebody else has just done so
            actions.retry(request.user, row=row)
        count = 1
    messages.success(request, f"{overview.changes(count)} will be tried again.")
    return redirect("sync:sync_overview", pk)


@require_http_methods(["GET", "POST"])
def sync_discard(request: PageRequest, pk: int) -> HttpResponse:
    """Give changes up and take what Azure holds; chosen, and asked about, like those to try again.

    One is done at once. Each of many asks Azure, so a worker does them, and the page shows how far it is.
    """
    scope = registry.scopes().get(request.user, pk, may_change=True)
    if request.method == "GET":
        return _ask(request, scope, confirming.ask_discard)
    parked = _parked(request.POST, pk)
    row = _only_one(parked)
    if row is None:
        count = discards.ask(request.user, (each for rows in parked for each in rows.defer("base").iterator()))
        said = f"{overview.changes(count)} will be discarded. This page shows how many are left."
        messages.success(request, said if count else "Azure refuses nothing any more.")
        return redirect("sync:sync_overview", pk)
    try:
        resolutions.discard_change(request.user, row=row)
        messages.success(request, "1 discarded; the portal shows what Azure holds.")
    except (CannotResolve, AzureRefused, AzureUnreachable) as fault:
        messages.error(request, f"1 could not be discarded. {row}: {fault}")
    return redirect("sync:sync_overview", pk)


def _ask(
    request: PageRequest, scope: Scope, ask: Callable[[Scope, int, int, str], confirming.Question]
) -> HttpResponse:
    parked = _parked(request.GET, scope.pk)
    deletes = sum(rows.filter(deleted_at__isnull=False).count() for rows in parked)
    writes = sum(rows.count() for rows in parked) - deletes
    if not writes + deletes:
        messages.info(request, "Azure refuses nothing any more.")
        return redirect("sync:sync_overview", scope.pk)
    question = ask(scope, writes, deletes, request.GET.get("code", ""))
    return _page(request, "sync/sync_confirm.html", scope, partial="pane", question=question, **_figures(scope))


def _parked(chosen: QueryDict, pk: int) -> list[SyncedQuerySet]:
    """Those that are chosen, of each model."""
    found = []
    kind, row_pk, code = (chosen.get(name, "") for name in ("kind", "row", "code"))
    for model in registry.models():
        manager: Any = model._default_manager
        rows = manager.parked().filter(**{model.scope_field: pk}).select_related(*model.scope_relations).order_by("pk")
        if row_pk:
            rows = rows.filter(pk=row_pk) if kind == model._meta.label_lower and row_pk.isdecimal() else rows.none()
        if code:
            rows = rows.filter(parked_code=code)
        found.append(rows)
    return found


def _only_one(parked: list[SyncedQuerySet]) -> SyncedModel | None:
    """The row, where no more than one is chosen."""
    first = [row for rows in parked for row in rows[:2]]
    return first[0] if len(first) == 1 else None


# Drift


@require_GET
def drift_list(request: PageRequest, pk: int) -> HttpResponse:
    """What is different in Azure, the loud ones first."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    return _page(request, "sync/drift_list.html", scope, partial="grid", **_differences(request, pk))


def _differences(request: PageRequest, pk: int) -> dict[str, Any]:
    with_ignored = bool(request.GET.get("ignored"))
    pages = Paginator(overview.findings(pk, with_ignored=with_ignored), FINDINGS_ON_A_PAGE)
    return {
        "page": pages.get_page(request.GET.get("page")),
        "with_ignored": with_ignored,
        "last_scan": overview.last_scan(pk),
    }


@require_GET
def drift_detail(request: PageRequest, pk: int, finding: int) -> HttpResponse:
    """One difference, field by field, with what can be done about it."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    return _detail(request, scope, _finding(pk, finding))


def _detail(
    request: PageRequest, scope: Scope, finding: Finding, fault: FieldsBelongTogether | None = None
) -> HttpResponse:
    ticked = request.POST.getlist("field")
    context: dict[str, Any] = {
        "finding": finding,
        "menu_current": "sync:drift_list",
        "ticked": ticked,
        "problem": str(fault) if fault is not None else "",
        "problem_at": (*fault.fields, *ticked)[0] if fault is not None else "",
    }
    return _page(request, "sync/drift_detail.html", scope, status=200 if fault is None else 422, **context)


@require_POST
def drift_refresh(request: PageRequest, pk: int) -> HttpResponse:
    scope = registry.scopes().get(request.user, pk, may_change=True)
    actions.refresh_from_azure(request.user, scope=scope)
    messages.success(request, "The namespace is being compared with Azure. Differences appear on this page.")
    return redirect("sync:drift_list", pk)


@require_POST
def drift_resolve(request: PageRequest, pk: int) -> HttpResponse:
    """Decide about one difference or many: `finding` once or often, `decision`, and `field` for some fields only.

    A finding is posted as it was shown (`Finding.as_shown`), or by its number alone. Many are asked about first, with
    what that sends to Azure; the answer posts them again, `confirmed`.
    """
    scope = registry.scopes().get(request.user, pk, may_change=True)
    decision = request.POST.get("decision", "")
    decide = _DECISIONS.get(decision)
    chosen = [
        _finding_shown(pk, each) for each in request.POST.getlist("finding") if each.partition("-")[0].isdecimal()
    ]
    if decide is None or not chosen:
        messages.error(request, "Choose at least one difference, and what to do about it.")
        return redirect("sync:drift_list", pk)
    if len(chosen) > 1 and not request.POST.get("confirmed"):
        findings = [finding for finding, _ in chosen]
        question = confirming.ask_decision(scope, findings, decision, shown=request.POST.getlist("finding"))
        if question is not None:
            context = {"question": question, "menu_current": "sync:drift_list", **_differences(request, pk)}
            return _page(request, "sync/drift_confirm.html", scope, partial="pane", **context)
    done, faults = 0, []
    for finding, is_as_shown in chosen:
        try:
            if not is_as_shown:
                raise CannotResolve("It has changed since it was shown. Look at it again.")
            decide(request, finding)
            done += 1
        except FieldsBelongTogether as fault:
            return _detail(request, scope, finding, fault)
        except CannotResolve as fault:
            faults.append(f"{finding.name}: {fault}")
    if done:
        messages.success(request, "Done." if done == 1 else f"Done for {done} differences.")
    if faults:
        messages.error(request, f"{len(faults)} could not be resolved. {faults[0]}")
    return redirect("sync:drift_list", pk)


def _keep(request: PageRequest, finding: Finding) -> None:
    resolutions.keep_ours(request.user, finding=finding, bulk=len(request.POST.getlist("finding")) > 1)


def _take(request: PageRequest, finding: Finding) -> None:
    resolutions.take_azures(request.user, finding=finding)


def _take_fields(request: PageRequest, finding: Finding) -> None:
    fields = [name for name in request.POST.getlist("field") if any(f["field"] == name for f in finding.fields)]
    if not fields:
        raise CannotResolve("Choose at least one field.")
    resolutions.take_azures(request.user, finding=finding, fields=fields)


def _adopt(request: PageRequest, finding: Finding) -> None:
    resolutions.adopt(request.user, finding=finding)


def _ignore(request: PageRequest, finding: Finding) -> None:
    resolutions.ignore(request.user, finding=finding)


_DECISIONS: dict[str, Callable[[PageRequest, Finding], None]] = {
    "keep": _keep,
    "take": _take,
    "take-fields": _take_fields,
    "adopt": _adopt,
    "ignore": _ignore,
}


def _finding(pk: int, finding: int) -> Finding:
    found = Finding.objects.filter(pk=finding, scope=pk).first()
    if found is None:
        raise Http404("There is no such difference.")
    return found


def _finding_shown(pk: int, posted: str) -> tuple[Finding, bool]:
    """A finding, and whether it still says what it said when it was shown."""
    finding = _finding(pk, int(posted.partition("-")[0]))
    return finding, posted in {str(finding.pk), finding.as_shown}


# Timeline


@require_GET
def timeline(request: PageRequest, pk: int, entry: int) -> HttpResponse:
    """How one change went to Azure, step by step."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    change = Activity.objects.filter(pk=entry, scope=pk).first()
    if change is None:
        raise Http404("There is no such change.")
    return _page(
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
@require_GET
def prometheus(request: HttpRequest) -> HttpResponse:
    """Metrics, for the bearer of METRICS_TOKEN or a signed-in administrator."""
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
    return HttpResponse(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")


@login_not_required
@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_GET
def ready(request: HttpRequest) -> HttpResponse:
    """Database and migrations are there: 200, else 503. Workers are told of, and do not decide."""
    found = metrics.readiness()
    is_ready = not found["database"] and not found["migrations"]
    checks = {name: fault or "ok" for name, fault in found.items()}
    return JsonResponse({"status": "ok" if is_ready else "not ready", **checks}, status=200 if is_ready else 503)
