"""Who connected, who was refused, and why."""

from operator import attrgetter

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from namespaces.access import get_client, get_namespace
from namespaces.actions.issuer_alarms import decide_issuer_alarm, decide_same_change
from namespaces.connections.attempt_filter import VERDICTS, AttemptFilter, verdict_on
from namespaces.connections.attempts import (
    attempt_at,
    decision_of,
    has_connection_log,
    listed_attempts,
    watch,
    watch_client,
    watch_newer,
)
from namespaces.connections.broker_steps import broker_step
from namespaces.connections.counts import OTHER
from namespaces.connections.hidden_names import without_hidden_names
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.models import Client, ConnectionAttempt, IssuerAlarm
from namespaces.pages.connections.attempt_list import ConnectionList
from namespaces.pages.connections.issuer_alarms import issuer_alarms
from namespaces.pages.connections.refused_operations import refused_operations
from namespaces.pages.overview.connection_chart import filtered_chart
from namespaces.registry import attempt_page, revocation_of
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from portal.listing import asked_text
from portal.web.csv_files import ROWS_AT_ONCE
from portal.web.exports import RowColumn, row_file
from portal.web.responses import PageRequest, go_to, render_page

FIGURES = "connection-figures"  # the element of the chart and of what is counted beside it


@require_safe
def connection_list(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(request, namespace, has_log=has_connection_log(), endpoint=mqtt_endpoint(namespace))
    if context["has_log"]:
        now = timezone.now()
        asked = AttemptFilter.from_query(request.GET, at=now)
        context["listing"] = ConnectionList(namespace, asked, filtered_chart(namespace, asked, at=now))
        if request.htmx.target == FIGURES:
            return render_page(request, "namespaces/connection_figures.html", context)
        context["watch"] = watch(namespace, asked, request.GET)
    return render_page(request, "namespaces/connection_list.html", context, partial="grid")


@require_safe
def connection_newer(request: PageRequest, pk: int) -> HttpResponse:
    """Attempts since the last answer, and the next question; after a while the page has to be asked to go on."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    client = asked_text(request.GET, "client")
    if client:
        found = watch_client(namespace, client, request.GET)
    else:
        found = watch_newer(namespace, AttemptFilter.from_query(request.GET, at=timezone.now()), request.GET)
    context = namespace_context(request, namespace, watch=found)
    response = render_page(request, "namespaces/connection_newer.html", context)
    return trigger_client_event(response, "attempts-came") if found.rows else response


@require_safe
def refused_operation_list(request: PageRequest, pk: int) -> HttpResponse:
    """What connected clients were not permitted to publish and subscribe to."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    refused = refused_operations(namespace, request.GET, at=timezone.now()) if has_connection_log() else None
    context = namespace_context(request, namespace, refused=refused, menu_current="namespaces:connection_list")
    return render_page(request, "namespaces/refused_operations.html", context)


@require_safe
def issuer_alarm_list(request: PageRequest, pk: int) -> HttpResponse:
    """Clients that connected with a certificate of another issuer, and what was decided about that."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(request, namespace, has_log=has_connection_log())
    context |= {"alarms": issuer_alarms(namespace, at=timezone.now()), "menu_current": "namespaces:connection_list"}
    return render_page(request, "namespaces/issuer_alarms.html", context)


@require_POST
def client_issuer_alarm(request: PageRequest, pk: int, name: str, alarm: int) -> HttpResponseBase:
    """Decide about an alarm: the issuer was expected, or the client is disabled. With `same`, about every one like it."""
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    row = IssuerAlarm.objects.filter(pk=alarm, client=client).select_related("client", "namespace").first()
    if row is None:
        raise Http404("There is no such alarm.")
    asked = request.POST.get("decision", "")
    decision = IssuerAlarm.State(asked) if asked in IssuerAlarm.State.values else IssuerAlarm.State.OPEN
    try:
        if "same" in request.POST:
            done = decide_same_change(request.user, alarm=row, decision=decision)
        else:
            decide_issuer_alarm(request.user, alarm=row, decision=decision)
            done = 1
    except RuleError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, _decided(decision, client, done), extra_tags=f"alarm-{decision}")
    return go_to(request, "namespaces:issuer_alarm_list", pk)


def _decided(decision: IssuerAlarm.State, client: Client, done: int) -> str:
    what = client.name if done == 1 else f"{done} clients"
    if decision == IssuerAlarm.State.EXPECTED:
        return f"The new issuer of {what} is expected from now on."
    are = "is" if done == 1 else "are"
    return f"{what} {are} being disabled. Find out who holds the other CA's key before you enable {'it' if done == 1 else 'them'} again."


@require_safe
def connection_detail(request: PageRequest, pk: int, cursor: int) -> HttpResponse:
    """One attempt with every step of its decision."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    attempt = attempt_at(namespace, cursor)
    if attempt is None:
        raise Http404("There is no such connection attempt, or it is older than what is kept.")
    clients = Client.visible_to(namespace.sight).present()
    context = namespace_context(
        request,
        namespace,
        attempt=attempt,
        decision=decision_of(attempt),
        broker_step=broker_step(attempt),
        share_page=attempt_page(),
        revoked=revocation_of(namespace, attempt.thumbprint),
        has_client=bool(attempt.client_name) and clients.filter(name=attempt.client_name).exists(),
    )
    return render_page(request, "namespaces/connection_detail.html", context, partial="trace")


@require_safe
def connection_csv(request: PageRequest, pk: int) -> StreamingHttpResponse:
    return connection_export(request, pk, "csv")


@require_safe
def connection_export(request: PageRequest, pk: int, ending: str) -> StreamingHttpResponse:
    """Download every attempt that matches the filter, not only those that the page shows."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    asked = AttemptFilter.from_query(request.GET, at=timezone.now())
    attempts = listed_attempts(namespace, asked).defer("record")
    rows = without_hidden_names(namespace, attempts.iterator(ROWS_AT_ONCE))
    stem = f"{namespace.name}-connections"
    return row_file(request, ending, stem, rows, EXPORTED, count=attempts.order_by().count)


def _verdict(attempt: ConnectionAttempt) -> str:
    return verdict_on("" if attempt.accepted else attempt.code or OTHER)


EXPORTED = {
    "at": RowColumn("When (UTC)", attrgetter("at")),
    "verdict": RowColumn("Verdict", lambda attempt: VERDICTS[_verdict(attempt)], _verdict),
    "code": RowColumn("Code", attrgetter("code")),
    "reason": RowColumn("Reason", attrgetter("reason")),
    "client_name": RowColumn("Client name", attrgetter("client_name")),
    "user_name": RowColumn("MQTT user name", attrgetter("user_name")),
    "session_name": RowColumn("Session name", attrgetter("session_name")),
    "protocol": RowColumn("Protocol", attrgetter("protocol")),
    "subject": RowColumn("Certificate subject", attrgetter("subject")),
    "issuer": RowColumn("Certificate issuer", attrgetter("issuer")),
    "thumbprint": RowColumn("Thumbprint (SHA-256)", attrgetter("thumbprint")),
    "ca_name": RowColumn("CA certificate", attrgetter("ca_name")),
    "caller": RowColumn("Address", attrgetter("caller")),
}
