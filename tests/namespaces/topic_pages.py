"""A browser that is signed in where a group, a space and a binding are: for the pages of topic rules."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from namespaces.models import Namespace
from tests.support.database.factories import (
    PASSWORD,
    make_client,
    make_client_group,
    make_namespace,
    make_permission_binding,
    make_topic_space,
    make_user,
)


@pytest.fixture
def namespace() -> Namespace:
    namespace = make_namespace(contributor=make_user("ada"), reader=make_user("rea"))
    make_client(namespace, "press-07", attributes={"type": "press", "floor": 7})
    make_client(namespace, "robot-1", attributes={"type": "robot"})
    make_client_group(namespace)
    make_topic_space(namespace)
    make_permission_binding(namespace)
    return namespace


@pytest.fixture(autouse=True)
def _signed_in(client: Browser, namespace: Namespace) -> None:
    client.login(username="ada", password=PASSWORD)


def at(namespace: Namespace, name: str, *args: str) -> str:
    return reverse(f"namespaces:{name}", args=[namespace.pk, *args])


def text(answer: Any) -> str:
    """What one reads, without the tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))
