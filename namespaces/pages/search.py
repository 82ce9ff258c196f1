"""Search of this app: pages, namespaces, clients, topic rules, and certificates that clients presented."""

import re
from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, Max, OuterRef, Q
from django.urls import reverse

from certificates.x509.serial_numbers import serials_written
from certificates.x509.thumbprints import thumbprint_digits
from namespaces.access import may_connect, rights_of, sight_of, visible_namespaces
from namespaces.models import (
    Client,
    ClientCertificate,
    ClientGroup,
    ConnectionAttempt,
    PermissionBinding,
    TopicSpace,
)
from portal.models import User
from portal.registry import SearchHit, menu_items, page_hit
from portal.templatetags.portal import thumbprint
from sync.models import SyncedModel

MOST_HITS = 8
MOST_ELSEWHERE = 3  # namespaces whose pages are found outside a namespace
FEWEST_DIGITS = 6  # of a thumbprint: fewer could also be a name


def pages(user: User, namespace_pk: int | None) -> Iterable[SearchHit]:
    """Yield the pages of the namespace that the user is in, or of the first few namespaces."""
    mine = visible_namespaces(user)
    for namespace in mine.filter(pk=namespace_pk) if namespace_pk else mine[:MOST_ELSEWHERE]:
        for item in menu_items():
            yield page_hit(item.label, f"in {namespace.name}", reverse(item.url_name, args=[namespace.pk]))
    yield page_hit("Namespaces", "all of yours", reverse("namespaces:namespace_list"))
    if user.is_superuser:
        yield page_hit("Activity log of the portal", "every entry", reverse("namespaces:portal_activity"))
    if may_connect(user):
        yield page_hit("Connect a namespace", "one that is there in Azure", reverse("namespaces:namespace_connect"))


ACTIONS: tuple[tuple[str, str, type[SyncedModel]], ...] = (
    ("Create client", "namespaces:client_create", Client),
    ("Import clients", "namespaces:client_import_files", Client),
    ("Create client group", "namespaces:client_group_create", ClientGroup),
    ("Create topic space", "namespaces:topic_space_create", TopicSpace),
    ("Create permission binding", "namespaces:permission_binding_create", PermissionBinding),
)


def actions(user: User, namespace_pk: int | None) -> Iterable[SearchHit]:
    """Yield what the user may create in the namespace that the user is in, or in the first few namespaces."""
    yield from actions_on(user, namespace_pk, ACTIONS)


def actions_on(
    user: User, namespace_pk: int | None, offered: Iterable[tuple[str, str, type[SyncedModel]]]
) -> Iterable[SearchHit]:
    """Yield the actions (label, URL name and what it changes) that the user's rights allow."""
    mine = visible_namespaces(user)
    for namespace in mine.filter(pk=namespace_pk) if namespace_pk else mine[:MOST_ELSEWHERE]:
        rights = rights_of(user, namespace)
        for label, url_name, model in offered:
            if rights.reach(model):
                yield SearchHit("Action", label, f"in {namespace.name}", reverse(url_name, args=[namespace.pk]))


def thumbprint_prefix(query: str) -> str:
    """Return the query as the first digits of a thumbprint, or "" if it cannot be one."""
    digits = thumbprint_digits(query)
    return digits if re.fullmatch(rf"[0-9a-f]{{{FEWEST_DIGITS},64}}", digits) else ""


def search_shown_certificates(user: User, query: str) -> Iterable[SearchHit]:
    """Certificates of clients by thumbprint: those of registered ones, and those that only tried to connect."""
    digits = thumbprint_prefix(query)
    if not digits:
        return
    begins: Any = {"thumbprint__gte": digits, "thumbprint__lte": digits + "f" * (64 - len(digits))}  # by the index
    sight = sight_of(user)
    named = {"namespace": OuterRef("namespace"), "name": OuterRef("client_name")}
    registered = Client.visible_to(sight).present().filter(**named)
    shown = ClientCertificate.objects.visible_to(sight).filter(Exists(registered), **begins)
    found = list(shown.select_related("namespace").order_by("-seen_at")[:MOST_HITS])
    for row in found:
        url = reverse("namespaces:client_detail", args=[row.namespace_id, row.client_name])
        subtitle = f"{thumbprint(row.thumbprint, 'short')}, shown in {row.namespace.name}"
        yield SearchHit("Client certificate", row.client_name, subtitle, url)
    tried = ConnectionAttempt.objects.visible_to(sight).filter(**begins)
    tried = tried.exclude(thumbprint__in=[row.thumbprint for row in found]).order_by()
    newest = tried.values("namespace", "thumbprint").annotate(newest=Max("pk")).order_by("-newest")[:MOST_HITS]
    attempts = ConnectionAttempt.objects.visible_to(sight).filter(pk__in=[row["newest"] for row in newest])
    for attempt in attempts.select_related("namespace").order_by("-pk"):
        url = reverse("namespaces:connection_detail", args=[attempt.namespace_id, attempt.cursor])
        title = attempt.client_name or attempt.user_name or "Without a name"
        subtitle = f"{thumbprint(attempt.thumbprint, 'short')}, tried to connect in {attempt.namespace.name}"
        yield SearchHit("Connection", title, subtitle, url)


def search_namespaces(user: User, query: str) -> Iterable[SearchHit]:
    for namespace in visible_namespaces(user).filter(name__icontains=query)[:MOST_HITS]:
        url = reverse("namespaces:namespace_overview", args=[namespace.pk])
        yield SearchHit("Namespace", namespace.name, namespace.location, url)


def search_clients(user: User, query: str) -> Iterable[SearchHit]:
    """By name, authentication name, serial number of the latest certificate, and a thumbprint that is registered."""
    digits = thumbprint_prefix(query)
    registered = Q(thumbprints__icontains=digits) if digits else Q()
    registered |= Q(certificate_serial__in=serials_written(query))
    found = (
        Client.visible_to(sight_of(user))
        .present()
        .filter(Q(name__icontains=query) | Q(authentication_name__icontains=query) | registered)
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
        mine = model.visible_to(sight_of(user)).present().select_related("namespace").order_by("name")
        mine = mine.filter(Q(name__icontains=query) | Q(**{f"{column}__icontains": query}))
        for row in mine[:MOST_HITS]:
            url = reverse(f"namespaces:{stem}_detail", args=[row.namespace_id, row.name])
            yield SearchHit(kind, row.name, f"in {row.namespace.name}", url)
