"""How a namespace is answered: nulls, members left out, and defaults, as in recorded traffic of 2023 and 2024."""

import uuid
from typing import Any

import pytest

from tests.support.azure.emulator_process import LOCATION, EmulatorProcess

GA = "2025-02-15"
OLDEST = "2023-06-01-preview"
NEWEST = "2025-07-15-preview"
TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/routed"
each_version = pytest.mark.parametrize("version", [GA, OLDEST, NEWEST])


@pytest.fixture
def new_id(emulator: EmulatorProcess) -> str:
    emulator.call("PUT", emulator.group_id, {"location": LOCATION})
    return f"{emulator.group_id}/providers/Microsoft.EventGrid/namespaces/ns-{uuid.uuid4().hex[:12]}"


def put(emulator: EmulatorProcess, path: str, version: str = GA, /, **members: Any) -> dict[str, Any]:
    """Create or replace a namespace, and return what a GET then answers."""
    made = emulator.call("PUT", path, {"location": LOCATION, **members}, api_version=version)
    found = emulator.call("GET", path, api_version=version)
    assert found == made
    listed = emulator.call(
        "GET", f"{path.rpartition('/')[0]}?$filter=name%20eq%20'{found['name']}'", api_version=version
    )
    assert listed["value"] == [found]
    return found


@each_version
def test_a_namespace_of_nothing_but_a_location(emulator: EmulatorProcess, new_id: str, version: str) -> None:
    made = put(emulator, new_id, version)
    assert made["tags"] is None
    assert made["sku"] == {"name": "Standard", "capacity": 1}
    assert "identity" not in made
    assert {name: value for name, value in made["properties"].items() if name != "topicsConfiguration"} == {
        "provisioningState": "Succeeded",
        "isZoneRedundant": True,
        "publicNetworkAccess": "Enabled",
        "inboundIpRules": None,
        "minimumTlsVersionAllowed": "1.2",
    }


@each_version
def test_a_configuration_is_answered_without_what_it_does_not_have(
    emulator: EmulatorProcess, new_id: str, version: str
) -> None:
    made = put(emulator, new_id, version, properties={"topicSpacesConfiguration": {"maximumSessionExpiryInHours": 2}})
    assert made["properties"]["topicSpacesConfiguration"] == {
        "state": "Disabled",
        "hostname": None,
        "maximumSessionExpiryInHours": 2,
        "maximumClientSessionsPerAuthenticationName": 1,
    }


def test_the_host_name_is_there_while_mqtt_is_enabled(emulator: EmulatorProcess, new_id: str) -> None:
    for state, has_host in (("Disabled", False), ("Enabled", True), ("Disabled", False)):
        emulator.call("PUT", new_id, {"location": LOCATION})
        patch = {"properties": {"topicSpacesConfiguration": {"state": state}}}
        found = emulator.call("PATCH", new_id, patch)["properties"]["topicSpacesConfiguration"]
        assert (found["hostname"] is not None) is has_host


def test_what_is_given_is_answered(emulator: EmulatorProcess, new_id: str) -> None:
    made = put(
        emulator,
        new_id,
        tags={},
        identity={"type": "SystemAssigned"},
        properties={
            "inboundIpRules": [],
            "isZoneRedundant": False,
            "topicSpacesConfiguration": {"routeTopicResourceId": TOPIC},
        },
    )
    assert (made["tags"], made["identity"]["type"]) == ({}, "SystemAssigned")
    properties = made["properties"]
    assert (properties["inboundIpRules"], properties["isZoneRedundant"]) == ([], False)
    assert properties["topicSpacesConfiguration"]["routeTopicResourceId"] == TOPIC
    removed = put(
        emulator,
        new_id,
        tags=None,
        identity={"type": "none"},
        properties={"inboundIpRules": None, "topicSpacesConfiguration": {"routeTopicResourceId": ""}},
    )
    assert removed["tags"] is None
    assert removed["properties"]["inboundIpRules"] is None
    assert "identity" not in removed
    assert "routeTopicResourceId" not in removed["properties"]["topicSpacesConfiguration"]


@pytest.mark.parametrize(
    ("first", "later", "status"),
    [
        (None, True, 200),
        (None, None, 200),
        (None, False, 409),
        (True, True, 200),
        (True, False, 409),
        (False, None, 200),
        (False, True, 409),
    ],
)
def test_zone_redundancy_is_the_default_and_cannot_change(
    emulator: EmulatorProcess, new_id: str, first: bool | None, later: bool | None, status: int
) -> None:
    def body(given: bool | None) -> dict[str, Any]:
        return {"location": LOCATION, "properties": {} if given is None else {"isZoneRedundant": given}}

    emulator.call("PUT", new_id, body(first))
    assert emulator.request("PUT", new_id, body(later))[0] == status
    kept = emulator.call("GET", new_id)["properties"]["isZoneRedundant"]
    assert kept is (first is not False)


@each_version
def test_an_answer_sent_back_changes_nothing(emulator: EmulatorProcess, new_id: str, version: str) -> None:
    for properties in ({}, {"topicSpacesConfiguration": {"state": "Enabled"}}):
        made = put(emulator, new_id, version, properties=properties)
        assert emulator.call("PUT", new_id, made, api_version=version)["properties"] == made["properties"]
        patched = emulator.call("PATCH", new_id, {"properties": made["properties"]}, api_version=version)
        assert patched["properties"] == made["properties"]


def test_an_older_version_keeps_what_only_newer_ones_have(emulator: EmulatorProcess, new_id: str) -> None:
    sources = {"alternativeAuthenticationNameSources": ["ClientCertificateUri"]}
    configuration = {"state": "Enabled", "clientAuthentication": sources}
    put(emulator, new_id, NEWEST, properties={"topicSpacesConfiguration": configuration})
    for given in ({}, {"topicSpacesConfiguration": {"clientAuthentication": None}}):
        replaced = put(emulator, new_id, GA, properties=given)["properties"]["topicSpacesConfiguration"]
        assert (replaced["state"], replaced["hostname"]) == ("Disabled", None)
        assert "clientAuthentication" not in replaced
        kept = emulator.call("GET", new_id, api_version=NEWEST)["properties"]["topicSpacesConfiguration"]
        assert kept["clientAuthentication"] == sources


def test_the_list_of_resources_copes_with_missing_tags(emulator: EmulatorProcess, new_id: str) -> None:
    put(emulator, new_id)
    name = new_id.rpartition("/")[2]
    path = f"/subscriptions/{emulator.subscription}/resources?$filter=name%20eq%20'{name}'%20and%20tagName%20ne%20'a'"
    assert [each["id"] for each in emulator.call("GET", path)["value"]] == [new_id]
