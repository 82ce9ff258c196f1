"""The activity log of a namespace, as a page and as a file."""

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from namespaces.access import get_namespace
from namespaces.pages.history import differences, listed_activities, namespace_history
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.web.csv_files import ROWS_AT_ONCE, csv_response
from portal.web.responses import PageRequest, render_page


@require_safe
def namespace_activity(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(request, namespace, history=namespace_history(namespace, request.GET))
    return render_page(request, "namespaces/namespace_activity.html", context, partial="grid")


@require_safe
def activity_csv(request: PageRequest, pk: int) -> StreamingHttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    headings = ("When (UTC)", "Who", "Team", "What", "Object", "Changes", "How it ended", "Code", "Message")
    rows = (
        (
            *(entry.at, entry.actor_name, entry.team_name, entry.verb, entry.object_name),
            " | ".join(f"{change.label}: {change.before} → {change.after}" for change in differences(entry)),
            *(entry.get_outcome_display(), entry.outcome_code, entry.outcome_message),
        )
        for entry in listed_activities(namespace, request.GET).iterator(ROWS_AT_ONCE)
    )
    return csv_response(f"{namespace.name}-activity.csv", headings, rows)
