"""Client groups, topic spaces and permission bindings as pages: what differs between the three stands in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.http import QueryDict

from namespaces.actions import topic_rules as actions
from namespaces.forms.topic_rules import ClientGroupForm, PermissionBindingForm, TopicRuleForm, TopicSpaceForm
from namespaces.models import ClientGroup, Namespace, PermissionBinding, TopicRule, TopicSpace
from portal.listing import Column, asked_text, page_of, sorting_of

Columns = dict[str, tuple[str, F | Lower]]
NAME = ("Name", Lower("name"))


@dataclass(frozen=True)
class Kind:
    """One of the three. `stem` begins its url names and its templates."""

    stem: str
    model: type[TopicRule]
    icon: str
    title: str
    noun: str
    intro: str
    empty: str
    next_step: str
    form: type[TopicRuleForm]
    create: Callable[..., TopicRule]
    update: Callable[..., TopicRule]
    columns: Columns
    searched: tuple[str, ...]

    def url(self, action: str) -> str:
        return f"namespaces:{self.stem}_{action}"

    @property
    def urls(self) -> dict[str, str]:
        """Url names for the templates."""
        actions = ("list", "states", "create", "detail", "update", "delete", "retry", "activity", "json", "commands")
        drafts = ("create_draft", "update_draft") if self.has_draft else ()
        return {action: self.url(action) for action in (*actions, "check_name", *drafts)}

    @property
    def has_draft(self) -> bool:
        """Whether its form can come back with one thing more or less in it."""
        return self.model is not PermissionBinding

    @property
    def rows_template(self) -> str:
        return f"namespaces/{self.stem}_cells.html"

    @property
    def fields_template(self) -> str:
        return f"namespaces/{self.stem}_fields.html"

    @property
    def facts_template(self) -> str:
        return f"namespaces/{self.stem}_facts.html"

    @property
    def button(self) -> str:
        return self.noun.capitalize()


CLIENT_GROUPS = Kind(
    "client_group",
    ClientGroup,
    "users",
    "Client groups",
    "client group",
    "A client group holds the clients that need the same topics, found by a query on their attributes or names.",
    "No client group yet",
    "Form one by what is said of the clients, such as attributes.type = 'press'.",
    ClientGroupForm,
    actions.create_client_group,
    lambda actor, row, **values: actions.update_client_group(actor, group=row, **values),
    {"name": ("Group name", Lower("name")), "query": ("Query", Lower("query"))},
    ("name", "query", "description"),
)
TOPIC_SPACES = Kind(
    "topic_space",
    TopicSpace,
    "folder-tree",
    "Topic spaces",
    "topic space",
    "A topic space names topics by templates. Permission bindings let client groups publish or subscribe in it.",
    "No topic space yet",
    "Name the topics that belong together; permission bindings then say who may use them.",
    TopicSpaceForm,
    actions.create_topic_space,
    lambda actor, row, **values: actions.update_topic_space(actor, space=row, **values),
    {"name": NAME},
    ("name", "templates", "description"),
)
PERMISSION_BINDINGS = Kind(
    "permission_binding",
    PermissionBinding,
    "key-round",
    "Permission bindings",
    "permission binding",
    "A permission binding lets a client group publish or subscribe on a topic space. What no binding allows is denied.",
    "No permission binding yet",
    "Azure lets nobody publish or subscribe without one. Bind a client group to a topic space.",
    PermissionBindingForm,
    actions.create_permission_binding,
    lambda actor, row, **values: actions.update_permission_binding(actor, binding=row, **values),
    {
        "name": NAME,
        "group": ("Client group name", Lower("client_group_name")),
        "space": ("Topic space name", Lower("topic_space_name")),
        "permission": ("Permission", F("permission")),
    },
    ("name", "client_group_name", "topic_space_name", "description"),
)
KINDS = (CLIENT_GROUPS, TOPIC_SPACES, PERMISSION_BINDINGS)


@dataclass(frozen=True)
class RuleGrid:
    """Rows of one kind as somebody wants to see them."""

    page: Page[Any]
    columns: tuple[Column, ...]
    search: str
    sort: str
    total: int
    most: int


def rule_grid(kind: Kind, namespace: Namespace, query: QueryDict) -> RuleGrid:
    search, sort = asked_text(query, "q"), sorting_of(query, kind.columns, "name")
    rows: Any = kind.model._default_manager
    everything = rows.with_findings().filter(namespace=namespace).select_related("namespace", "team")
    found = everything
    if search:
        wanted = Q()
        for column in kind.searched:
            wanted |= Q(**{f"{column}__icontains": search})
        found = everything.filter(wanted)
    order = kind.columns[sort.removeprefix("-")][1]
    ordering = order.desc() if sort.startswith("-") else order.asc()
    columns = tuple(Column(key, label, sort) for key, (label, _) in kind.columns.items())
    page = page_of(found.order_by(ordering, "pk"), query)
    return RuleGrid(page, columns, search, sort, everything.count(), actions.most_of(kind.model))


def values_of(row: TopicRule) -> dict[str, Any]:
    """What the form of an existing row starts from."""
    names = (*next(kind for kind in KINDS if kind.model is type(row)).form.value_names, "description")
    return {name: getattr(row, name) for name in names}
