"""Import clients from files: Files, Review, Import. Nothing is registered before the last step is confirmed."""

from collections.abc import Callable

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from namespaces.access import get_namespace
from namespaces.actions.change_sets.import_drafts import drafts_of
from namespaces.actions.client_imports import (
    cancel_import,
    discard_import,
    keep_rows,
    resume_import,
    set_options,
    start_import,
)
from namespaces.forms.client_import import ImportFilesForm, ImportOptionsForm
from namespaces.importing import verdicts
from namespaces.models import Client, ClientImport, ImportRow, Namespace
from namespaces.pages.client_import import (
    LEFT_COLUMNS,
    RESULT_COLUMNS,
    get_import,
    left_out,
    own_imports,
    progress_of,
    review_of,
    running_imports,
)
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from portal.listing import whole_number
from portal.web.csv_files import csv_response, csv_rows
from portal.web.responses import PageRequest, go_to, render_page

VERDICTS_CHANGED = "What counts for all rows has changed, and verdicts with it. Look at them, then import."
REVIEW = "namespaces:client_import"
TITLE = {"page_title": "Import clients", "menu_current": "namespaces:client_list"}


def _namespace(request: PageRequest, pk: int) -> Namespace:
    return get_namespace(request.user, pk, Verb.CONTRIBUTE, model=Client)


@require_http_methods(["GET", "HEAD", "POST"])
def client_import_files(request: PageRequest, pk: int) -> HttpResponseBase:
    """Take files or pasted rows, and read them. Only the rows are kept."""
    namespace = _namespace(request, pk)
    posted = request.POST if request.method == "POST" else None
    files = request.FILES if request.method == "POST" else None
    form = ImportFilesForm(posted, files, namespace=namespace, user=request.user)
    if form.is_valid():
        run = keep_rows(
            request.user, namespace=namespace, team=form.cleaned_data["team"], found=form.found, title=form.title
        )
        return go_to(request, REVIEW, pk, run.pk)
    imports = own_imports(request.user, namespace)
    context = namespace_context(request, namespace, form=form, imports=imports, **TITLE)
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/client_import_files.html", context, status=status)


@require_safe
def client_import(request: PageRequest, pk: int, run: int) -> HttpResponse:
    """Show the review of an import, or how far it is."""
    namespace = _namespace(request, pk)
    found = get_import(request.user, namespace, run)
    if found.state == ClientImport.State.REVIEW:
        return _review_page(request, namespace, found, ImportOptionsForm(run=found, user=request.user))
    progress = progress_of(found, timezone.now())
    drafts = [] if progress.is_running else drafts_of(found).annotate(number=Count("changes")).order_by("pk")
    context = namespace_context(request, namespace, run=found, progress=progress, drafts=drafts, **TITLE)
    return render_page(request, "namespaces/client_import_progress.html", context, partial="progress")


def _review_page(
    request: PageRequest, namespace: Namespace, run: ClientImport, form: ImportOptionsForm, *, status: int = 200
) -> HttpResponse:
    review, others = review_of(run, namespace, request.GET), running_imports(request.user, namespace)
    context = namespace_context(request, namespace, run=run, review=review, form=form, others=others, **TITLE)
    return render_page(request, "namespaces/client_import_review.html", context, status=status)


@require_POST
def client_import_options(request: PageRequest, pk: int, run: int) -> HttpResponseBase:
    """Set the options for all rows and judge them again."""
    namespace = _namespace(request, pk)
    found = get_import(request.user, namespace, run)
    refused = _keep(request, namespace, found)
    return refused or go_to(request, REVIEW, pk, run)


def _keep(request: PageRequest, namespace: Namespace, run: ClientImport) -> HttpResponse | None:
    """Keep what the page of the review has: its ticks, what counts for all rows, and the columns of tables.

    Each of its buttons sends all of that. Return the page with the errors where it cannot be kept.
    """
    if run.state != ClientImport.State.REVIEW:
        return None
    shown, ticked = _numbers(request, "shown"), _numbers(request, "tick")
    if shown is not None and ticked is not None:
        rows = run.rows.filter(number__in=shown, verdict__in=verdicts.MAY_CHOOSE)
        rows.filter(number__in=ticked).update(is_chosen=True)
        rows.exclude(number__in=ticked).update(is_chosen=False)
    if "options" not in request.POST:
        return None
    form = ImportOptionsForm(request.POST, run=run, user=request.user)
    if not form.is_valid():
        return _review_page(request, namespace, run, form, status=422)
    if form.is_changed:
        set_options(
            run=run,
            namespace=namespace,
            team=form.cleaned_data["team"],
            options=form.options(),
            tables=form.mapped_tables(),
        )
    return None


@require_POST
def client_import_fix(request: PageRequest, pk: int, run: int) -> HttpResponseBase:
    """Fix one row (`fix`) as its verdict proposes, or every row of a verdict (`fix_all`), and judge all rows again."""
    namespace = _namespace(request, pk)
    found = get_import(request.user, namespace, run)
    refused = _keep(request, namespace, found)
    if refused is not None:
        return refused
    asked, number = request.POST.get("fix_all", ""), whole_number(request.POST.get("fix", ""))
    rows = found.rows.filter(number=number) if number is not None else found.rows.filter(verdict=asked)
    fixable = list(rows) if number is not None or asked in ImportRow.Verdict.values else []
    if fixable and found.state == ClientImport.State.REVIEW:
        verdicts.apply_fix(found, fixable)
        verdicts.judge(found, namespace)
    return go_to(request, REVIEW, pk, run)


@require_POST
def client_import_start(request: PageRequest, pk: int, run: int) -> HttpResponseBase:
    """Let a worker register the chosen rows (`import=ready`), or all of them (`import=all`).

    Where what counts for all rows was changed on the page, and verdicts with it, the review is shown again first.
    """
    namespace = _namespace(request, pk)
    found = get_import(request.user, namespace, run)
    before = verdicts.counts_of(found)
    refused = _keep(request, namespace, found)
    if refused is not None:
        return refused
    which = request.POST.get("import", "")
    if verdicts.counts_of(found) != before:
        messages.warning(request, VERDICTS_CHANGED, extra_tags="verdicts-changed")
    elif which in {"ready", "all"}:
        try:
            start_import(request.user, run=found, everything=which == "all")
        except RuleError as refusal:
            messages.warning(request, refusal.sentence, extra_tags=refusal.code)
    return go_to(request, REVIEW, pk, run)


def _numbers(request: PageRequest, field: str) -> set[int] | None:
    """Return the numbers of the rows in a field that is sent once for each; None where one is no number."""
    sent = request.POST.getlist(field)
    numbers = {number for text in sent if (number := whole_number(text)) is not None}
    return numbers if len(numbers) == len(set(sent)) else None


def _change(change: Callable[..., object], sentence: str) -> Callable[..., HttpResponseBase]:
    """Return the view of a button that changes the state of an import."""

    @require_POST
    def view(request: PageRequest, pk: int, run: int) -> HttpResponseBase:
        found = get_import(request.user, _namespace(request, pk), run)
        change(run=found)
        messages.info(request, sentence)
        if not ClientImport.objects.filter(pk=found.pk).exists():
            return go_to(request, "namespaces:client_import_files", pk)
        return go_to(request, REVIEW, pk, run)

    return view


client_import_cancel = _change(cancel_import, "The import stops. What was registered stays.")
client_import_resume = _change(resume_import, "The import goes on.")
client_import_discard = _change(discard_import, "The rows of the import are forgotten.")


@require_safe
def client_import_left(request: PageRequest, pk: int, run: int) -> StreamingHttpResponse:
    """Download the rows that are left out, with the reason, as a CSV file that can be imported again."""
    namespace = _namespace(request, pk)
    found = get_import(request.user, namespace, run)
    rows = csv_rows(left_out(found).order_by("number"), list(LEFT_COLUMNS.values()))
    return csv_response(f"{namespace.name}-left-out.csv", list(LEFT_COLUMNS), rows)


@require_safe
def client_import_result(request: PageRequest, pk: int, run: int) -> StreamingHttpResponse:
    """Download every row of an import with what came of it."""
    namespace = _namespace(request, pk)
    found = get_import(request.user, namespace, run)
    rows = csv_rows(found.rows.order_by("number"), list(RESULT_COLUMNS.values()))
    return csv_response(f"{namespace.name}-import-result.csv", list(RESULT_COLUMNS), rows)
