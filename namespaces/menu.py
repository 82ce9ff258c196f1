"""What this room brings to the shell: entries of a namespace's service menu, and what its search finds."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Q
from django.urls import reverse

from namespaces.access import visible_namespaces
from namespaces.models import Client, ClientGroup, PermissionBinding, TopicSpace
from portal.models import User
from portal.registry import MenuItem, SearchHit
from sync.models import SyncedModel

MOST_HITS = 8
BROKER = "MQTT broker"
FIND_OUT = "Find out why"


def count_of(model: type[SyncedModel]) -> Callable[[int], int]:
    def count(namespace_pk: int) -> int:
        manager: Any = model._default_manager
        return int(manager.present().filter(namespace=namespace_pk).count())

    return count


MENU = (
    MenuItem("", "Overview", "house", "namespaces:namespace_overview", order=10),
    MenuItem("", "Activity log", "scroll-text", "namespaces:namespace_activity", order=20),
    MenuItem("", "Access control (IAM)", "user-cog", "namespaces:role_list", order=25),
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
    MenuItem(FIND_OUT, "Connections", "activity", "namespaces:connection_list", order=210),
    MenuItem(FIND_OUT, "Test permission", "route", "namespaces:permission_test", order=207),
)


def search_namespaces(user: User, query: str) -> Iterable[SearchHit]:
    for namespace in visible_namespaces(user).filter(name__icontains=query)[:MOST_HITS]:
        url = reverse("namespaces:namespace_overview", args=[namespace.pk])
        yield SearchHit("Namespace", namespace.name, namespace.location, url)


def search_clients(user: User, query: str) -> Iterable[SearchHit]:
    found = (
        Client.objects.present()
        .filter(Q(name__icontains=query) | Q(authentication_name__icontains=query))
        .filter(namespace__in=visible_namespaces(user))
        .select_related("namespace")
        .order_by("name")[:MOST_HITS]
    )
    for client in found:
        url = reverse("namespaces:client_detail", args=[client.namespace_id, client.name])
        subtitle = f"{client.authentication_name} in {client.namespace.name}"
        yield SearchHit("Client", client.name, subtitle, url)


def search_topic_rules(user: User, query: str) -> Iterable[SearchHit]:
    """Client groups by name and query, topic spaces by name and template, permission bindings by name."""
    searched: tuple[tuple[type[SyncedModel], str, str, str], ...] = (
        (ClientGroup, "client_group", "Client group", "query"),
        (TopicSpace, "topic_space", "Topic space", "templates"),
        (PermissionBinding, "permission_binding", "Permission binding", "name"),
    )
    for model, stem, kind, column in searched:
        manager: Any = model._default_manager
        found = manager.present().filter(Q(name__icontains=query) | Q(**{f"{column}__icontains": query}))
        mine = found.filter(namespace__in=visible_namespaces(user)).select_related("namespace").order_by("name")
        for row in mine[:MOST_HITS]:
            url = reverse(f"namespaces:{stem}_detail", args=[row.namespace_id, row.name])
            yield SearchHit(kind, row.name, f"in {row.namespace.name}", url)
