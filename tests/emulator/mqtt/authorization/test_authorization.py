"""Client groups, topic spaces and permission bindings at the endpoint: denials, their answers and their records."""

import asyncio

import pytest

from emulator.mqtt.wire.packets import Subscription
from emulator.storage.store import Change
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected, wire

OWN = "machines/${client.authenticationName}/#"


def rules(plant: LocalPlant) -> None:
    """Each client publishes below its own name; robots subscribe to everything of the machines."""
    plant.put_client("robot-1", attributes={"kind": "robot"})
    plant.put_group("robots", "attributes.kind = 'robot'")
    plant.put_space("own", OWN)
    plant.put_space("all", "machines/#")
    plant.bind("$all", "own", "Publisher")
    plant.bind("robots", "all", "Subscriber")


def test_a_message_goes_where_bindings_allow_it(closed_plant: LocalPlant) -> None:
    rules(closed_plant)
    with connected(closed_plant, "r", "robot-1") as reader, connected(closed_plant, "p") as sender:
        reader.send(w.subscribe("machines/+/state"))
        assert reader.expect(w.SUBACK).codes() == [1]
        sender.send(w.publish("machines/press-07/state", b"on", qos=1))
        assert sender.expect(w.PUBACK).reason == 0
        assert reader.expect(w.PUBLISH).payload() == b"on"


def test_a_denied_publish_is_answered_with_0x87_and_logged(closed_plant: LocalPlant) -> None:
    rules(closed_plant)
    with connected(closed_plant, "p") as sender:
        for packet_id in (1, 2):
            sender.send(w.publish("machines/robot-1/state", b"on", qos=1, packet_id=packet_id))
            assert sender.expect(w.PUBACK).reason == 0x87
        assert sender.silent()
    (record,) = closed_plant.logged("FailedMqttPublishedMessages")
    assert record["operationName"] == "Microsoft.EventGrid/topicspaces/publish"
    assert record["resultSignature"] == "AuthorizationError"
    assert record["code"] == "not-permitted"
    assert (record["clientName"], record["decision"], record["presentedChain"]) == ("press-07", None, [])


def test_a_topic_in_no_space_is_logged_in_azures_words(closed_plant: LocalPlant) -> None:
    with connected(closed_plant, "p") as sender:
        sender.send(w.publish("elsewhere", b"", qos=1))
        assert sender.expect(w.PUBACK).reason == 0x87
    (record,) = closed_plant.logged("FailedMqttPublishedMessages")
    assert record["code"] == "not-permitted"
    assert "'elsewhere'" in record["resultDescription"]


@pytest.mark.parametrize(("version", "qos"), [(5, 0), (4, 0), (4, 1)])
def test_where_there_is_no_negative_answer_the_connection_ends(
    closed_plant: LocalPlant, version: int, qos: int
) -> None:
    with connected(closed_plant, "p", version=version) as sender:
        sender.send(w.publish("elsewhere", b"", qos=qos, version=version))
        sender.expect_end(0x87 if version == 5 else None)
    assert closed_plant.logged("MqttDisconnections")[0]["resultSignature"] == "ClientAuthorizationError"


@pytest.mark.parametrize(("version", "code"), [(4, 0x80), (5, 0x87)])
def test_a_denied_subscribe_is_answered_for_its_filter_alone(closed_plant: LocalPlant, version: int, code: int) -> None:
    rules(closed_plant)
    with connected(closed_plant, "r", "robot-1", version=version) as reader:
        reader.send(w.subscribe("machines/a", "other/#", "#", version=version))
        answer = reader.expect(w.SUBACK)
        assert answer.codes(version) == [1, code, code]
        if version == 5:
            assert "'other/#'" in answer.properties[0x1F]
        assert reader.silent()
    records = closed_plant.logged("FailedMqttSubscriptionOperations")
    assert len(records) == 2
    assert {r["operationName"] for r in records} == {"Microsoft.EventGrid/topicspaces/subscribe"}


def test_a_will_that_may_not_be_published_is_refused_with_its_reason(closed_plant: LocalPlant) -> None:
    rules(closed_plant)
    with wire(closed_plant) as opened:
        opened.send(w.connect("p", "press-07", will=w.will("machines/robot-1/x", b""), will_flags=4))
        answer = opened.expect(w.CONNACK)
        assert answer.reason == 0x87
        assert "machines/robot-1/x" in answer.properties[0x1F]
    with connected(closed_plant, "p", will=w.will("machines/press-07/x", b""), will_flags=4):
        pass
    record = closed_plant.logged("FailedMqttConnections")[0]
    assert (record["resultSignature"], record["code"]) == ("AuthorizationError", "will-not-permitted")


def test_without_any_rule_nothing_is_allowed_where_topics_are_not_open(closed_plant: LocalPlant) -> None:
    with connected(closed_plant, "r") as opened:
        opened.send(w.subscribe("a"))
        assert opened.expect(w.SUBACK).codes() == [0x87]


def test_without_any_rule_everything_is_allowed_where_topics_are_open(local_plant: LocalPlant) -> None:
    with connected(local_plant, "r") as opened:
        opened.send(w.subscribe("#"))
        assert opened.expect(w.SUBACK).codes() == [1]
        local_plant.put_space("first", "a/b")
    with connected(local_plant, "r") as opened:
        opened.send(w.subscribe("#"))
        assert opened.expect(w.SUBACK).codes() == [0x87]


def test_a_new_binding_and_a_new_attribute_count_at_once(closed_plant: LocalPlant) -> None:
    rules(closed_plant)
    with connected(closed_plant, "p", "robot-2") as opened:
        for expected in (0x87, 1):
            opened.send(w.subscribe("machines/#"))
            assert opened.expect(w.SUBACK).codes() == [expected]
            closed_plant.put_client("robot-2", attributes={"kind": "robot"})


@pytest.mark.parametrize("version", [4, 5])
def test_a_revoked_subscription_ends_with_its_connection(closed_plant: LocalPlant, version: int) -> None:
    rules(closed_plant)
    kept = {"clean": False, "version": version, "properties": w.four(w.SESSION_EXPIRY, 60)}
    with connected(closed_plant, "r", "robot-1", **kept) as reader:
        reader.send(w.subscribe("machines/#", version=version))
        reader.expect(w.SUBACK)
        closed_plant.delete("permissionBindings", "robots-all-Subscriber")
        reader.expect_end(0x87 if version == 5 else None)
    with connected(closed_plant, "r", "robot-1", **kept) as back, connected(closed_plant, "p") as sender:
        sender.send(w.publish("machines/press-07/x", b"", qos=1))
        sender.expect(w.PUBACK)
        assert back.silent()


def test_changes_recheck_only_the_sessions_they_concern(
    closed_plant: LocalPlant,
) -> None:
    rules(closed_plant)
    namespace = closed_plant.namespace
    broker, revocation = namespace.broker, namespace.revocation
    key = closed_plant.namespace_id

    def change(path: str) -> Change:
        resource = closed_plant.store.get(f"{key}/{path}")
        assert resource is not None
        return Change("put", resource, key)

    async def looked_at() -> tuple[int, int, list[int]]:
        now = asyncio.get_running_loop().time()
        for number in range(80):
            session, _ = broker.open(f"s{number}", "robot-1" if number < 3 else "robot-2", clean=True, now=now)
            broker.subscribe(session, Subscription("machines/#", 1))
        revocation.changed(change("clients/robot-1"))
        of_the_client, left = len(revocation._unchecked), []
        revocation.changed(change("topicSpaces/all"))
        of_the_rule = len(revocation._unchecked)
        while revocation._unchecked:
            await asyncio.sleep(0)  # let others run
            left.append(len(revocation._unchecked))
        return of_the_client, of_the_rule, left

    assert closed_plant.run(looked_at()) == (3, 80, [55, 30, 5, 0])
    assert (
        sum(bool(session.subscriptions) for session in broker.sessions.values()) == 3
    )  # those that may still subscribe


def test_a_flood_of_denied_messages_does_not_flood_the_log(closed_plant: LocalPlant) -> None:
    with connected(closed_plant, "p") as sender:
        for number in range(200):
            sender.send(w.publish(f"none/{number}", b"", qos=1, packet_id=number + 1))
        for _ in range(200):
            assert sender.expect(w.PUBACK).reason == 0x87
    assert len(closed_plant.logged("FailedMqttPublishedMessages")) == 50


def test_rules_made_through_arm_count_at_the_endpoint(own_plant: Plant) -> None:
    """From the first topic space on, in a namespace that was open before."""

    def put(kind: str, name: str, **properties: object) -> None:
        own_plant.emulator.call("PUT", f"{own_plant.namespace_id}/{kind}/{name}", {"properties": properties})

    def answer(opened: w.Wire) -> int:
        opened.send(w.publish("machines/press-07/state", b"", qos=1))
        return opened.expect(w.PUBACK).reason

    with connected(own_plant, "p") as opened:
        assert answer(opened) == 0
        put("topicSpaces", "machines", topicTemplates=[OWN])
        assert answer(opened) == 0x87
        own_plant.put_client("press-07", authenticationName="press-07", attributes={"line": 1})
        put("clientGroups", "line-1", query="attributes.line = 1")
        put("permissionBindings", "pub", clientGroupName="line-1", topicSpaceName="machines", permission="Publisher")
        assert answer(opened) == 0
        own_plant.put_client("press-07", authenticationName="press-07", attributes={"line": 2})
        assert answer(opened) == 0x87
        put("permissionBindings", "all", clientGroupName="$all", topicSpaceName="machines", permission="Publisher")
        assert answer(opened) == 0
