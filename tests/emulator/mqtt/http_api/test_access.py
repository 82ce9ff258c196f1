"""Who may use HTTP at the MQTT host: tokens, and roles assigned through ARM."""

import uuid
from typing import Any

import pytest

from emulator.credentials import EVENT_GRID_AUDIENCE
from emulator.faults_client import ControlError
from emulator.mqtt.http_api.denials import DenialLog
from emulator.mqtt.limits import MAX_DENIALS_LOGGED
from emulator.storage.connection_records import ConnectionRecord
from emulator.storage.resources import PUBLISHER_ROLE, ROLE_ASSIGNMENT, SUBSCRIBER_ROLE, Resource
from tests.emulator.mqtt.http_api.calls import listed, publish, read, token_of
from tests.emulator.mqtt.in_process import LocalPlant
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

OTHER = "11111111-2222-3333-4444-555555555555"


def assign(plant: LocalPlant, scope: str, role: str, principal: str = "") -> None:
    name = str(uuid.uuid4())
    properties = {
        "scope": scope,
        "principalId": principal or plant.credentials.object_id,
        "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
    }
    resource_id = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
    plant.store.put(Resource(resource_id, ROLE_ASSIGNMENT, name, {"properties": properties}))


# Tokens


def test_a_request_needs_a_valid_token_for_event_grid(local_plant: LocalPlant) -> None:
    credentials = local_plant.credentials
    expired = credentials.issue_token(0, audience=EVENT_GRID_AUDIENCE)
    for_arm = credentials.issue_token(audience="https://management.azure.com")
    for token in ("", "x", expired, for_arm, credentials.issue_token(), token_of(local_plant)[:-1]):
        answer = publish(local_plant, "a", token=token)
        assert (answer.status, answer.code) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    headers = {"Authorization": f"Basic {token_of(local_plant)}"}
    assert publish(local_plant, "a", token="", headers=headers).status == 401


@pytest.mark.parametrize("audience", ["", "/", "/.default", "//.default", "/.default openid"])
def test_the_audience_is_what_was_asked_for(local_plant: LocalPlant, audience: str) -> None:
    token = local_plant.credentials.issue_token(audience=EVENT_GRID_AUDIENCE + audience)
    assert publish(local_plant, "a", token=token).status == 204


def test_arm_and_mqtt_host_refuse_each_others_tokens(emulator: EmulatorProcess) -> None:
    token = emulator.control.token_for(EVENT_GRID_AUDIENCE)
    other = type(emulator.control)(emulator.url, ca=emulator.ca, token=lambda: token)
    with pytest.raises(ControlError) as refused:
        other.mqtt_endpoints()
    assert refused.value.status == 401


# Roles and topic spaces


def test_without_role_assignments_the_identity_may_use_the_topic_spaces(local_plant: LocalPlant) -> None:
    assert publish(local_plant, "anything").status == 204
    local_plant.put_space("lines", "lines/#")
    assert publish(local_plant, "lines/1", query={"retain": "1"}).status == 204
    assert publish(local_plant, "elsewhere").status == 403
    assert read(local_plant, "elsewhere").status == 403


def test_without_role_assignments_a_closed_namespace_allows_nothing(closed_plant: LocalPlant) -> None:
    closed_plant.put_space("lines", "lines/#")
    answer = publish(closed_plant, "lines/1")
    assert (answer.status, answer.code) == (403, "Forbidden")
    assert listed(closed_plant, topicFilter="#").status == 403


def test_a_denied_publish_is_in_the_connection_log(closed_plant: LocalPlant) -> None:
    closed_plant.put_space("lines", "lines/#")
    assign(closed_plant, closed_plant.namespace_id, PUBLISHER_ROLE)
    answers = [publish(closed_plant, topic) for topic in ("other", "a/#", "lines/1")]
    assert [answer.status for answer in answers] == [403, 403, 204]
    until(lambda: len(closed_plant.log()) == 2, "both are recorded")
    first, second = closed_plant.logged("FailedMqttPublishedMessages")
    assert (first["code"], second["code"]) == ("not-permitted", "not-permitted")
    assert "'other'" in first["resultDescription"]
    said = first["properties"]
    assert (said["protocol"], said["sessionName"]) == ("http-publish", closed_plant.credentials.object_id)
    assert said["traceId"] == answers[0].headers["x-ms-request-id"]


def test_a_flood_of_denials_is_recorded_in_part() -> None:
    records: list[ConnectionRecord] = []
    log = DenialLog("/n", records.append)
    for _ in range(3):
        log.add("caller", "peer", "the same", "id", 0.0)
    assert len(records) == 1
    for number in range(100):
        log.add("caller", "peer", str(number), "id", 1.0)
    assert len(records) == MAX_DENIALS_LOGGED == 50
    log.add("caller", "peer", "the same", "id", 61.0)
    assert len(records) == 51
    assert records[0].authentication_type == "AccessToken"


@pytest.mark.parametrize("depth", [2, 4, 8])  # segments of the subscription, the resource group and the namespace
def test_a_role_counts_at_the_namespace_and_above(closed_plant: LocalPlant, depth: int) -> None:
    scope = "/".join(closed_plant.namespace_id.split("/")[: depth + 1])
    closed_plant.put_space("lines", "lines/#")
    assign(closed_plant, scope, PUBLISHER_ROLE)
    assert publish(closed_plant, "lines/1").status == 204
    assert publish(closed_plant, "other/1").status == 403
    assert listed(closed_plant, topicFilter="#").status == 403  # it is no subscriber


def test_a_role_at_a_topic_space_counts_for_that_one_alone(local_plant: LocalPlant) -> None:
    local_plant.put_space("lines", "lines/#")
    local_plant.put_space("robots", "robots/#", "${client.authenticationName}/#")
    for topic in ("lines/1", "robots/1"):
        publish(local_plant, topic, query={"retain": "1"})
    assign(local_plant, f"{local_plant.namespace_id}/topicSpaces/LINES", PUBLISHER_ROLE)
    assign(local_plant, f"{local_plant.namespace_id}/topicSpaces/robots", SUBSCRIBER_ROLE)
    mine = f"{local_plant.credentials.object_id}/x"
    assert [publish(local_plant, topic).status for topic in ("lines/1", "robots/1", mine)] == [204, 403, 403]
    assert [each["topic"] for each in listed(local_plant, topicFilter="#").json["retainedMessages"]] == ["robots/1"]
    assert [read(local_plant, topic).status for topic in ("lines/1", "robots/1", mine)] == [403, 200, 404]


def test_the_role_of_another_identity_or_namespace_does_not_count(local_plant: LocalPlant) -> None:
    local_plant.put_space("lines", "lines/#")
    assign(local_plant, f"{local_plant.namespace_id}-2", PUBLISHER_ROLE, OTHER)
    assert publish(local_plant, "lines/1").status == 204  # still none here
    assign(local_plant, local_plant.namespace_id, PUBLISHER_ROLE, OTHER)
    assert publish(local_plant, "lines/1").status == 403


# Role assignments in ARM


def arm(emulator: EmulatorProcess, method: str, scope: str, rest: str, body: Any = None, *, query: str = "") -> Any:
    path = f"{scope}/providers/Microsoft.Authorization/{rest}"
    return emulator.call(method, f"{path}?{query}", body, api_version="2022-04-01")


def test_roles_are_assigned_through_arm(own_emulator: EmulatorProcess) -> None:
    namespace_id = own_emulator.make_namespace("roles")
    (role,) = arm(
        own_emulator,
        "GET",
        namespace_id,
        "roleDefinitions",
        query="$filter=roleName%20eq%20'EventGrid%20TopicSpaces%20Publisher'",
    )["value"]
    assert role["name"] == PUBLISHER_ROLE
    principal = own_emulator.ready["object_id"]
    name, body = str(uuid.uuid4()), {"properties": {"roleDefinitionId": role["id"], "principalId": principal}}
    made = arm(own_emulator, "PUT", namespace_id, f"roleAssignments/{name}", body)
    assert made["properties"]["scope"] == namespace_id
    assert made["properties"]["roleDefinitionId"].endswith(PUBLISHER_ROLE)
    assert arm(own_emulator, "GET", namespace_id, f"roleAssignments/{name}") == made
    group = namespace_id.partition("/providers/")[0]
    for scope, query, count in (
        (namespace_id, "$filter=atScope()", 1),
        (group, "$filter=atScope()", 0),
        (group, f"$filter=principalId%20eq%20'{principal}'", 1),
        (group, f"$filter=principalId%20eq%20'{OTHER}'", 0),
    ):
        assert len(arm(own_emulator, "GET", scope, "roleAssignments", query=query)["value"]) == count
    arm(own_emulator, "DELETE", namespace_id, f"roleAssignments/{name}")
    assert arm(own_emulator, "GET", namespace_id, "roleAssignments")["value"] == []


@pytest.mark.parametrize(
    ("rest", "properties", "status"),
    [
        ("roleAssignments/x", {}, 400),
        (f"roleAssignments/{OTHER}", {}, 400),
        (f"roleAssignments/{OTHER}", {"roleDefinitionId": OTHER, "principalId": OTHER}, 400),
        (
            f"roleAssignments/{OTHER}",
            {"roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{OTHER}", "principalId": OTHER},
            400,
        ),
        (
            f"roleAssignments/{OTHER}",
            {"roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{PUBLISHER_ROLE}"},
            400,
        ),
        ("locks/x", {}, 404),
    ],
)
def test_an_invalid_role_assignment_is_rejected(
    emulator: EmulatorProcess, rest: str, properties: dict[str, str], status: int
) -> None:
    scope = f"/subscriptions/{emulator.subscription}"
    with pytest.raises(AssertionError, match=str(status)):
        arm(emulator, "PUT", scope, rest, {"properties": properties})


def test_an_assignment_of_a_deleted_namespace_is_deleted_with_it(own_emulator: EmulatorProcess) -> None:
    namespace_id = own_emulator.make_namespace("short-lived")
    body = {
        "properties": {
            "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{PUBLISHER_ROLE}",
            "principalId": OTHER,
        }
    }
    arm(own_emulator, "PUT", namespace_id, f"roleAssignments/{OTHER}", body)
    own_emulator.call("DELETE", namespace_id)
    group = namespace_id.partition("/providers/")[0]
    assert arm(own_emulator, "GET", group, "roleAssignments")["value"] == []


# The IP firewall


def test_an_address_outside_the_inbound_rules_gets_403(local_plant: LocalPlant) -> None:
    """Before the token is checked, as for MQTT."""
    local_plant.put_network(inboundIpRules=[{"ipMask": "203.0.113.0/24", "action": "Allow"}])
    until(lambda: bool(local_plant.namespace.ip_rules.ranges), "the rules apply")
    for token in ("", token_of(local_plant)):
        answer = publish(local_plant, "a", token=token)
        assert (answer.status, answer.code) == (403, "IpForbidden")
    local_plant.put_network(inboundIpRules=[{"ipMask": "127.0.0.1", "action": "Allow"}])
    until(lambda: local_plant.namespace.ip_rules.refusal("127.0.0.1:1") is None, "the new rules apply")
    assert publish(local_plant, "a").status == 204
