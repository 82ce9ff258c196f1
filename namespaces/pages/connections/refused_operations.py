"""Publishes and subscribes that were denied to connected clients, with the rule to look at."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, Min
from django.http import QueryDict
from django.urls import reverse

from namespaces.authorization.topic_access import PUBLISHER, SUBSCRIBER
from namespaces.connections.hidden_names import texts_without_hidden_names
from namespaces.connections.periods import PERIODS, Period, period_of
from namespaces.models import Client, Namespace, RefusedOperation
from portal.listing import PAGE_SIZE, asked_text

_KIND = ("client_name", "operation", "reason", "session_name", "protocol")
# How the endpoint's sentences quote the topic; a topic may contain quotes itself.
_TOPIC = re.compile(
    r"^(?:Topic (?:name|filter)|.* may not (?:publish|subscribe) to) '(.*)'(?: does not match|: no permission)", re.S
)


@dataclass(frozen=True)
class RefusedRow:
    """What one client was denied for one reason, once or several times."""

    client_name: str
    operation: str  # a key of `RefusedOperation.Operation`
    reason: str
    session_name: str
    protocol: str
    count: int
    first_at: datetime
    last_at: datetime
    has_client: bool  # the client is still registered
    test_url: str  # of Test permission, with what was denied; "" where the log does not say it

    @property
    def label(self) -> str:
        return str(RefusedOperation.Operation(self.operation).label)


@dataclass(frozen=True)
class RefusedOperations:
    """A page of what was refused in a period."""

    namespace: Namespace
    period: Period
    search: str
    page: Page[Any]

    @property
    def periods(self) -> Iterator[tuple[Period, str]]:
        for period in PERIODS.values():
            fields = {"span": period.code, "q": self.search}
            yield period, "?" + urlencode({name: value for name, value in fields.items() if value})

    @property
    def rows(self) -> list[RefusedRow]:
        groups = list(self.page)
        clients = Client.visible_to(self.namespace.sight).present()
        names = set(clients.filter(name__in={each["client_name"] for each in groups}).values_list("name", flat=True))
        reasons = texts_without_hidden_names(self.namespace, [each["reason"] for each in groups])
        return [
            RefusedRow(
                **each | {"reason": reason},
                has_client=each["client_name"] in names,
                test_url=_test_url(self.namespace, each) if each["client_name"] in names else "",
            )
            for each, reason in zip(groups, reasons, strict=True)
        ]


def refused_operations(namespace: Namespace, query: QueryDict, *, at: datetime) -> RefusedOperations:
    """Return what was refused in the period of the query, which ends at `at`; the newest first."""
    period, search = period_of(query.get("span", "")), asked_text(query, "q")
    rows = RefusedOperation.objects.visible_to(namespace.sight).filter(at__gte=period.starts(at)[0])
    if search:
        rows = rows.filter(client_name__icontains=search) | rows.filter(reason__icontains=search)
    groups = (
        rows.order_by()
        .values(*_KIND)
        .annotate(count=Count("pk"), first_at=Min("at"), last_at=Max("at"))
        .order_by("-last_at", *_KIND)
    )
    return RefusedOperations(namespace, period, search, Paginator(groups, PAGE_SIZE).get_page(query.get("page")))


def _test_url(namespace: Namespace, group: dict[str, Any]) -> str:
    found = _TOPIC.match(group["reason"])
    if found is None:
        return ""
    permission = PUBLISHER if group["operation"] == RefusedOperation.Operation.PUBLISH else SUBSCRIBER
    asked = {"client": group["client_name"], "permission": permission, "topic": found[1]}
    return f"{reverse('namespaces:permission_test', args=[namespace.pk])}?{urlencode(asked)}"
