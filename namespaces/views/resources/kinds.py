"""A type of resource, such as clients or CA certificates: what differs on its pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.text import capfirst

from namespaces.forms.base import ResourceForm
from namespaces.models import Namespace
from namespaces.pages.lists import Listing
from portal.pages.articles import article_url
from portal.web.csv_files import CsvColumn
from portal.web.responses import PageRequest
from sync.models import SyncedModel

Tab = tuple[str, str]  # the action in the url name, or the whole url name; and the label
ROW_TABS: tuple[Tab, ...] = (
    ("detail", "Properties"),
    ("activity", "Activity"),
    ("json", "JSON view"),
    ("commands", "az commands"),
)
ACTIONS = ("list", "states", "detail", "update", "delete", "team", "retry", "activity", "json", "commands")


@dataclass(frozen=True)
class DrawnTab:
    """A tab of a resource's page with its address; `note` follows the label."""

    action: str
    label: str
    url: str
    note: str


def _no_context(row: Any) -> dict[str, Any]:
    return {}


def _back_to_list(request: PageRequest, row: Any) -> str:
    return ""


def _no_detail_context(request: PageRequest, row: Any) -> dict[str, Any]:
    return {}


def _no_form_context(request: PageRequest, namespace: Namespace, form: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Kind:
    """One type of resource. Everything that its pages do not share with those of the other types is listed here.

    `stem` begins the names of its urls and templates, `app` is where both live. The callables: `form` makes the form
    to create (row None) or update a resource; `create`, `update` and `delete` are the actions; `draft` makes the form
    again as typed, with one row added or removed.
    """

    stem: str
    listing: Listing
    icon: str
    title: str
    noun: str
    intro: str
    empty: str
    next_step: str
    form: Callable[[PageRequest, Namespace, Any, QueryDict | None], ResourceForm]
    create: Callable[..., SyncedModel]
    update: Callable[..., object]
    delete: Callable[..., object]  # of the actor, the row and what was posted; `opened` is the edition asked about
    app: str = "namespaces"
    create_action: str = "create"
    update_title: str = ""
    article: str = ""  # the name of Microsoft's article about it
    search_label: str = ""
    samples_text: str = ""  # leads to the sample certificates where the list is empty
    pages: tuple[str, ...] = ()  # actions beside the common ones that templates link to
    tabs: tuple[Tab, ...] = ROW_TABS
    form_templates: tuple[str, str] = ("namespaces/resource_form.html", "namespaces/resource_form.html")
    form_is_pane: bool = True
    checked_fields: tuple[str, ...] = ("name",)
    after_update: str = "detail"
    after_create: Callable[[PageRequest, Any], str] = (
        _back_to_list  # the address that follows a new row; "" is the list
    )
    draft: Callable[[PageRequest, Namespace, Any], tuple[ResourceForm, dict[str, Any]]] | None = None
    row_context: Callable[[Any], dict[str, Any]] = _no_context  # for every page of one resource
    detail_context: Callable[[PageRequest, Any], dict[str, Any]] = (
        _no_detail_context  # for its first page and before it is deleted
    )
    form_context: Callable[[PageRequest, Namespace, Any], dict[str, Any]] = _no_form_context
    is_in_use: Callable[[Any, dict[str, Any]], bool] = lambda row, context: False  # its name is typed to delete it
    exported: Mapping[str, CsvColumn] = field(default_factory=dict)  # the columns of its files, by heading
    extras: Mapping[str, str] = field(default_factory=dict)  # templates for the places that few types fill

    @property
    def model(self) -> type[SyncedModel]:
        return self.listing.model

    @property
    def name(self) -> str:
        return capfirst(str(self.model._meta.verbose_name))

    @property
    def article_url(self) -> str:
        return article_url(self.article)

    @property
    def create_label(self) -> str:
        return f"{capfirst(self.create_action)} {self.noun}"

    @property
    def update_label(self) -> str:
        return self.update_title or f"Update {self.noun}"

    @property
    def button(self) -> str:
        return capfirst(self.noun)

    @property
    def filter_label(self) -> str:
        return self.search_label or f"Filter {self.title.lower()}"

    @property
    def opens_form(self) -> bool:
        """Return whether a name in the list leads to the form, where the person may change the row."""
        return not self.form_is_pane

    @property
    def form_partial(self) -> str:
        return "pane" if self.form_is_pane else "form"

    def count_of(self, number: int) -> str:
        """Return a number of them in words, such as "1 client" or "2,500 clients"."""
        return f"{number:,} {self.noun}{'' if number == 1 else 's'}"

    def url(self, action: str) -> str:
        """Return the url name of one of its pages."""
        return f"{self.app}:{self.stem}_{action}"

    @property
    def urls(self) -> dict[str, str]:
        """Return the url names of its pages by action."""
        drafts = ("create_draft", "update_draft") if self.draft is not None else ()
        files = ("csv", "export") if self.exported else ()
        columns = ("columns",) if self.listing.may_choose_columns else ()
        check = ("check_name",) if self.checked_fields == ("name",) else ("create_check",)
        names = {action: self.url(action) for action in (*ACTIONS, *check, *drafts, *files, *columns, *self.pages)}
        return {**names, "create": self.url(self.create_action)}

    def tabs_of(self, row: Any, notes: Mapping[str, str]) -> list[DrawnTab]:
        """Return the tabs of a resource's page. An action with a colon is the url name of a page of another app."""
        args = [row.scope_pk(), row.name]
        pages = {action: action if ":" in action else self.url(action) for action, _ in self.tabs}
        return [
            DrawnTab(action, label, reverse(pages[action], args=args), notes.get(action, ""))
            for action, label in self.tabs
        ]

    def template(self, part: str) -> str:
        return f"{self.app}/{self.stem}_{part}.html"

    @property
    def cells_template(self) -> str:
        return self.template("cells")

    @property
    def fields_template(self) -> str:
        return self.template("fields")

    @property
    def facts_template(self) -> str:
        return self.template("facts")

    @property
    def delete_template(self) -> str:
        return self.template("delete")
