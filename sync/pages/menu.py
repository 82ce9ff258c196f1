"""The entries of this app in the service menu of a namespace. Apps above put theirs into the same groups, by label."""

from django.utils import timezone

from portal.registry import MenuItem
from sync.pages.backlog import figures_by_scope
from sync.pages.overview import open_findings

OPERATIONS = "Operations"
TROUBLESHOOTING = "Troubleshooting"


def rejected_changes(scope_pk: int) -> int:
    """Return the number of changes in a namespace that Azure rejected."""
    found = figures_by_scope(timezone.now()).get(scope_pk)
    return found.figures.parked_count if found else 0


MENU = (
    MenuItem(OPERATIONS, "Sync", "arrow-up-down", "sync:sync_overview", order=210, count=rejected_changes, need="bad"),
    MenuItem(OPERATIONS, "Drift", "git-compare", "sync:drift_list", order=220, count=open_findings, need="warning"),
)
EMULATOR = MenuItem(TROUBLESHOOTING, "Emulator", "bug", "sync:emulator", order=330)
