"""*Who can do what here?*, for a namespace or for one of its resources."""

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from namespaces.access import get_namespace, get_resource
from namespaces.pages.who_can import who_grid
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.listing import asked_text
from portal.web.responses import PageRequest, render_page
from sync import registry
from sync.models import SyncedModel


@require_safe
def who_can(request: PageRequest, pk: int) -> HttpResponse:
    """List the people with a right here. `type` and `name` ask about one resource, such as `clients` and `press-1`."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    grid = who_grid(namespace, request.GET, _subject(request, pk))
    context = namespace_context(request, namespace, grid=grid, menu_current="namespaces:role_list")
    return render_page(request, "namespaces/who_can.html", context, partial="grid")


def _subject(request: PageRequest, pk: int) -> SyncedModel | None:
    arm_type, name = asked_text(request.GET, "type"), asked_text(request.GET, "name")
    if not arm_type:
        return None
    model = next((each for each in registry.models() if each.arm_type == arm_type), None)
    if model is None or not name:
        raise Http404("There is no such resource.")
    return get_resource(request.user, model, pk, name)
