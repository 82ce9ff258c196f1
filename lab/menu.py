"""The entries of the lab in the service menu of a namespace."""

from portal.registry import MenuItem
from sync.pages.menu import TROUBLESHOOTING

LEARN = "Learn"
DEVICE = MenuItem(LEARN, "Device", "radio", "lab:device_list", order=420)
SHARED = MenuItem(TROUBLESHOOTING, "Shared attempts", "share-2", "lab:shared_list", order=340)
SHARE_URL = "lab:share"
