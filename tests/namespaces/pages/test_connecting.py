"""The pane Connect a namespace: one of the list, or a resource id."""

import re
import uuid

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Namespace
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess
from tests.support.database.factories import PASSWORD, make_admin

pytestmark = pytest.mark.django_db(transaction=True)  # durable
CONNECT = "namespaces:namespace_connect"


@pytest.fixture
def admin(client: Browser) -> Browser:
    make_admin()
    client.login(username="admin", password=PASSWORD)
    return client


@pytest.fixture
def two(azure: EmulatorProcess) -> list[str]:
    """The resource ids of two namespaces in Azure."""
    azure.call("PUT", azure.group_id, {"location": LOCATION})
    names = [f"ns-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    paths = [f"{azure.group_id}/providers/Microsoft.EventGrid/namespaces/{name}" for name in names]
    return [azure.call("PUT", path, {"location": LOCATION})["id"] for path in paths]


def radio(page: str, resource_id: str) -> str:
    tags: list[str] = re.findall(r'<input[^>]*name="picked"[^>]*>', page)
    return next(tag for tag in tags if f'value="{resource_id}"' in tag)


def test_a_namespace_is_picked_from_the_list(admin: Browser, two: list[str]) -> None:
    """The field for a resource id stays empty, and no browser may ask for it."""
    page = admin.get(reverse(CONNECT), {"list": 1}).content.decode()
    assert "checked" not in radio(page, two[1])
    (field,) = re.findall(r'<input[^>]*name="resource_id"[^>]*>', page)
    assert "required" not in field
    answer = admin.post(reverse(CONNECT), {"picked": two[1], "resource_id": ""})
    assert answer.status_code == 302
    assert Namespace.objects.get().resource_id == two[1]
    assert "disabled" in radio(admin.get(reverse(CONNECT), {"list": 1}).content.decode(), two[1])


def test_a_pasted_resource_id_comes_first(admin: Browser, two: list[str]) -> None:
    assert admin.post(reverse(CONNECT), {"picked": two[0], "resource_id": f" {two[1]} "}).status_code == 302
    assert Namespace.objects.get().resource_id == two[1]


def test_a_choice_is_kept_beside_a_wrong_resource_id(admin: Browser, two: list[str]) -> None:
    answer = admin.post(reverse(CONNECT), {"picked": two[0], "resource_id": "plant"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "checked" in radio(page, two[0])
    assert "checked" not in radio(page, two[1])
    assert not Namespace.objects.exists()


@pytest.mark.parametrize("picked", ["", "plant", "x" * 401, "/subscriptions/x/resourceGroups/y/providers/A.B/c/z"])
def test_what_is_no_choice_is_refused_at_the_field(admin: Browser, azure: EmulatorProcess, picked: str) -> None:
    answer = admin.post(reverse(CONNECT), {"picked": picked, "resource_id": ""})
    assert answer.status_code == 422
    assert answer.context["form"].errors["resource_id"]
    assert not Namespace.objects.exists()
