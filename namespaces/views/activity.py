"""The activity log of a namespace."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from namespaces.access import Verb, get_namespace
from namespaces.pages.history import namespace_history
from namespaces.views.context import namespace_context
from portal.web.responses import PageRequest, render_page


@require_GET
def namespace_activity(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(request, namespace, history=namespace_history(namespace, request.GET))
    return render_page(request, "namespaces/namespace_activity.html", context, partial="grid")
