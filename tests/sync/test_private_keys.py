"""Private keys that others left in Azure: masked wherever the portal stores or shows them, and never lost by a push."""

import html
import json
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.test import Client as Browser
from django.urls import reverse

from certificates.x509.key_masking import holds_a_mask, mask_of
from namespaces.actions.clients import change_authentication_name
from namespaces.importing.runs import run_import
from namespaces.models import Client, Namespace
from namespaces.tasks import refresh_namespace
from portal.models import Activity, User
from sync.drift.resolutions import keep_ours, take_azures
from sync.drift.scan import scan
from sync.models import Finding
from sync.push.claim_and_settle import Pushed, push
from sync.registry import scopes
from tests.certificates.x509.key_notations import NOTATIONS
from tests.certificates.x509.written_keys import keys
from tests.sync.arranging import SUBJECT, again, edit, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db
KEY = keys()[1]
TEXTS = {
    name: NOTATIONS[name](KEY) for name in ("PEM", "JSON object", "hex", "C array", "base64 twice", "JSON Web Key")
}
PEM = TEXTS["PEM"]
MASK = mask_of(PEM)


def properties(text: str = PEM, **more: Any) -> dict[str, Any]:
    return {
        "authenticationName": "sensor-1",
        "clientCertificateAuthentication": {"validationScheme": SUBJECT},
        "state": "Enabled",
        "description": text,
        "attributes": {"key": text, "floor": 3, "lines": text.splitlines()},
        "unknown": {"deep": [{"er": text}], "fine": 1},
        **more,
    }


def everything_stored() -> str:
    rows = [row for model in apps.get_models() for row in model._default_manager.all()]
    return str(serializers.serialize("json", rows))


def assert_nowhere(text: str, *pages: str) -> None:
    for place in (everything_stored(), *map(html.unescape, pages)):
        assert not any(secret in place for secret in KEY.secrets)
        assert json.dumps(text)[1:60] not in place


def imported(arm: ScriptedArm, factory: Namespace, held: dict[str, Any]) -> Client:
    arm.hold(f"{factory.resource_id}/clients/sensor-1", held)
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(factory.pk)
    return Client.objects.get()


@pytest.mark.parametrize("name", TEXTS)
def test_an_import_stores_and_shows_masks(arm: ScriptedArm, browser: Browser, factory: Namespace, name: str) -> None:
    client = imported(arm, factory, properties(TEXTS[name]))
    assert client.description == mask_of(TEXTS[name])
    assert client.attributes["floor"] == 3
    pages = [
        browser.get(reverse(f"namespaces:client_{page}", args=[factory.pk, "sensor-1"])).content.decode()
        for page in ("detail", "update", "json", "commands", "activity")
    ]
    listed = browser.get(reverse("namespaces:client_csv", args=[factory.pk]))
    pages.append(b"".join(listed.streaming_content).decode())  # type: ignore[attr-defined]
    assert all("private key removed" in page for page in pages[:4])
    assert_nowhere(TEXTS[name], *pages)


def test_a_push_sends_back_what_azure_holds(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    held = properties()
    client = imported(arm, factory, held)
    edit(ada, client, state="Disabled", attributes={**client.attributes, "floor": 4})
    assert push(again(client)) is Pushed.SUCCEEDED
    sent = arm.held(client.arm_id())
    assert sent is not None
    expected = held | {"state": "Disabled", "attributes": {**held["attributes"], "floor": 4}}
    assert {name: sent[name] for name in expected} == expected
    assert_nowhere(PEM)


def test_a_changed_description_replaces_the_key(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = imported(arm, factory, properties())
    edit(ada, client, description="of line 4")
    assert push(again(client)) is Pushed.SUCCEEDED
    sent = arm.held(client.arm_id())
    assert sent is not None
    assert (sent["description"], sent["attributes"]["key"], sent["unknown"]["deep"]) == (
        "of line 4",
        PEM,
        [{"er": PEM}],
    )


def test_a_replacement_keeps_what_the_portal_does_not_know(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = imported(arm, factory, properties())
    change_authentication_name(ada, client=client, authentication_name="sensor-2")
    arm.script("PUT", refused("Conflict", 409))  # the former resource is put back, whole
    push(again(client))
    sent = arm.held(client.arm_id())
    assert sent is not None
    assert (sent["unknown"]["deep"], sent["description"]) == ([{"er": PEM}], PEM)
    assert_nowhere(PEM)


def test_no_mask_is_sent_for_what_is_no_longer_there(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = imported(arm, factory, properties())
    arm.store.clear()
    scan(next(each for each in scopes().all() if each.pk == factory.pk))
    finding = Finding.objects.get()
    keep_ours(ada, finding=finding)
    push(again(client))
    sent = arm.held(client.arm_id())
    assert sent is not None
    assert "unknown" not in sent or not holds_a_mask(sent["unknown"])


@pytest.mark.parametrize("name", TEXTS)
def test_drift_shows_masks(arm: ScriptedArm, browser: Browser, ada: User, factory: Namespace, name: str) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), properties(TEXTS[name]))
    arm.hold(f"{factory.resource_id}/clients/sensor-9", properties(TEXTS[name], authenticationName="sensor-9"))
    scope = next(each for each in scopes().all() if each.pk == factory.pk)
    assert scan(scope).error == ""
    changed, appeared = Finding.objects.get(object_pk=client.pk), Finding.objects.get(name="sensor-9")
    pages = [
        browser.get(reverse("sync:drift_detail", args=[factory.pk, found.pk])).content.decode()
        for found in (changed, appeared)
    ]
    assert all("private key removed" in page for page in pages)
    assert_nowhere(TEXTS[name], *pages, *map(str, Activity.objects.values_list("after", flat=True)))
    take_azures(ada, finding=changed)
    assert_nowhere(TEXTS[name])
    scan(scope)
    assert not Finding.objects.filter(object_pk=client.pk, state=Finding.State.OPEN).exists()


def test_a_push_that_finds_a_key_records_masks(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), properties())
    edit(ada, client, state="Disabled")
    assert push(again(client)) is Pushed.PARKED
    assert holds_a_mask(Finding.objects.get().resource)
    assert_nowhere(PEM)


def test_an_error_of_azure_that_quotes_a_key_is_masked(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.script("PUT", Answer(400, {"error": {"code": "BadRequest", "message": f"'{PEM}' is too long."}}, apply="never"))
    edit(ada, client, description="x")
    push(again(client))
    client.refresh_from_db()
    assert (client.parked_code, client.description) == ("BadRequest", "x")
    assert_nowhere(PEM)


def test_a_resource_whose_name_is_a_key_is_left_out(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    name = NOTATIONS["base64url of DER"](keys()[3])
    arm.hold(f"{factory.resource_id}/clients/{name}", properties("of line 4"))
    Namespace.objects.update(import_state=Namespace.Import.WAITING)
    run_import(factory.pk)
    assert not Client.objects.exists()
    assert name not in everything_stored()


def test_a_namespace_is_stored_with_masks(arm: ScriptedArm, factory: Namespace) -> None:
    arm.store[factory.resource_id.lower()] = {
        "id": factory.resource_id,
        "name": factory.name,
        "location": "westeurope",
        "tags": {"owner": PEM},
        "properties": {"topicSpacesConfiguration": {"state": "Enabled"}},
    }
    assert refresh_namespace(factory)
    factory.refresh_from_db()
    assert factory.resource["tags"] == {"owner": MASK}
