"""What differs in Azure is shown on the row itself, not only on the page of differences."""

import re

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Client, Namespace
from sync.models import Finding
from tests.support.database.factories import PASSWORD, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def namespace() -> Namespace:
    return make_namespace(contributor=make_user("ada"))


def differs(namespace: Namespace, state: str = "open") -> Finding:
    row = make_client(namespace, "press-1")
    now = timezone.now()
    return Finding.objects.create(
        kind=row.kind,
        scope=namespace.pk,
        name=row.name,
        object_pk=row.pk,
        drift=Finding.Class.CHANGED,
        state=state,
        found_at=now,
        seen_at=now,
    )


@pytest.mark.parametrize("page", ["client_list", "client_detail", "client_update", "client_states"])
def test_a_row_that_differs_says_so_and_leads_to_the_difference(
    client: Browser, namespace: Namespace, page: str
) -> None:
    finding = differs(namespace)
    client.login(username="ada", password=PASSWORD)
    name = ["press-1"] if page in {"client_detail", "client_update"} else []
    url = reverse(f"namespaces:{page}", args=[namespace.pk, *name])
    text = client.get(url, {"row": str(finding.object_pk)}).content.decode()
    assert "data-differs" in text
    assert reverse("sync:drift_detail", args=[namespace.pk, finding.pk]) in text


@pytest.mark.parametrize("page", ["client_list", "client_detail", "client_states"])
def test_a_change_that_was_refused_over_a_difference_leads_to_it(
    client: Browser, namespace: Namespace, page: str
) -> None:
    finding = differs(namespace)
    Client.objects.update(generation=2, parked_code="ChangedInAzure", parked_message="Keep yours, or take Azure's.")
    client.login(username="ada", password=PASSWORD)
    name = ["press-1"] if page == "client_detail" else []
    url = reverse(f"namespaces:{page}", args=[namespace.pk, *name])
    text = client.get(url, {"row": str(finding.object_pk)}).content.decode()
    assert reverse("sync:drift_detail", args=[namespace.pk, finding.pk]) in text


def test_an_ignored_difference_does_not_mark_the_row(client: Browser, namespace: Namespace) -> None:
    differs(namespace, "ignored")
    client.login(username="ada", password=PASSWORD)
    page = client.get(reverse("namespaces:client_list", args=[namespace.pk])).content.decode()
    assert "Differs" not in page.partition("<tbody>")[2]


def test_the_overview_counts_differences_and_says_what_to_do(client: Browser, namespace: Namespace) -> None:
    differs(namespace)
    client.login(username="ada", password=PASSWORD)
    text = client.get(reverse("namespaces:namespace_overview", args=[namespace.pk])).content.decode()
    assert "NextStep(" not in text
    assert 'data-health="differs"' in text
    assert re.search(r'data-rejected="0" data-waiting="0"\s+data-differing="1"', text)
    assert reverse("sync:drift_list", args=[namespace.pk]) in text
