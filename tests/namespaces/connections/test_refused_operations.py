"""Publishes and subscribes that the endpoint denied come in with its log, and lead to the rule to look at."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import ConnectionAttempt, Namespace, RefusedOperation
from portal.models import User
from tests.namespaces.connections.test_connection_list import NOW
from tests.namespaces.connections.test_log_import import record
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

DENIED = "Topic name 'machines/it's/x' does not match any topic space for press-1."


@pytest.fixture
def namespace(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return make_namespace(reader=make_user("rita"))


@pytest.fixture
def rita(namespace: Namespace) -> Browser:
    return signed_in(User.objects.get(username="rita"))


def denied(
    cursor: int, *, kind: str = "publish", client: str = "press-1", ago: int = 0, **fields: Any
) -> dict[str, Any]:
    """A record of the log; `ago` in minutes."""
    return record(
        cursor,
        accepted=False,
        at=NOW - timedelta(minutes=ago),
        operationName=f"Microsoft.EventGrid/topicspaces/{kind}",
        clientName=client,
        **{"resultDescription": DENIED, "code": "not-permitted", **fields},
    )


def page_of(browser: Browser, namespace: Namespace, **asked: str) -> str:
    return unescape(
        browser.get(reverse("namespaces:refused_operation_list", args=[namespace.pk]), asked).content.decode()
    )


def test_refused_operations_are_kept_apart_from_attempts(namespace: Namespace, settings: Any) -> None:
    settings.CONNECTION_LOG_KEEP = 2
    for _ in range(2):  # the same page twice changes nothing
        ConnectionIntake().take(namespace.pk, [denied(1), denied(2, kind="subscribe"), denied(3), record(4, at=NOW)], 4)
    found = RefusedOperation.objects.order_by("cursor").values_list("cursor", "operation", "client_name")
    assert list(found) == [(2, "subscribe", "press-1"), (3, "publish", "press-1")]
    assert ConnectionAttempt.objects.count() == 1


@pytest.mark.parametrize(
    "fields", [{"resultType": "Succeeded"}, {"time": "never"}, {"operationName": "x/disconnect"}, {"cursor": "one"}]
)
def test_other_records_are_no_refused_operations(namespace: Namespace, fields: dict[str, Any]) -> None:
    ConnectionIntake().take(namespace.pk, [denied(1) | fields], 1)
    assert not RefusedOperation.objects.exists()


def test_equal_refusals_share_a_row_that_leads_to_the_rule(rita: Browser, namespace: Namespace) -> None:
    make_client(namespace, "press-1")
    ConnectionIntake().take(
        namespace.pk,
        [denied(1, ago=20), denied(2), denied(3, kind="subscribe"), denied(4, client="gone"), denied(5, ago=60 * 30)],
        5,
    )
    page = page_of(rita, namespace)
    assert sorted(re.findall(r'data-refused="(\w+)"', page)) == ["publish", "publish", "subscribe"]
    assert re.findall(r'data-repeated="(\d+)"', page) == ["2"]
    links = re.findall(r'href="([^"]*test-permission[^"]*topic=[^"]*)"', page)
    assert len(links) == 2, "none for a client that is not registered"
    assert 'data-code="no-topic-space"' in rita.get(links[0]).content.decode()
    assert page_of(rita, namespace, span="7d").count("data-refused") == 3
    assert re.findall(r'data-repeated="(\d+)"', page_of(rita, namespace, span="7d")) == ["3"]
    assert "data-refused" not in page_of(rita, namespace, q="nowhere")
    assert page_of(rita, namespace, q="gone").count("data-refused") == 1


def test_without_a_log_the_page_says_that_it_does_not_know(rita: Browser, namespace: Namespace, settings: Any) -> None:
    settings.CONNECTION_LOG_GATEWAY = ""
    assert 'data-code="no-connection-log"' in page_of(rita, namespace)
