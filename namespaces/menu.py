"""What this room brings to the shell: entries of a namespace's service menu, and what its search finds."""

from collections.abc import Iterable

from django.db.models import Q
from django.urls import reverse

from namespaces.access import visible_namespaces
from namespaces.models import Client
from portal.models import User
from portal.registry import MenuItem, SearchHit

MOST_HITS = 8
BROKER = "MQTT broker"
FIND_OUT = "Find out why"


def count_clients(namespace_pk: int) -> int:
    return int(Client.objects.present().filter(namespace=namespace_pk).count())


MENU = (
    MenuItem("", "Overview", "house", "namespaces:namespace_overview", order=10),
    MenuItem("", "Activity log", "scroll-text", "namespaces:namespace_activity", order=20),
    MenuItem(BROKER, "Clients", "monitor-smartphone", "namespaces:client_list", order=120, count=count_clients),
    MenuItem(FIND_OUT, "Connections", "activity", "namespaces:connection_list", order=210),
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
