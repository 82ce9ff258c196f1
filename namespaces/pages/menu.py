"""The entries of this app in the service menu of a namespace."""

from collections.abc import Callable

from namespaces.access import visible_namespaces
from namespaces.control.visibility import open_count
from namespaces.models import Client, ClientGroup, PermissionBinding, TopicSpace
from namespaces.pages.connections.issuer_alarms import open_alarms
from portal.registry import MenuItem, ShellItem
from sync.models import Sight, SyncedModel
from sync.pages.menu import OPERATIONS, TROUBLESHOOTING

BROKER = "MQTT broker"


def count_of(model: type[SyncedModel]) -> Callable[[Sight], int]:
    def count(sight: Sight) -> int:
        return model.visible_to(sight).present().count()

    return count


HOME = ShellItem(
    "",
    "Namespaces",
    "network",
    "namespaces:namespace_list",
    order=10,
    count=lambda user: visible_namespaces(user).count(),
)
MENU = (
    MenuItem("", "Overview", "house", "namespaces:namespace_overview", order=10),
    MenuItem("", "Activity log", "scroll-text", "namespaces:namespace_activity", order=20),
    MenuItem("", "Access control (IAM)", "user-cog", "namespaces:role_list", order=25),
    MenuItem(
        "",
        "Change sets",
        "git-pull-request",
        "namespaces:change_set_list",
        order=27,
        count=open_count,
        need="warning",
    ),
    MenuItem(BROKER, "Clients", "monitor-smartphone", "namespaces:client_list", order=120, count=count_of(Client)),
    MenuItem(BROKER, "Client groups", "users", "namespaces:client_group_list", order=130, count=count_of(ClientGroup)),
    MenuItem(
        BROKER, "Topic spaces", "folder-tree", "namespaces:topic_space_list", order=140, count=count_of(TopicSpace)
    ),
    MenuItem(
        BROKER,
        "Permission bindings",
        "key-round",
        "namespaces:permission_binding_list",
        order=150,
        count=count_of(PermissionBinding),
    ),
    MenuItem(BROKER, "Configuration", "settings", "namespaces:configuration_detail", order=160),
    MenuItem(
        OPERATIONS, "Connections", "activity", "namespaces:connection_list", order=200, count=open_alarms, need="bad"
    ),
    MenuItem(OPERATIONS, "Export template", "file-down", "namespaces:template_export", order=290),
    MenuItem(TROUBLESHOOTING, "Test permission", "route", "namespaces:permission_test", order=310),
)
