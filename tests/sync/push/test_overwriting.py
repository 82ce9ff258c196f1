"""Azure's state is compared by meaning, and changes of others are never overwritten silently."""

from typing import Any

import pytest

from certificates.actions.ca_certificates import update_ca_certificate
from certificates.models import CACertificate
from certificates.x509.reading import to_azure_pem
from namespaces.actions.clients import change_authentication_name, delete_client
from namespaces.models import Namespace
from portal.models import User
from sync.models import Finding
from sync.push.claim_and_settle import Pushed, push
from tests.support.database.factories import make_ca_certificate
from tests.sync.arranging import again, edit, make, settled
from tests.sync.scripted_arm import Answer, ScriptedArm, refused

pytestmark = pytest.mark.django_db


# Comparison


def test_equality_is_semantic(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    thumbprint = "ab" * 32
    client = make(ada, factory, validation_scheme="ThumbprintMatch", thumbprints=[thumbprint])
    colons = ":".join([thumbprint[i : i + 2].upper() for i in range(0, 64, 2)])

    def reformat(resource: dict[str, Any]) -> None:
        resource["id"] = resource["id"].upper()
        resource["name"] = "SENSOR-1"
        resource["properties"]["clientCertificateAuthentication"]["allowedThumbprints"] = [colons]
        resource["properties"]["description"] = None
        resource["properties"]["attributes"] = None

    arm.script("PUT", Answer(change=reformat))
    assert push(client) is Pushed.SUCCEEDED
    edit(ada, client, description="so the next push compares with that base")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.methods().count("DELETE") == 0


def test_a_certificate_is_its_der_however_azure_writes_it(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    row = make_ca_certificate(factory, synced_generation=0)

    def reformat(resource: dict[str, Any]) -> None:
        pem = resource["properties"]["encodedCertificate"]
        head, foot = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        inner = pem.removeprefix(head).removesuffix(foot)
        resource["properties"]["encodedCertificate"] = f"{head}\r\n{inner[:64]}\r\n{inner[64:]}\r\n{foot}\r\n"
        resource["properties"]["issueTimeInUtc"] = "2026-01-01T00:00:00Z"

    arm.script("PUT", Answer(change=reformat))
    assert push(row) is Pushed.SUCCEEDED
    update_ca_certificate(ada, certificate=CACertificate.objects.get(), description="text only")
    arm.methods()
    assert push(again(row)) is Pushed.SUCCEEDED
    assert arm.methods() == ["GET", "PUT"]
    assert "issueTimeInUtc" not in (arm.held(row.arm_id()) or {})


def test_a_refused_second_put_that_reads_back_equal_is_succeeded(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    row = make_ca_certificate(factory, synced_generation=0)
    arm.script("PUT", refused("CertificateAlreadyExists", 409, apply="now"))

    def appear(method: str, path: str) -> None:
        if method == "PUT":
            arm.hold(path, {"encodedCertificate": to_azure_pem(bytes(row.der))})

    arm.before = appear
    assert push(row) is Pushed.SUCCEEDED


def test_unknown_properties_survive_edits_and_replacements(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)

    def enrich(resource: dict[str, Any]) -> None:
        resource["properties"]["futureSetting"] = {"deep": [1, 2]}
        resource["properties"]["clientCertificateAuthentication"]["futureRule"] = "x"

    arm.script("PUT", Answer(change=enrich))
    edit(ada, client, description="one")
    push(again(client))
    edit(ada, client, description="two")
    assert push(again(client)) is Pushed.SUCCEEDED
    change_authentication_name(ada, client=again(client), authentication_name="renamed")
    assert push(again(client)) is Pushed.SUCCEEDED
    held = arm.held(client.arm_id()) or {}
    assert held["authenticationName"] == "renamed"
    assert held["futureSetting"] == {"deep": [1, 2]}
    assert held["clientCertificateAuthentication"]["futureRule"] == "x"


def test_a_property_added_in_azure_since_is_kept(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "tagsOfTomorrow": ["a"]})
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.SUCCEEDED
    assert (arm.held(client.arm_id()) or {})["tagsOfTomorrow"] == ["a"]


# Changes of others


def test_a_name_taken_in_azure_is_not_overwritten(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = make(ada, factory)
    arm.hold(client.arm_id(), {"authenticationName": "theirs"})
    assert push(client) is Pushed.PARKED
    assert again(client).parked_code == "ExistsInAzure"
    assert (arm.held(client.arm_id()) or {})["authenticationName"] == "theirs"
    delete_client(ada, client=client)
    assert push(again(client)) is Pushed.SUCCEEDED
    assert arm.held(client.arm_id()) is not None  # the portal does not delete what it did not create


def test_an_edit_meets_a_change_in_azure_and_becomes_a_finding(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "state": "Disabled"})
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.PARKED
    parked = again(client)
    assert parked.parked_code == "ChangedInAzure"
    assert "state" in parked.parked_message
    finding = Finding.objects.get()
    assert (finding.drift, finding.object_pk) == (Finding.Class.BOTH, client.pk)
    values = {found["field"]: (found["base"], found["ours"], found["azure"]) for found in finding.fields}
    assert values["state"] == ("Enabled", "Enabled", "Disabled")
    assert values["description"] == ("", "ours", "")


def test_an_edit_does_not_recreate_what_azure_deleted(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    del arm.store[client.arm_id().lower()]
    edit(ada, client, description="ours")
    assert push(again(client)) is Pushed.PARKED
    assert again(client).parked_code == "DeletedInAzure"
    assert arm.held(client.arm_id()) is None
    assert Finding.objects.get().drift == Finding.Class.DELETED
