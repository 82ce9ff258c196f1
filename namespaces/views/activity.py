"""The activity log, of a namespace and of the whole portal, as a page and as a file."""

from collections.abc import Iterator
from typing import Any

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
from portal.web.csv_files import ROWS_AT_ONCE, csv_response
from portal.web.responses import PageRequest, render_page

HEADINGS = ("When (UTC)", "Who", "Team", "What", "Object", "Changes", "How it ended", "Code", "Message", "Reason")
PLACES = ("Place in the chain", "Place of the outcome")
# From where a person works is shown to those only who are responsible for the place.
ORIGIN = ("Address", "Request")


@require_safe
def namespace_activity(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(request, namespace, history=namespace_history(namespace, request.GET))
    context["show_origin"] = context["may_own"]
    status = _status(context["history"])
    return render_page(request, "namespaces/namespace_activity.html", context, partial="grid", status=status)


@require_safe
def activity_csv(request: PageRequest, pk: int) -> StreamingHttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    _check_filter(request)
    context = namespace_context(request, namespace)
    entries = listed_activities(namespace, request.GET)
    return _file(f"{namespace.name}-activity.csv", entries, show_origin=context["may_own"])


@require_safe
def portal_activity(request: PageRequest) -> HttpResponse:
    _check_administrator(request)
    history = portal_history(request.GET)
    context = {"history": history, "show_origin": True, "show_place": True}
    return render_page(request, "namespaces/portal_activity.html", context, partial="grid", status=_status(history))


@require_safe
def portal_activity_csv(request: PageRequest) -> StreamingHttpResponse:
    _check_administrator(request)
    _check_filter(request)
    return _file("activity.csv", listed_everywhere(request.GET), show_origin=True, show_place=True)


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


def _file(
    name: str, entries: QuerySet[Activity], *, show_origin: bool, show_place: bool = False
) -> StreamingHttpResponse:
    headings = (*HEADINGS, *PLACES, *(ORIGIN if show_origin else ()), *(("Namespace",) if show_place else ()))
    return csv_response(name, headings, _rows(entries, show_origin, show_place))


def _rows(entries: QuerySet[Activity], show_origin: bool, show_place: bool) -> Iterator[list[object]]:
    entry: Any
    for entry in entries.iterator(ROWS_AT_ONCE):
        changes = " | ".join(f"{change.label}: {change.before} → {change.after}" for change in differences(entry))
        row = [entry.at, entry.actor_name, entry.team_name, entry.verb, entry.object_name, changes]
        row += [entry.get_outcome_display(), entry.outcome_code, entry.outcome_message, entry.reason]
        row += [entry.place, entry.outcome_place]
        row += [entry.address, entry.request_id] if show_origin else []
        yield row + ([entry.scope_name] if show_place else [])
