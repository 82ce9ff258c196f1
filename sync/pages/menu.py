"""The entries of this app in the service menu of a namespace. Apps above put theirs into the same groups, by label."""

from portal.registry import MenuItem
from sync.pages.backlog import parked_count
from sync.pages.overview import open_findings

OPERATIONS = "Operations"
TROUBLESHOOTING = "Troubleshooting"

MENU = (
    MenuItem(OPERATIONS, "Sync", "arrow-up-down", "sync:sync_overview", order=210, count=parked_count, need="bad"),
    MenuItem(OPERATIONS, "Drift", "git-compare", "sync:drift_list", order=220, count=open_findings, need="warning"),
)
EMULATOR = MenuItem(TROUBLESHOOTING, "Emulator", "bug", "sync:emulator", order=330)
