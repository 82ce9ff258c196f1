"""*Try it*: how to connect as one client, and what it does, live."""

from django.http import Http404, HttpResponse, QueryDict
from django.views.decorators.http import require_safe

from namespaces.access import get_client
from namespaces.connections.attempts import has_connection_log, watch_client
from namespaces.connections.live_state import live_of
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.connections.sample_programs import Trial, programs
from namespaces.models import Client
from namespaces.pages.topic_rule_effects import filter_to_try, topic_to_try
from namespaces.registry import device_page
from namespaces.rights import Verb
from namespaces.views.clients import CLIENTS
from namespaces.views.resources.pages import row_context
from portal.web.responses import PageRequest, render_page


@require_safe
def client_try(request: PageRequest, pk: int, name: str) -> HttpResponse:
    """Sample programs with host, port, files and user name filled in; below them, what the client does now."""
    client = get_client(request.user, pk, name, Verb.READ)
    endpoint = mqtt_endpoint(client.namespace)
    topic, is_allowed = topic_to_try(client)
    context = row_context(
        request,
        client,
        CLIENTS,
        tab="try",
        client=client,
        endpoint=endpoint,
        topic=topic,
        topic_is_allowed=is_allowed,
        live=live_of(client, QueryDict()),
        has_log=has_connection_log(),
        device_page=device_page() if client.namespace.rights.reach(Client) else "",
        watch=watch_client(client.namespace, client.name),
    )
    if endpoint is not None:
        trial = Trial(
            endpoint.host,
            endpoint.port,
            endpoint.ca,
            client.name,
            client.authentication_name,
            topic,
            filter_to_try(client),
        )
        context |= {"trial": trial, "programs": programs(trial)}
    return render_page(request, "namespaces/client_try.html", context)


@require_safe
def client_live(request: PageRequest, pk: int, name: str) -> HttpResponse:
    """Return what the client does now, for htmx to swap in; 204 while nothing has changed."""
    client = get_client(request.user, pk, name, Verb.READ)
    live = live_of(client, request.GET)
    if live is None:
        raise Http404("Azure does not report what a client is doing.")
    if live.fingerprint == request.GET.get("seen") and not live.is_over:
        return HttpResponse(status=204)
    is_news = live.said_mark != request.GET.get("said")
    context = row_context(request, client, CLIENTS, client=client, live=live, is_news=is_news)
    return render_page(request, "namespaces/client_live.html", context)
