"""The list of namespaces, connecting and disconnecting one, and its Overview."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from namespaces.access import get_namespace, may_connect, not_an_administrator, visible_namespaces, with_rights
from namespaces.actions.namespaces import connect_namespace, disconnect_namespace, give_roles_back, retry_import
from namespaces.connections.attempts import has_connection_log
from namespaces.connections.mqtt_endpoints import mqtt_endpoint
from namespaces.connections.periods import SPANS
from namespaces.forms.clients import ConnectNamespaceForm
from namespaces.importing.available_namespaces import namespaces_in_azure
from namespaces.importing.runs import next_try
from namespaces.models import Namespace
from namespaces.pages.history import recent_history
from namespaces.pages.overview.attention import attention, has_accepted_any
from namespaces.pages.overview.connection_chart import connection_chart
from namespaces.pages.overview.deciding import deciding_in
from namespaces.pages.overview.expiry_chart import expiry_chart
from namespaces.pages.overview.health import EXPIRES_SOON, summarize, summarize_all
from namespaces.pages.overview.trust import trust_in
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from portal.web.responses import PageRequest, go_to, render_page
from sync.pages.throughput_chart import throughput_chart


@require_safe
def namespace_list(request: PageRequest) -> HttpResponse:
    return render_page(request, "namespaces/namespace_list.html", _list_context(request), partial="grid")


def _list_context(request: PageRequest, **more: Any) -> dict[str, Any]:
    """What the list draws, also below an open pane."""
    summaries = summarize_all(with_rights(request.user, visible_namespaces(request.user)), at=timezone.now())
    importing = any(_is_importing(summary.namespace) for summary in summaries)
    return {"summaries": summaries, "importing": importing, "may_connect": may_connect(request.user), **more}


@require_http_methods(["GET", "HEAD", "POST"])
def namespace_connect(request: PageRequest) -> HttpResponseBase:
    if not may_connect(request.user):
        raise not_an_administrator()
    form = ConnectNamespaceForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            namespace = connect_namespace(request.user, resource_id=form.cleaned_data["resource_id"])
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{namespace.name} is connected. Its resources are being imported.")
            if form.cleaned_data["roles_back"]:
                messages.info(request, give_roles_back(request.user, namespace=namespace).sentence)
            return go_to(request, "namespaces:namespace_overview", namespace.pk)
    # Without JavaScript a link asks for the list; with it, the page loads the list itself. A choice from it is kept.
    found = namespaces_in_azure() if "list" in request.GET or request.POST.get("picked") else None
    context = _list_context(request, form=form, found=found)
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/namespace_connect.html", context, partial="pane", status=status)


@require_safe
def namespace_choices(request: PageRequest) -> HttpResponse:
    """Return the namespaces that the portal's credential sees in Azure, with the connected ones marked."""
    if not may_connect(request.user):
        raise not_an_administrator()
    context = {"found": namespaces_in_azure()}
    return render_page(request, "namespaces/namespace_choices.html", context)


@require_safe
def namespace_overview(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    partial = "connections" if "span" in request.GET else ""  # another period of the chart
    return render_page(request, "namespaces/namespace_overview.html", _overview(request, namespace), partial=partial)


@require_safe
def namespace_import(request: PageRequest, pk: int) -> HttpResponse:
    """Return the facts of the Overview while an import runs; the last response does not poll again."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    return render_page(request, "namespaces/namespace_overview.html", _overview(request, namespace), partial="facts")


@require_POST
def namespace_import_retry(request: PageRequest, pk: int) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    if retry_import(request.user, namespace=namespace):
        messages.success(request, f"The import of {namespace.name} is tried again.")
    else:
        messages.info(request, f"The import of {namespace.name} has not failed.")
    return go_to(request, "namespaces:namespace_overview", pk)


def _overview(request: PageRequest, namespace: Namespace) -> dict[str, Any]:
    now = timezone.now()
    judged_at = namespace.judged_at(now)
    summary, trust = summarize(namespace, at=now), trust_in(namespace)
    connections = connection_chart(namespace, request.GET.get("span", ""), at=now)
    return namespace_context(
        request,
        namespace,
        summary=summary,
        importing=_is_importing(namespace),
        moving=_is_importing(namespace) or bool(summary.counts.waiting),
        attention=attention(summary, trust, connections, at=now, has_accepted=has_accepted_any(namespace)),
        trust=trust,
        deciding=deciding_in(namespace),
        connections=connections,
        spans=SPANS.values(),
        has_log=has_connection_log(),
        connected=None if namespace.sight.is_partial else namespace.clients_connected,  # counted over every team
        expiring=[
            ca for ca in trust.expiring(until=judged_at + EXPIRES_SOON) if ca.not_after and ca.not_after > judged_at
        ],
        expiries=expiry_chart(namespace, trust.cas, at=judged_at),
        throughput=throughput_chart(namespace.sight, at=now),
        recent=recent_history(namespace),
        endpoint=mqtt_endpoint(namespace),
        import_retried_at=next_try(namespace),
    )


def _is_importing(namespace: Namespace) -> bool:
    return namespace.import_state in {Namespace.Import.WAITING, Namespace.Import.RUNNING}


@require_http_methods(["GET", "HEAD", "POST"])
def namespace_disconnect(request: PageRequest, pk: int) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.OWN)
    if request.method == "POST":
        disconnect_namespace(request.user, namespace=namespace)
        messages.success(request, f"{namespace.name} is disconnected. Nothing has changed in Azure.")
        return go_to(request, "namespaces:namespace_list")
    context = _overview(request, namespace)
    return render_page(request, "namespaces/namespace_disconnect.html", context, partial="pane")
