"""The entries of this app in the service menu of a namespace. Apps above put theirs into the same groups, by label."""

from django.utils import timezone

from portal.registry import MenuItem
from sync.models import Sight
from sync.pages.backlog import figures_by_scope
from sync.pages.overview import open_findings

OPERATIONS = "Operations"
TROUBLESHOOTING = "Troubleshooting"


def rejected_changes(sight: Sight) -> int:
    """Return the number of changes in a namespace that Azure rejected, of those that are seen."""
    found = figures_by_scope(timezone.now(), sight)
    return sum(found[pk].figures.parked_count for pk in sight.namespaces if pk in found)


MENU = (
    MenuItem(OPERATIONS, "Sync", "arrow-up-down", "sync:sync_overview", order=210, count=rejected_changes, need="bad"),
    MenuItem(OPERATIONS, "Drift", "git-compare", "sync:drift_list", order=220, count=open_findings, need="warning"),
)
EMULATOR = MenuItem(TROUBLESHOOTING, "Emulator", "bug", "sync:emulator", order=330)
