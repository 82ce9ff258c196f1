"""Try it: how to connect as one client, and its attempts as they happen."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from namespaces.access import Verb, get_client
from namespaces.attempts import has_connection_log, watch
from namespaces.endpoints import mqtt_endpoint
from namespaces.pages import PageRequest, namespace_context, render_page
from namespaces.topic_reach import topic_to_try
from namespaces.trying import Trial, programs


@require_GET
def client_try(request: PageRequest, pk: int, name: str) -> HttpResponse:
    """Programs with host, port, files and user name filled in; below them what the endpoint said to this client."""
    client = get_client(request.user, pk, name, Verb.READ)
    endpoint = mqtt_endpoint(client.namespace)
    topic, is_allowed = topic_to_try(client)
    context = namespace_context(
        request,
        client.namespace,
        client=client,
        endpoint=endpoint,
        topic=topic,
        topic_is_allowed=is_allowed,
        has_log=has_connection_log(),
        watch=watch(client.namespace, request.GET, client=client.name),
    )
    if endpoint is not None:
        trial = Trial(endpoint.host, endpoint.port, endpoint.ca, client.name, client.authentication_name, topic)
        context |= {"trial": trial, "programs": programs(trial)}
    return render_page(request, "namespaces/client_try.html", context)
