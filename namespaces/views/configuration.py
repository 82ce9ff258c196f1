"""Configuration of a namespace: the MQTT broker, sources of authentication names, sessions."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from namespaces.access import get_configuration, get_namespace, may
from namespaces.actions.configuration import update_configuration
from namespaces.actions.resources import ChangedMeanwhile
from namespaces.forms.configuration import ConfigurationForm
from namespaces.models import PREVIEW, Namespace, NamespaceConfiguration
from namespaces.pages.az_commands import namespace_commands
from namespaces.pages.history import object_history
from namespaces.pages.json_view import json_view_of
from namespaces.pages.recreation.parts import namespace_part
from namespaces.pages.sync_polling import poll_of, states_asked_for
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.resources.conflicts import (
    CHANGED,
    chosen_values,
    conflict,
    edition_to_check,
    is_resolving,
    opened_with,
)
from namespaces.views.resources.pages import retried
from namespaces.views.resources.progress import Subject, announce_of, notice_of
from portal.web.responses import PageRequest, go_to, render_page
from sync.models import SyncedModel

HOME = "namespaces:configuration_detail"
NOT_READ_YET = "The settings of this namespace have not been read yet."


@require_http_methods(["GET", "HEAD", "POST"])
def configuration_detail(request: PageRequest, pk: int) -> HttpResponseBase:
    """The settings; a contributor's form to change them."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE if request.method == "POST" else Verb.READ)
    row = get_configuration(namespace)
    if row is None:
        return _not_read_yet(request, pk)
    posted = request.POST if request.method == "POST" else None
    proposed = request.GET.get("source", "") if may(request.user, namespace, Verb.CONTRIBUTE) else ""
    form = ConfigurationForm.of(row, posted, source=proposed)
    if form.is_valid():
        values = form.values()
        try:
            opened = edition_to_check(request)
            update_configuration(request.user, configuration=row, **chosen_values(request, row, values), opened=opened)
        except ChangedMeanwhile as changed:
            return _conflict_page(request, namespace, changed.row, values)
        except RuleError as refusal:
            if is_resolving(request):
                return _conflict_page(request, namespace, row, values, problem=refusal.sentence)
            form.refuse(refusal)
        else:
            announce_of(request, _subject(pk), row.pk, "update")
            return go_to(request, HOME, pk)
    opened = opened_with(request, row)
    context = namespace_context(request, namespace, row=row, form=form, poll=poll_of([row]), opened=opened)
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/configuration_detail.html", context, status=status)


def _conflict_page(
    request: PageRequest, namespace: Namespace, row: SyncedModel, values: Mapping[str, Any], *, problem: str = ""
) -> HttpResponse:
    more = conflict(request, row, values, problem=problem)
    context = namespace_context(request, namespace, row=row, **more)
    return render_page(request, "namespaces/configuration_conflict.html", context, status=CHANGED)


def _not_read_yet(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    status = 409 if request.method == "POST" else 200
    return render_page(
        request, "namespaces/configuration_missing.html", namespace_context(request, namespace), status=status
    )


@require_safe
def configuration_states(request: PageRequest, pk: int) -> HttpResponse:
    """How far the settings have come, until they are there. For `notice`, the notification of their change."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    rows = NamespaceConfiguration.visible_to(namespace.sight).with_findings().select_related("namespace")
    if "notice" in request.GET:
        row = rows.filter(namespace=namespace).first()
        if row is None:
            raise Http404(NOT_READ_YET)
        return notice_of(request, _subject(pk), row)
    context = namespace_context(request, namespace, answer=states_asked_for(request.GET, rows))
    return render_page(request, "namespaces/configuration_states.html", context)


@require_safe
def configuration_activity(request: PageRequest, pk: int) -> HttpResponse:
    row = _row(request, pk, Verb.READ)
    history = object_history(row, request.GET, row.namespace.sight)
    context = namespace_context(request, row.namespace, row=row, history=history)
    return render_page(request, "namespaces/configuration_activity.html", context)


@require_safe
def configuration_json(request: PageRequest, pk: int) -> HttpResponse:
    row = _row(request, pk, Verb.READ)
    context = namespace_context(request, row.namespace, row=row, json_view=json_view_of(row))
    return render_page(request, "namespaces/configuration_json.html", context)


@require_safe
def configuration_commands(request: PageRequest, pk: int) -> HttpResponse:
    row = _row(request, pk, Verb.READ)
    namespace = row.namespace
    part = namespace_part(namespace)
    whole = {**part.envelope, "properties": part.properties}
    families = namespace_commands(namespace.resource_id, namespace.location, row.body(), PREVIEW, whole)
    context = namespace_context(request, namespace, row=row, families=families)
    return render_page(request, "namespaces/configuration_commands.html", context)


@require_POST
def configuration_retry(request: PageRequest, pk: int) -> HttpResponseBase:
    row = _row(request, pk, Verb.CONTRIBUTE)
    if retried(request, row, "The configuration"):
        announce_of(request, _subject(pk), row.pk, "retry")
    return go_to(request, HOME, pk)


def _subject(pk: int) -> Subject:
    return Subject("the configuration", reverse(HOME, args=[pk]), reverse("namespaces:configuration_states", args=[pk]))


def _row(request: PageRequest, pk: int, verb: Verb) -> NamespaceConfiguration:
    row = get_configuration(get_namespace(request.user, pk, verb))
    if row is None:
        raise Http404(NOT_READ_YET)
    return row
