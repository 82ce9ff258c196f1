"""What the grids show, with the same filter and order, as CSV files."""

import json

from django.http import StreamingHttpResponse
from django.views.decorators.http import require_GET

from namespaces.access import Verb, get_namespace
from namespaces.connections.attempts import listed_attempts
from namespaces.pages.history import differences, listed_activities
from namespaces.pages.lists import listed_clients
from namespaces.pages.responses import PageRequest
from portal.listing import asked_text
from portal.web.csv_files import ROWS_AT_ONCE, csv_response


@require_GET
def client_csv(request: PageRequest, pk: int) -> StreamingHttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    headings = ["Client name", "Authentication name", "Validation scheme", "Thumbprints", "Connection state", "Team"]
    headings += ["Description", "Attributes", "Last seen (UTC)", "Sync state"]
    rows = (
        (
            *(client.name, client.authentication_name, client.get_validation_scheme_display()),
            *(" ".join(client.thumbprints), client.state, client.team.name if client.team else "", client.description),
            json.dumps(client.attributes, ensure_ascii=False) if client.attributes else "",
            *(client.last_seen_at, client.sync_state),
        )
        for client in listed_clients(namespace, request.GET).iterator(ROWS_AT_ONCE)
    )
    return csv_response(f"{namespace.name}-clients.csv", headings, rows)


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
