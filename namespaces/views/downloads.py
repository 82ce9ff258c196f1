"""The connection list and the activity log as CSV files, with the same filter and order."""

from django.http import StreamingHttpResponse
from django.views.decorators.http import require_GET

from namespaces.access import Verb, get_namespace
from namespaces.connections.attempts import listed_attempts
from namespaces.pages.history import differences, listed_activities
from portal.listing import asked_text
from portal.web.csv_files import ROWS_AT_ONCE, csv_response
from portal.web.responses import PageRequest


@require_GET
def connection_csv(request: PageRequest, pk: int) -> StreamingHttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    headings = ["When (UTC)", "Verdict", "Code", "Reason", "Client name", "MQTT user name", "Session name", "Protocol"]
    headings += ["Certificate subject", "Certificate issuer", "Thumbprint (SHA-256)", "CA certificate", "Address"]
    attempts = listed_attempts(namespace, request.GET, client=asked_text(request.GET, "client")).defer("record")
    rows = (
        (
            *(attempt.at, "Accepted" if attempt.accepted else "Refused", attempt.code, attempt.reason),
            *(attempt.client_name, attempt.user_name, attempt.session_name, attempt.protocol),
            *(attempt.subject, attempt.issuer, attempt.thumbprint, attempt.ca_name, attempt.caller),
        )
        for attempt in attempts.iterator(ROWS_AT_ONCE)
    )
    return csv_response(f"{namespace.name}-connections.csv", headings, rows)


@require_GET
def activity_csv(request: PageRequest, pk: int) -> StreamingHttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    headings = ("When (UTC)", "Who", "Team", "What", "Object", "Changes", "How it ended", "Code", "Message")
    rows = (
        (
            *(entry.at, entry.actor_name, entry.team_name, entry.verb, entry.object_name),
            " | ".join(f"{change.field}: {change.before} → {change.after}" for change in differences(entry)),
            *(entry.get_outcome_display(), entry.outcome_code, entry.outcome_message),
        )
        for entry in listed_activities(namespace, request.GET).iterator(ROWS_AT_ONCE)
    )
    return csv_response(f"{namespace.name}-activity.csv", headings, rows)
