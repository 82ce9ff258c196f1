"""Lost updates: a form was opened before another person's edit. What was typed is kept, and the user chooses.

A form carries the edition of its row in the hidden field `generation`. The action compares it inside its transaction.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import QueryDict

from namespaces.actions.resources import ChangedMeanwhile
from namespaces.rules.errors import RuleError
from portal.web.responses import PageRequest
from sync.models import SyncedModel
from sync.models.editions import is_edition
from sync.pages.changes_since import MINE, THEIRS, FieldChange, changes_since

FIELD = "generation"
RESOLVE = "resolve"  # "mine": take all of mine; "chosen": as chosen for each field
CHOICE = "choice-"  # before the name of a field
CHANGED = 409
_OWN = ("csrfmiddlewaretoken", FIELD, RESOLVE)

NO_GENERATION = RuleError(
    "",
    "no-generation",
    "This form does not say which version it was opened with, so nothing was saved. Check the values, then save again.",
)


def opened_with(request: PageRequest, row: SyncedModel) -> str:
    """Return the edition that the form was opened with: the posted one, or that of the row where none was posted."""
    return posted_edition(request) or row.edition


def posted_edition(request: PageRequest) -> str:
    """Return the posted edition; "" where it is missing or malformed."""
    posted = request.POST.get(FIELD, "")
    return posted if is_edition(posted) else ""


def edition_to_check(request: PageRequest) -> str:
    """Return the posted edition for an action. Raise RuleError where it is missing or malformed."""
    posted = posted_edition(request)
    if not posted:
        raise NO_GENERATION
    return posted


def is_resolving(request: PageRequest) -> bool:
    """Return whether the user answers the question what to keep."""
    return RESOLVE in request.POST


def chosen_values(request: PageRequest, row: SyncedModel, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the typed values, with theirs for the fields where the user chose so. Raise ChangedMeanwhile.

    A row that changed again after the choice has another edition than the one posted, which the action notices.
    """
    if request.POST.get(RESOLVE) != "chosen":
        return dict(values)
    now, choices = row.describe(), _choices(request.POST)
    if any(name in values and values[name] != now[name] and name not in choices for name in now):
        raise ChangedMeanwhile(row)
    return {name: now[name] if choices.get(name) == THEIRS and name in now else value for name, value in values.items()}


def conflict(request: PageRequest, row: SyncedModel, values: Mapping[str, Any], *, problem: str = "") -> dict[str, Any]:
    """Return the context of the page that lets the user choose: the changes, and what was typed.

    `problem`: why what was chosen cannot be saved.
    """
    choices = _choices(request.POST)
    before = str(request.POST.get("opened") or request.POST.get(FIELD, ""))
    changes = changes_since(row, before if is_edition(before) else row.edition, mine=values, chosen=choices)
    if request.POST.get(RESOLVE) == "chosen" and not problem:
        changes = replace(changes, fields=[_demanded(each) for each in changes.fields])
    return {
        "changes": changes,
        "typed": _typed(request.POST),
        "opened": row.edition,
        "before": before,
        "problem": problem,
    }


def deletion_conflict(request: PageRequest, changed: ChangedMeanwhile) -> dict[str, Any]:
    """Return the context that shows, before a deletion, what changed since its question was opened."""
    return {"changes": changes_since(changed.row, posted_edition(request)), "opened": changed.row.edition}


def _demanded(change: FieldChange) -> FieldChange:
    if change.may_choose and not change.choice:
        return replace(change, problem="Choose one of the two.")
    return change


def _choices(data: QueryDict) -> dict[str, str]:
    chosen = {name.removeprefix(CHOICE): str(data[name]) for name in data if name.startswith(CHOICE)}
    return {name: choice for name, choice in chosen.items() if choice in (MINE, THEIRS)}


def _typed(data: QueryDict) -> list[tuple[str, str]]:
    """Return what the form posted, to be posted again."""
    return [
        (name, value)
        for name, values in data.lists()
        if name not in (*_OWN, "opened") and not name.startswith(CHOICE)
        for value in values
    ]
