"""The rows of a list. Written in Python: as a template they took half of the time of a page of 50 clients."""

from html import escape
from typing import Any

from django import template
from django.template.context import RequestContext
from django.template.loader import get_template
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from namespaces.templatetags.client_cells import client_cells
from portal.templatetags.drawn_icons import lucide
from portal.templatetags.portal import status_mark
from portal.web.invisible_characters import named

register = template.Library()

LONGEST_DESCRIPTION = 80  # characters
_AGAINST_RULES = status_mark("Against our rules", "warning")


@register.simple_tag(takes_context=True)
def resource_rows(context: RequestContext) -> SafeString:
    """Return the rows of the page of `grid`. Context: namespace, kind, urls, grid (its rows with may_change), may_contribute;
    has_boxes and ticked where rows have a box to tick.
    """
    rows = _Rows(context)
    return SafeString("".join(rows.drawn(row) for row in context["grid"].page))


@register.simple_tag
def chip_options(chip: Any) -> SafeString:
    """Return the options of a filter, of which a large namespace has hundreds: teams, issuers, CA certificates."""
    label, chosen = escape(chip.label), chip.value
    options = [
        f'<option value="{escape(str(value))}"{" selected" if value == chosen else ""}>{label}: {_shown(text)}</option>'
        for value, text in chip.options
    ]
    return SafeString(f'<option value="">{label}: all</option>{"".join(options)}')


def _shown(text: object) -> str:
    """Return text as HTML, with its invisible characters shown."""
    return escape(named(str(text)))


class _Rows:
    """What the rows of one page have in common. All that they show is escaped here, or by a template."""

    def __init__(self, context: RequestContext) -> None:
        self.context = context
        self.kind, self.grid = context["kind"], context["grid"]
        self.urls, self.namespace = context["urls"], context["namespace"]
        self.list_url = reverse(self.urls["list"], args=[self.namespace.pk])
        self.may_contribute = bool(context.get("may_contribute"))
        self.has_boxes = bool(context.get("has_boxes"))
        self.ticked = frozenset(context.get("ticked") or ())
        self.bin = lucide("trash-2", size=16, **{"class": "icon", "aria_hidden": "true"})
        self.lock = lucide("lock", size=12, **{"class": "icon", "aria_hidden": "true"})

    def drawn(self, row: Any) -> str:
        name = escape(row.name)
        may_change = row.may_change and not row.deleted_at
        return (
            f'<tr id="row-{row.pk}" data-row="{name}">{self._box(row, name, may_change) if self.has_boxes else ""}'
            f"<td>{self._name(row, name, may_change)}</td>{self._cells(row)}<td>{self._state(row)}</td>"
            f"{self._commands(name, may_change) if self.may_contribute else ''}</tr>\n"
        )

    def _box(self, row: Any, name: str, may_change: bool) -> str:
        if not may_change:
            return "<td></td>"
        checked = " checked" if str(row.pk) in self.ticked else ""
        return (
            f'<td><label class="tick"><input type="checkbox" form="change-clients" name="client" value="{row.pk}"{checked}'
            f' aria-label="Choose {name}"></label></td>'
        )

    def _name(self, row: Any, name: str, may_change: bool) -> str:
        to = "update/" if self.kind.opens_form and may_change else ""
        parts = [f'<a class="name" href="{escape(self.list_url)}{name}/{to}">{name}</a>']
        if ask := _shown(getattr(row, "whom_to_ask", "")):
            parts.append(f' <span class="others-row" title="{ask}" data-whom-to-ask>')
            parts.append(
                f'{self.lock if self.may_contribute else ""} <span class="visually-hidden">{ask}</span></span>'
            )
        if description := named(getattr(row, "description", "")):
            text, short = escape(description), escape(Truncator(description).chars(LONGEST_DESCRIPTION))
            parts.append(f' <span class="second" title="{text}">{short}</span>')
        if row.team and not self.grid.has_team_column:
            parts.append(f' <span class="second">{_shown(row.team.name)}</span>')
        if notes := _shown(" ".join(getattr(row, "rule_notes", ()))):
            parts.append(f' <span class="second" data-rule-notes>{_AGAINST_RULES} {notes}</span>')
        return "".join(parts)

    def _cells(self, row: Any) -> str:
        if self.kind.stem == "client":
            return client_cells(row, self.grid.hidden, self.context.get("now"))
        return self._with_template(self.kind.cells_template, row=row)

    def _state(self, row: Any) -> str:
        state = row.sync_state
        if not (row.parked_code or row.finding_pk or row.waits_for or row.last_error):
            return f'<span id="state-{row.pk}" data-state="{escape(state)}">{status_mark(state)}</span>'
        args = [self.namespace.pk, row.name]
        urls = {f"{action}_url": reverse(self.urls[page], args=args) for action, page in _STATE_URLS}
        return self._with_template("namespaces/sync_state.html", row=row, may_contribute=row.may_change, **urls)

    def _commands(self, name: str, may_change: bool) -> str:
        if not may_change:
            return "<td></td>"
        url = f"{escape(self.list_url)}{name}/delete/"
        return (
            f'<td><a class="icon-button" href="{url}" hx-get="{url}" hx-target="#pane" title="Delete">{self.bin}'
            f'<span class="visually-hidden">Delete {name}</span></a></td>'
        )

    def _with_template(self, name: str, **values: Any) -> str:
        found: Any = get_template(name)
        with self.context.push(**values):
            return str(found.template.render(self.context))


_STATE_URLS = (("edit", "update"), ("retry", "retry"))
