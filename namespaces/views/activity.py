"""The activity log of a namespace and of one client."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from namespaces.access import Verb, get_client, get_namespace
from namespaces.pages.history import namespace_history, object_history
from namespaces.pages.responses import PageRequest, namespace_context, render_page


@require_GET
def namespace_activity(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(request, namespace, history=namespace_history(namespace, request.GET))
    return render_page(request, "namespaces/namespace_activity.html", context, partial="grid")


@require_GET
def client_activity(request: PageRequest, pk: int, name: str) -> HttpResponse:
    client = get_client(request.user, pk, name, Verb.READ)
    history = object_history(client.kind, client.pk, request.GET)
    context = namespace_context(request, client.namespace, client=client, history=history)
    return render_page(request, "namespaces/client_activity.html", context)
