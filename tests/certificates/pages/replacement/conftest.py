"""A namespace whose CA certificate is being replaced, its connection log, and what the page shows."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.models import CARollover
from namespaces.models import Namespace
from tests.namespaces.connections.device_log import Log
from tests.support.certificates.chains import authority
from tests.support.database.factories import (
    PASSWORD,
    make_ca_certificate,
    make_client,
    make_namespace,
    make_team,
    make_user,
)

NOW = timezone.now()
OLD, NEW, OTHER = (authority(name, at=NOW) for name in ("Old CA", "New CA", "Other CA"))
RENEWED = authority("Old CA", at=NOW + timedelta(days=20))  # the same subject and key


@pytest.fixture
def namespace(client: Browser, settings: Any) -> Namespace:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    ada = make_user("ada")
    namespace = make_namespace(contributor=ada, reader=make_user("rea"))
    line = make_team("Ada's line", ada)
    for name in ("press-1", "press-2"):
        make_client(namespace, name, team=line)
    make_ca_certificate(namespace, "old", der=OLD.der)
    client.login(username="ada", password=PASSWORD)
    return namespace


@pytest.fixture
def log(namespace: Namespace) -> Log:
    return Log(namespace, OLD, NEW, OTHER, began=timezone.now() + timedelta(seconds=1))


def page(browser: Browser, **query: str) -> str:
    url = reverse("certificates:ca_certificate_replace", args=[Namespace.objects.get().pk, "old"])
    return browser.get(url, query).content.decode()


def post(browser: Browser, step: str, **form: Any) -> int:
    name = "clients_confirm_replacement" if step == "confirm" else f"ca_certificate_replace_{step}"
    return browser.post(reverse(f"certificates:{name}", args=[Namespace.objects.get().pk, "old"]), form).status_code


def step(text: str) -> str:
    return str(re.findall(r'data-replacement="(\w+)"', text)[0])


def places(text: str) -> dict[str, int]:
    return {code: int(count) for code, count in re.findall(r'data-place="(\w+)" data-count="(\d+)"', text)}


def verdict(text: str) -> str:
    return str(re.findall(r'data-verdict="(\w+)"', text)[0])


def started(browser: Browser, namespace: Namespace, **fields: Any) -> CARollover:
    make_ca_certificate(namespace, "new", der=NEW.der, **fields)
    post(browser, "start", successor="new")
    return CARollover.objects.get()
