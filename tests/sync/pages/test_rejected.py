"""Rejected changes on the page of operators."""

import pytest
from django.urls import reverse

from namespaces.models import Client, Namespace, NamespaceConfiguration
from portal.models import User
from sync.actions import mark_deleted
from sync.models import Finding
from sync.push.claim_and_settle import Pushed, push
from tests.support.browser.browsing import page
from tests.support.database.factories import make_configuration
from tests.sync.arranging import again, change_in_azure, edit, make, settled
from tests.sync.scripted_arm import ScriptedArm, refused

pytestmark = pytest.mark.django_db


def test_a_rejected_change_names_its_object_and_links_to_its_form(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client, configuration = make(ada, factory, "one"), make_configuration(factory)
    NamespaceConfiguration.objects.filter(pk=configuration.pk).update(generation=9, parked_code="QuotaExceeded")
    arm.script("PUT", refused("QuotaExceeded"))
    push(client)
    for name in ("sync:sync_overview", "sync:sync_refused"):
        text = page(ada, name, factory.pk)
        assert f'Client <a href="{reverse("namespaces:client_detail", args=[factory.pk, "one"])}">one</a>' in text
        settings_page = reverse("namespaces:configuration_detail", args=[factory.pk])
        assert f'<a href="{settings_page}">{configuration.name}</a>' in text
        assert "data-deleting" not in text


def test_a_conflicting_change_links_to_both_sides(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    change_in_azure(arm, client, description="theirs")
    assert push(edit(ada, client, description="ours")) is Pushed.PARKED
    both_sides = reverse("sync:drift_detail", args=[factory.pk, Finding.objects.get().pk])
    for name in ("sync:sync_overview", "sync:sync_refused"):
        assert both_sides in page(ada, name, factory.pk)


def test_a_rejected_deletion_is_marked_as_one(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory, "one")
    mark_deleted(ada, row=client, verb="Delete client", before={}, scope_name="f")
    Client.objects.filter(pk=client.pk).update(parked_code="ScopeLocked")
    assert again(client).parked_code
    assert "data-deleting" in page(ada, "sync:sync_refused", factory.pk)
