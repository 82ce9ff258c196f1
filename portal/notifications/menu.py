"""The entries about outgoing messages in the service menu of the portal's home."""

from portal.models import User
from portal.notifications.webhooks.changes import manageable, may_manage_any
from portal.pages.outbox import count_open
from portal.people.menu import ADMINISTRATION
from portal.registry import ShellItem


def _count_outbox(user: User) -> int | None:
    return count_open() or None


HOME = (
    ShellItem(
        ADMINISTRATION,
        "Webhooks",
        "webhook",
        "portal:webhook_list",
        order=240,
        is_shown=may_manage_any,
        count=lambda user: manageable(user).count(),
    ),
    ShellItem(
        ADMINISTRATION,
        "Outbox",
        "mail",
        "portal:outbox_list",
        order=250,
        is_shown=lambda user: user.is_superuser,
        count=_count_outbox,
    ),
)
