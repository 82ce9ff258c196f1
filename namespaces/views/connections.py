"""Who connected, who was refused, and why."""

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from namespaces.access import get_namespace
from namespaces.connections.attempts import attempt_at, decision_of, has_connection_log, listed_attempts, watch
from namespaces.connections.broker_steps import broker_step
from namespaces.connections.hidden_names import without_hidden_names
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.listing import asked_text
from portal.web.csv_files import ROWS_AT_ONCE, csv_response
from portal.web.responses import PageRequest, render_page


@require_safe
def connection_list(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(
        request,
        namespace,
        watch=watch(namespace, request.GET),
        has_log=has_connection_log(),
        endpoint=mqtt_endpoint(namespace),
    )
    return render_page(request, "namespaces/connection_list.html", context, partial="grid")


@require_safe
def connection_newer(request: PageRequest, pk: int) -> HttpResponse:
    """Attempts since the last answer, and the next question; after a while the page has to be asked to go on."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(request, namespace, watch=watch(namespace, request.GET, only_newer=True))
    return render_page(request, "namespaces/connection_newer.html", context)


@require_safe
def connection_detail(request: PageRequest, pk: int, cursor: int) -> HttpResponse:
    """One attempt with every step of its decision."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    attempt = attempt_at(namespace, cursor)
    if attempt is None:
        raise Http404("There is no such connection attempt, or it is older than what is kept.")
    context = namespace_context(
        request, namespace, attempt=attempt, decision=decision_of(attempt), broker_step=broker_step(attempt)
    )
    return render_page(request, "namespaces/connection_detail.html", context, partial="trace")


@require_safe
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
        for attempt in without_hidden_names(namespace, attempts.iterator(ROWS_AT_ONCE))
    )
    return csv_response(f"{namespace.name}-connections.csv", headings, rows)
