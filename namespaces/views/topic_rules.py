"""What differs between client groups, topic spaces and permission bindings; the pages are in `resources`."""

from collections.abc import Callable
from typing import Any

from django.http import QueryDict

from namespaces.actions import topic_rules as actions
from namespaces.forms.topic_rule_draft import changed_draft
from namespaces.forms.topic_rules import ClientGroupForm, PermissionBindingForm, TopicRuleForm, TopicSpaceForm
from namespaces.models import Namespace, TopicRule
from namespaces.pages import lists
from namespaces.pages.topic_rule_effects import matches_of, operands_in, reach_of
from namespaces.rules.query_builder import OPERATORS
from namespaces.rules.topic_rules import MAX_TEMPLATES
from namespaces.views.resources.kinds import Kind
from portal.models import User
from portal.web.csv_files import CsvColumn
from portal.web.responses import PageRequest
from sync.models import STATE_COLUMNS, sync_state_of

OF_ALL = {
    "Description": CsvColumn("description"),
    "Team": CsvColumn("team__name", key="team"),
    "Sync state": CsvColumn(*STATE_COLUMNS, value=sync_state_of, key="sync_state"),
}


def _form_of(form: type[TopicRuleForm]) -> Callable[..., TopicRuleForm]:
    """Return the function that makes this form for a row, or for a new one with the values of the query string."""

    def make(request: PageRequest, namespace: Namespace, row: Any, data: QueryDict | None) -> TopicRuleForm:
        if row is None:
            initial = {name: request.GET[name] for name in form.value_names if name in request.GET}
        else:
            initial = {name: getattr(row, name) for name in (*form.value_names, "description")}
        return form(data, namespace=namespace, user=request.user, row=row, initial=initial)

    return make


def _space_form(request: PageRequest, namespace: Namespace, row: Any, data: QueryDict | None) -> TopicRuleForm:
    proposed = request.GET.getlist("templates")[:MAX_TEMPLATES]  # by a link, to be added
    templates = [*(row.templates if row is not None else ()), *proposed]
    initial = {"description": row.description} if row is not None else {}
    rows = [{"text": text} for text in templates]
    return TopicSpaceForm(data, namespace=namespace, user=request.user, row=row, initial=initial, rows=rows)


def _group_draft(request: PageRequest, namespace: Namespace, row: Any) -> tuple[TopicRuleForm, dict[str, Any]]:
    draft = changed_draft(request.POST)
    form = ClientGroupForm(initial=draft.initial, namespace=namespace, user=request.user, row=row)
    return form, {"draft": draft}


def _space_draft(request: PageRequest, namespace: Namespace, row: Any) -> tuple[TopicRuleForm, dict[str, Any]]:
    draft = changed_draft(request.POST)
    form = TopicSpaceForm(initial=draft.initial, rows=draft.rows, namespace=namespace, user=request.user, row=row)
    return form, {}


def _query_context(request: PageRequest, namespace: Namespace, form: Any) -> dict[str, Any]:
    """Return the parts that a query can be built from, and the clients that match it now."""
    query = str(form["query"].value() or "")
    matches = matches_of(namespace, query) if query else None
    return {"operands": operands_in(namespace), "operators": OPERATORS, "matches": matches}


def _reach(request: PageRequest, row: TopicRule) -> dict[str, Any]:
    return {"reach": reach_of(row)}


def _delete(actor: User, row: TopicRule, data: QueryDict, *, opened: str) -> None:
    actions.delete_topic_rule(actor, row=row, with_bindings=data.getlist("binding"), opened=opened)


def _kind(
    form: Callable[..., TopicRuleForm], commands: str = "namespaces/topic_rule_commands.html", **differs: Any
) -> Kind:
    """Return a type with what all three share. `commands` is the template of the commands above its list."""
    extras = {"list_commands": commands, "below": "namespaces/topic_rule_reach.html", **differs.pop("extras", {})}
    return Kind(form=form, delete=_delete, detail_context=_reach, extras=extras, **differs)


CLIENT_GROUPS = _kind(
    _form_of(ClientGroupForm),
    "namespaces/client_group_commands.html",
    stem="client_group",
    exported={"Group name": CsvColumn("name"), "Query": CsvColumn("query"), **OF_ALL},
    listing=lists.CLIENT_GROUP_LIST,
    icon="users",
    title="Client groups",
    noun="client group",
    article="mqtt-client-groups",
    intro="A client group holds the clients that need the same topics, found by a query on their attributes or names.",
    empty="No client group yet",
    next_step="Create one by a query on the clients' attributes, such as attributes.type = 'press'.",
    create=actions.create_client_group,
    update=lambda actor, row, **values: actions.update_client_group(actor, group=row, **values),
    draft=_group_draft,
    form_context=_query_context,
    extras={"first_row": "namespaces/client_group_first_row.html"},
)
TOPIC_SPACES = _kind(
    _space_form,
    stem="topic_space",
    exported={"Name": CsvColumn("name"), "Topic templates": CsvColumn("templates", value=" | ".join), **OF_ALL},
    listing=lists.TOPIC_SPACE_LIST,
    icon="folder-tree",
    title="Topic spaces",
    noun="topic space",
    article="mqtt-topic-spaces",
    intro="A topic space names topics by templates. Permission bindings let client groups publish or subscribe in it.",
    empty="No topic space yet",
    next_step="List the topics that belong together. Permission bindings then define which clients may use them.",
    create=actions.create_topic_space,
    update=lambda actor, row, **values: actions.update_topic_space(actor, space=row, **values),
    draft=_space_draft,
)
PERMISSION_BINDINGS = _kind(
    _form_of(PermissionBindingForm),
    stem="permission_binding",
    exported={
        "Name": CsvColumn("name"),
        "Client group name": CsvColumn("client_group_name"),
        "Topic space name": CsvColumn("topic_space_name"),
        "Permission": CsvColumn("permission"),
        **OF_ALL,
    },
    listing=lists.PERMISSION_BINDING_LIST,
    icon="key-round",
    title="Permission bindings",
    noun="permission binding",
    article="mqtt-access-control",
    intro="A permission binding lets a client group publish or subscribe in a topic space. Anything else is denied.",
    empty="No permission binding yet",
    next_step="Without one, Azure lets no client publish or subscribe. Bind a client group to a topic space.",
    create=actions.create_permission_binding,
    update=lambda actor, row, **values: actions.update_permission_binding(actor, binding=row, **values),
)
KINDS = (CLIENT_GROUPS, TOPIC_SPACES, PERMISSION_BINDINGS)
