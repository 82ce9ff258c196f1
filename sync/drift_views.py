"""*Drift*: what differs in Azure, and what people decide about it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from sync import actions, confirming, overview, registry, resolutions
from sync.models import Finding
from sync.registry import Scope
from sync.resolutions import CannotResolve, FieldsBelongTogether
from sync.views import PageRequest, render_page

FINDINGS_ON_A_PAGE = 50
COMPARED_MS = 1000


@require_GET
def drift_list(request: PageRequest, pk: int) -> HttpResponse:
    """What is different in Azure, the loud ones first."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    # A page that waits for a comparison asks how far it is, and gets the differences when it is over.
    partial = "comparison" if "compared" in request.GET else "grid"
    return render_page(request, "sync/drift_list.html", scope, partial=partial, **_differences(request, pk))


def _differences(request: PageRequest, pk: int) -> dict[str, Any]:
    with_ignored = bool(request.GET.get("ignored"))
    pages = Paginator(overview.findings(pk, with_ignored=with_ignored), FINDINGS_ON_A_PAGE)
    scan = overview.last_scan(pk)
    comparing = overview.is_comparing(pk, scan)
    return {
        "page": pages.get_page(request.GET.get("page")),
        "with_ignored": with_ignored,
        "last_scan": scan,
        "comparing": comparing,
        "is_known": not comparing and scan is not None and scan.ended_at is not None and not scan.error,
        "has_worker": bool(overview.workers_alive()) if comparing else True,
        "poll_ms": COMPARED_MS,
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
    return render_page(request, "sync/drift_detail.html", scope, status=200 if fault is None else 422, **context)


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
            return render_page(request, "sync/drift_confirm.html", scope, partial="pane", **context)
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
