"""Whom a query finds, and who may publish and subscribe where: asked, not changed."""

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from namespaces.access import get_namespace
from namespaces.forms.prefill import rule_to_add_url
from namespaces.forms.topic_rule_draft import Draft, with_condition
from namespaces.forms.topic_rules import PermissionTestForm
from namespaces.models import Client
from namespaces.pages.topic_rule_effects import explain, matches_of, operands_in
from namespaces.rights import Verb
from namespaces.rules.query_builder import OPERATORS
from namespaces.views.context import namespace_context
from portal.web.responses import PageRequest, render_page


@require_safe
def query_builder(request: PageRequest, pk: int) -> HttpResponse:
    """A query, built or typed, and the clients that it finds now."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    query = request.GET.get("query", "")[:10_000]
    builder = {name: request.GET.get(name, "") for name in ("join", "operand", "operator", "value")}
    draft = Draft({"query": query}, builder)
    if "add_condition" in request.GET:
        draft = with_condition(draft.initial, builder)
    query = str(draft.initial["query"])
    matches = matches_of(namespace, query) if query.strip() else None
    context = namespace_context(
        request,
        namespace,
        draft=draft,
        query=query,
        matches=matches,
        operands=operands_in(namespace),
        operators=OPERATORS,
        menu_current="namespaces:client_group_list",
    )
    partial = next((part for part in ("matches", "answer") if part in request.GET), "builder")
    return render_page(request, "namespaces/query_builder.html", context, partial=partial)


@require_safe
def permission_test(request: PageRequest, pk: int) -> HttpResponse:
    """May this client publish or subscribe to this topic, and why: every group, space and binding that was looked at."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    asked = "topic" in request.GET
    form = PermissionTestForm(request.GET if asked else None, initial={"client": request.GET.get("client", "")})
    explained = None
    if form.is_valid():
        name = form.cleaned_data["client"]
        client = Client.visible_to(namespace.sight).present().named(name).first()
        if client is None:
            sentence = f"There is no client “{name}” in this namespace."
            form.add_error("client", ValidationError(sentence, code="unknown"))
        else:
            client.namespace = namespace
            explained = explain(client, form.cleaned_data["topic"], form.cleaned_data["permission"])
    to_add = rule_to_add_url(explained) if explained and not explained.explanation.access.allowed else ""
    seen = Client.visible_to(namespace.sight).present()
    names = seen.order_by("name").values_list("name", flat=True)[:200]
    context = namespace_context(request, namespace, form=form, explained=explained, to_add=to_add, names=names)
    status = 422 if asked and explained is None else 200
    return render_page(request, "namespaces/permission_test.html", context, partial="answer", status=status)
