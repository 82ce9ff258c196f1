"""The entries of the lab in the menus."""

from lab.pages.catalogue import progress_in_words
from lab.places import has_lab
from portal.registry import MenuItem, ShellItem
from sync.pages.menu import TROUBLESHOOTING

LEARN = "Learn"
LAB = MenuItem(LEARN, "Lab", "graduation-cap", "lab:place", order=410, note=progress_in_words)
DEVICE = MenuItem(LEARN, "Device", "radio", "lab:device_list", order=420)
SHARED = MenuItem(TROUBLESHOOTING, "Shared attempts", "share-2", "lab:shared_list", order=340)
SHARE_URL = "lab:share"
HOME = ShellItem(
    LEARN,
    "Lab",
    "graduation-cap",
    "lab:home",
    order=200,
    is_shown=lambda user: has_lab(),
    note=progress_in_words,
)
