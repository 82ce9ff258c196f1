"""The activity log, of a namespace and of the whole portal, as a page and as a file."""

from collections.abc import Mapping
from operator import attrgetter

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from namespaces.access import get_namespace
from namespaces.pages.activity_filter import ActivityFilter
from namespaces.pages.history import (
    History,
    differences,
    listed_activities,
    listed_everywhere,
    namespace_history,
    portal_history,
)
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.models import Activity
from portal.web.access_denied import Denied
from portal.web.csv_files import ROWS_AT_ONCE
from portal.web.exports import RowColumn, row_file
from portal.web.responses import PageRequest, render_page


def _changes(entry: Activity) -> str:
    return " | ".join(f"{change.label}: {change.before} → {change.after}" for change in differences(entry))


def _stored_changes(entry: Activity) -> list[dict[str, str]]:
    return [{"field": change.field, "before": change.before, "after": change.after} for change in differences(entry)]


EXPORTED = {
    "at": RowColumn("When (UTC)", attrgetter("at")),
    "actor": RowColumn("Who", attrgetter("actor_name")),
    "team": RowColumn("Team", attrgetter("team_name")),
    "verb": RowColumn("What", attrgetter("verb")),
    "object": RowColumn("Object", attrgetter("object_name")),
    "changes": RowColumn("Changes", _changes, _stored_changes),
    "outcome": RowColumn("How it ended", lambda entry: entry.get_outcome_display(), attrgetter("outcome")),
    "outcome_code": RowColumn("Code", attrgetter("outcome_code")),
    "outcome_message": RowColumn("Message", attrgetter("outcome_message")),
    "reason": RowColumn("Reason", attrgetter("reason")),
    "place": RowColumn("Place in the chain", attrgetter("place")),
    "outcome_place": RowColumn("Place of the outcome", attrgetter("outcome_place")),
}
# From where a person works is shown to those only who are responsible for the place.
ORIGIN = {
    "address": RowColumn("Address", attrgetter("address")),
    "request_id": RowColumn("Request", attrgetter("request_id")),
}
PLACE = {"namespace": RowColumn("Namespace", attrgetter("scope_name"))}


@require_safe
def namespace_activity(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(request, namespace, history=namespace_history(namespace, request.GET))
    context["show_origin"] = context["may_own"]
    status = _status(context["history"])
    return render_page(request, "namespaces/namespace_activity.html", context, partial="grid", status=status)


@require_safe
def activity_csv(request: PageRequest, pk: int) -> StreamingHttpResponse:
    return activity_export(request, pk, "csv")


@require_safe
def activity_export(request: PageRequest, pk: int, ending: str) -> StreamingHttpResponse:
    """Download every entry of the namespace that matches the filter."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    _check_filter(request)
    context = namespace_context(request, namespace)
    columns = EXPORTED | (ORIGIN if context["may_own"] else {})
    entries = listed_activities(namespace, request.GET)
    return _file(request, ending, f"{namespace.name}-activity", entries, columns)


@require_safe
def portal_activity(request: PageRequest) -> HttpResponse:
    _check_administrator(request)
    history = portal_history(request.GET)
    context = {"history": history, "show_origin": True, "show_place": True}
    return render_page(request, "namespaces/portal_activity.html", context, partial="grid", status=_status(history))


@require_safe
def portal_activity_csv(request: PageRequest) -> StreamingHttpResponse:
    return portal_activity_export(request, "csv")


@require_safe
def portal_activity_export(request: PageRequest, ending: str) -> StreamingHttpResponse:
    """Download every entry of the portal that matches the filter."""
    _check_administrator(request)
    _check_filter(request)
    return _file(request, ending, "activity", listed_everywhere(request.GET), EXPORTED | ORIGIN | PLACE)


def _file(
    request: PageRequest, ending: str, stem: str, entries: QuerySet[Activity], columns: Mapping[str, RowColumn]
) -> StreamingHttpResponse:
    rows = entries.iterator(ROWS_AT_ONCE)
    return row_file(request, ending, stem, rows, columns, count=entries.order_by().count)


def _check_administrator(request: PageRequest) -> None:
    if not request.user.is_superuser:
        raise Denied(
            "Only administrators see the activity log of the whole portal.",
            lambda: "Each namespace has an activity log of its own.",
        )


def _check_filter(request: PageRequest) -> None:
    """Refuse a filter that the page would show an error for: the file would contain too much."""
    if ActivityFilter.from_query(request.GET).errors:
        raise BadRequest


def _status(history: History) -> int:
    return 422 if history.filter.errors else 200
