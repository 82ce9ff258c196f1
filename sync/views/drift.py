"""*Drift*: differences from Azure, and decisions about them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from portal.listing import whole_number
from portal.web.responses import PageRequest
from sync import actions, registry
from sync.control import HeldBack
from sync.drift import resolutions
from sync.drift.resolutions import CannotResolve, FieldsBelongTogether
from sync.models import Finding
from sync.pages import confirmation, overview
from sync.pages.ownership import mark_decidable
from sync.registry import Scope
from sync.views.operators import render_page, rights_on_page, scope_for_rows

FINDINGS_ON_A_PAGE = 50
COMPARED_MS = 1000
_MIXABLE = {Finding.Class.CHANGED, Finding.Class.BOTH}  # of these, some fields may be Azure's and some ours


SIDES = ("portal", "azure")


class NoFieldChosen(CannotResolve):
    """For no field, or not for each, a side was chosen. `fields`: those without."""

    def __init__(self, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__("no-field", message)
        self.fields = fields


@require_safe
def drift_list(request: PageRequest, pk: int) -> HttpResponse:
    """List the differences from Azure, conflicts and deletions first."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    # A page that waits for a comparison polls its state, and gets the differences when it is complete.
    partial = "comparison" if "compared" in request.GET else "grid"
    return render_page(request, "sync/drift_list.html", scope, partial=partial, **_differences(request, scope))


def _differences(request: PageRequest, scope: Scope) -> dict[str, Any]:
    # Before the differences are read: a page that no longer polls must have those of the comparison that just ended.
    scan = overview.last_scan(scope.pk)
    comparing = overview.is_comparing(scope.pk, scan)
    with_ignored = bool(request.GET.get("ignored"))
    pages = Paginator(overview.findings(scope.sight, with_ignored=with_ignored), FINDINGS_ON_A_PAGE)
    page = pages.get_page(request.GET.get("page"))
    page.object_list = shown = list(page.object_list)
    mark_decidable(shown, rights_on_page(request, scope.pk))
    return {
        "page": page,
        "ignored": 0 if page.object_list else overview.findings(scope.sight, with_ignored=True).count(),
        "open_count": overview.open_findings(scope.sight),
        "with_ignored": with_ignored,
        "last_scan": scan,
        "comparing": comparing,
        "is_known": not comparing and scan is not None and scan.ended_at is not None and not scan.error,
        "has_worker": bool(overview.workers_alive()) if comparing else True,
        "poll_ms": COMPARED_MS,
    }


@require_safe
def drift_detail(request: PageRequest, pk: int, finding: int) -> HttpResponse:
    """Show one difference field by field, with the possible decisions."""
    scope = registry.scopes().get(request.user, pk, may_change=False)
    return _detail(request, scope, _finding(scope, finding))


def _detail(request: PageRequest, scope: Scope, finding: Finding, fault: CannotResolve | None = None) -> HttpResponse:
    sides = _sides_of(request, finding)
    ticked = [name for name, side in sides.items() if side == "azure"]
    cures = fault.fields if isinstance(fault, FieldsBelongTogether | NoFieldChosen) else ()
    at = [*cures, *ticked, *(field["field"] for field in finding.fields)]
    is_going = _is_going(finding)
    mark_decidable([finding], rights_on_page(request, scope.pk))
    context: dict[str, Any] = {
        "finding": finding,
        "is_going": is_going,
        "menu_current": "sync:drift_list",
        "may_choose": finding.drift in _MIXABLE
        and not is_going
        and finding.state != Finding.State.RESOLVED
        and finding.fields != []
        and finding.may_decide,
        "fields": [(field, sides.get(field.name, "")) for field in finding.shown_fields],
        "problem": str(fault) if fault is not None else "",
        "problem_code": fault.code if fault is not None else "",
        "problem_at": at[0] if fault is not None and at else "",
    }
    return render_page(request, "sync/drift_detail.html", scope, status=200 if fault is None else 422, **context)


def _sides_of(request: PageRequest, finding: Finding) -> dict[str, str]:
    """Return the side that was chosen for each field, "" for none. `field`, repeated, is short for those of Azure."""
    taken = request.POST.getlist("field")
    chosen = {
        field["field"]: "azure" if field["field"] in taken else request.POST.get(f"side-{field['field']}", "")
        for field in finding.fields
    }
    return {name: side if side in SIDES else "" for name, side in chosen.items()}


@require_POST
def drift_refresh(request: PageRequest, pk: int) -> HttpResponse:
    scope = registry.scopes().get(request.user, pk, may_change=True)
    actions.refresh_from_azure(request.user, scope=scope)
    messages.success(request, "The namespace is being compared with Azure. Differences appear on this page.")
    return redirect("sync:drift_list", pk)


@require_POST
def drift_resolve(request: PageRequest, pk: int) -> HttpResponse:
    """Resolve one difference or many: `finding` (repeated), `decision`, and `field` for some fields only.

    "apply" takes for each field the side that `side-FIELD` names: portal or azure.
    A finding is posted as it was shown (`Finding.as_shown`), or by its number alone. Many need a confirmation, which
    shows what is sent to Azure and posts them again with `confirmed`.
    """
    scope, _ = scope_for_rows(request, pk)
    decision = request.POST.get("decision", "")
    decide = _DECISIONS.get(decision)
    chosen = [found for each in request.POST.getlist("finding") if (found := _finding_shown(scope, each)) is not None]
    if decide is None or not chosen:
        messages.error(request, "Choose at least one difference and a decision.")
        return redirect("sync:drift_list", pk)
    if len(chosen) > 1 and not request.POST.get("confirmed"):
        findings = [finding for finding, _ in chosen]
        question = confirmation.ask_decision(scope, findings, decision, shown=request.POST.getlist("finding"))
        if question is not None:
            context = {"question": question, "menu_current": "sync:drift_list", **_differences(request, scope)}
            return render_page(request, "sync/drift_confirm.html", scope, partial="pane", **context)
    said, faults, held = [], [], []
    for finding, is_as_shown in chosen:
        try:
            if not is_as_shown:
                raise CannotResolve(
                    "changed-meanwhile", "This difference has changed since the page was loaded. Review it again."
                )
            said.append(decide(request, finding))
        except (FieldsBelongTogether, NoFieldChosen) as fault:
            return _detail(request, scope, finding, fault)
        except CannotResolve as fault:
            faults.append(f"{finding.name}: {fault}")
        except HeldBack as needs_approval:
            held.append(needs_approval)
    if said:
        messages.success(request, said[0] if len(said) == 1 else confirmation.done_for_many(decision, len(said)))
    if faults:
        messages.error(request, f"{len(faults)} could not be resolved. {faults[0]}")
    if held:
        raise HeldBack.of_all(held)
    return redirect("sync:drift_list", pk)


# Each function carries out a decision and returns what was done and what happens next.


def _keep(request: PageRequest, finding: Finding) -> str:
    is_going = _is_going(finding)
    resolutions.keep_ours(request.user, finding=finding, bulk=len(request.POST.getlist("finding")) > 1)
    if is_going:
        return f"{_called(finding)} is being deleted in Azure."
    if finding.drift == Finding.Class.DELETED:
        return f"{_called(finding)} is being recreated in Azure."
    return f"{_called(finding)}: the portal's version is kept and is being sent to Azure."


def _take(request: PageRequest, finding: Finding) -> str:
    resolutions.take_azures(request.user, finding=finding)
    if finding.resource is None:
        return f"{_called(finding)} was removed from the portal because it was deleted in Azure."
    return f"{_called(finding)}: the portal now has Azure's version. Nothing is sent."


def _take_fields(request: PageRequest, finding: Finding) -> str:
    every = [field["field"] for field in finding.fields]
    fields = [name for name in every if name in request.POST.getlist("field")]
    if not fields and len(request.POST.getlist("finding")) == 1:
        raise NoFieldChosen("Choose at least one field, or use one of the other buttons.")
    if not fields:
        raise CannotResolve("no-field", "Choose at least one field.")
    resolutions.take_azures(request.user, finding=finding, fields=fields)
    return _taken(finding, fields)


def _taken(finding: Finding, fields: Sequence[str]) -> str:
    others = [field["field"] for field in finding.fields if field["field"] not in fields]
    took = f"{_called(finding)}: Azure's {finding.labels(fields)} taken."
    if not others:
        return f"{took} Nothing is sent."
    return f"{took} The portal's {finding.labels(others)} is kept and is being sent to Azure."


def _apply(request: PageRequest, finding: Finding) -> str:
    """Take for each field the side that was chosen."""
    sides = _sides_of(request, finding)
    open_fields = [name for name, side in sides.items() if not side]
    if open_fields or not sides:
        raise NoFieldChosen("Choose the portal's or Azure's value.", open_fields)
    if "azure" not in sides.values():
        return _keep(request, finding)
    fields = [name for name, side in sides.items() if side == "azure"]
    resolutions.take_azures(request.user, finding=finding, fields=fields)
    return _taken(finding, fields)


def _adopt(request: PageRequest, finding: Finding) -> str:
    resolutions.adopt(request.user, finding=finding)
    return f"{_called(finding)} was adopted into the portal as it is in Azure."


def _ignore(request: PageRequest, finding: Finding) -> str:
    resolutions.ignore(request.user, finding=finding)
    return f"{_called(finding)}: ignored. The difference returns when either side changes again."


def _is_going(finding: Finding) -> bool:
    """Return whether the portal is deleting the row."""
    rows = registry.model_for(finding.kind)._default_manager.filter(pk=finding.object_pk, deleted_at__isnull=False)
    return bool(rows.exists())


def _called(finding: Finding) -> str:
    return f"{finding.what} {finding.name}"


_DECISIONS: dict[str, Callable[[PageRequest, Finding], str]] = {
    "keep": _keep,
    "take": _take,
    "take-fields": _take_fields,
    "apply": _apply,
    "adopt": _adopt,
    "ignore": _ignore,
}


def _finding(scope: Scope, finding: int) -> Finding:
    found = Finding.objects.visible_to(scope.sight).filter(pk=finding).first()
    if found is None:
        raise Http404("This difference does not exist.")
    return found


def _finding_shown(scope: Scope, posted: str) -> tuple[Finding, bool] | None:
    """Return a finding, and whether it is still as it was shown; None if `posted` does not start with a number."""
    number = whole_number(posted.partition("-")[0])
    if number is None:
        return None
    finding = _finding(scope, number)
    return finding, posted in {str(finding.pk), finding.as_shown}
