"""The live state of a client, connected or not: sessions, subscriptions and message counts."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from emulator.mqtt.limits import MAX_QUEUED_MESSAGES
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.plant import V3, V5, Plant, connect
from tests.emulator.mqtt.raw_client import connected
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until


def live(plant: Plant, client: str = "press-07") -> dict[str, Any]:
    return plant.emulator.call("GET", f"{plant.namespace_id}/liveState?client={client}")


def session_of(plant: Plant, client: str = "press-07") -> dict[str, Any]:
    (session,) = live(plant, client)["sessions"]
    found: dict[str, Any] = session
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.mark.parametrize(("version", "protocol"), [(V3, "MQTT3"), (V5, "MQTT5")])
def test_live_state_shows_sessions_and_subscriptions(own_plant: Plant, version: Any, protocol: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    device = connect(
        own_plant, own_plant.sample("press-07"), user_name="press-07", version=version, session_name="s1", keep_alive=33
    )
    try:
        assert device.connack()[0] == 0
        assert device.subscribe("machines/+/speed") == [1]
        assert device.subscribe("alarms", qos=0) == [0]
        told = live(own_plant)
    finally:
        device.disconnect()
    (session,) = told["sessions"]
    assert told["sessionCount"] == 1
    assert (session["sessionName"], session["state"], session["protocol"]) == ("s1", "Connected", protocol)
    assert session["keepAliveInSeconds"] == 33
    assert before < at(session["since"]) < datetime.now(UTC) + timedelta(seconds=1)
    assert session["expiresAt"] is None
    assert [(s["topicFilter"], s["qos"]) for s in session["subscriptions"]] == [("machines/+/speed", 1), ("alarms", 0)]
    until(lambda: live(own_plant)["sessions"] == [], "a session without expiry ends with its connection")


def test_a_kept_session_says_since_when_until_when_and_what_waits_in_it(own_plant: Plant) -> None:
    wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    wanted.SessionExpiryInterval = 600
    device = connect(
        own_plant, own_plant.sample("press-07"), user_name="press-07", session_name="kept", properties=wanted
    )
    assert device.connack()[0] == 0
    device.subscribe("m/#")
    device.disconnect()
    until(lambda: session_of(own_plant)["state"] == "Kept", "the session is kept")
    with connected(own_plant, "sender", "robot-1") as sender:
        for number in range(1, 4):
            sender.send(w.publish("m/a", b"x", qos=1, packet_id=number))
            assert sender.expect(w.PUBACK).reason == 0
    session = session_of(own_plant)
    assert (session["sessionExpiryInSeconds"], session["queuedMessages"]) == (600, 3)
    assert at(session["expiresAt"]) - at(session["since"]) == timedelta(seconds=600)
    assert [s["topicFilter"] for s in session["subscriptions"]] == ["m/#"]


def test_message_counts_by_qos_survive_a_reconnect(own_plant: Plant) -> None:
    with connected(own_plant, "reader", "robot-1") as reader, connected(own_plant, "writer") as writer:
        reader.send(w.subscribe("m/#"))
        reader.expect(w.SUBACK)
        writer.send(w.publish("m/zero", b"x"), w.publish("m/one", b"x", qos=1))
        writer.expect(w.PUBACK)
        for _ in range(2):
            message = reader.expect(w.PUBLISH)
            if message.qos:
                reader.send(w.puback(message.packet_id))
        assert reader.silent()
    with connected(own_plant, "another-name-of-a-session") as writer:
        writer.send(w.publish("m/again", b"x", qos=1))
        writer.expect(w.PUBACK)
    sent, got = live(own_plant)["messages"], live(own_plant, "robot-1")["messages"]
    assert sent["received"] == [1, 2]
    assert sent["delivered"] == [0, 0]
    assert sent["lastReceived"]["topic"] == "m/again"
    assert at(sent["since"]) <= at(sent["lastReceived"]["time"]) <= datetime.now(UTC) + timedelta(seconds=1)
    assert sent["lastDelivered"] is None
    assert got["delivered"] == [1, 1]
    assert got["lastDelivered"]["topic"] == "m/one"


def test_a_message_that_is_sent_again_counts_once(own_plant: Plant) -> None:
    expiry = w.four(w.SESSION_EXPIRY, 600)
    with connected(own_plant, "reader", "robot-1", properties=expiry) as reader:
        reader.send(w.subscribe("m/#"))
        reader.expect(w.SUBACK)
        with connected(own_plant, "writer") as writer:
            writer.send(w.publish("m/one", b"x", qos=1))
            writer.expect(w.PUBACK)
        reader.expect(w.PUBLISH)
        assert session_of(own_plant, "robot-1")["unacknowledgedMessages"] == 1
        reader.cut()
    with connected(own_plant, "reader", "robot-1", clean=False, properties=expiry) as reader:
        again = reader.expect(w.PUBLISH)
        assert again.duplicate
        reader.send(w.puback(again.packet_id))
        assert reader.silent()
    assert live(own_plant, "robot-1")["messages"]["delivered"] == [0, 1]


def test_refused_and_dropped_messages_are_counted(own_plant: Plant) -> None:
    template = {"properties": {"topicTemplates": ["machines/#"]}}
    binding = {"clientGroupName": "$all", "topicSpaceName": "machines", "permission": "Publisher"}
    own_plant.emulator.call("PUT", f"{own_plant.namespace_id}/topicSpaces/machines", template)
    own_plant.emulator.call("PUT", f"{own_plant.namespace_id}/permissionBindings/all-pub", {"properties": binding})
    with connected(own_plant, "writer") as writer:
        writer.send(w.publish("elsewhere", b"x", qos=1))
        assert writer.expect(w.PUBACK).reason == 0x87
        writer.send(w.subscribe("machines/1"))
        assert writer.expect(w.SUBACK).codes() == [0x87]
        writer.send(w.publish("machines/1", b"x", qos=2))
        writer.expect_end(0x9B)
    with connected(own_plant, "writer") as writer:
        writer.send(w.publish("elsewhere", b"x"))
        writer.expect_end(0x87)
    counts = live(own_plant)["messages"]
    assert counts["refused"] == [1, 1, 1]
    assert counts["lastRefused"]["topic"] == "elsewhere"
    assert "'elsewhere'" in counts["lastRefused"]["reason"]
    assert counts["lastRefusedSubscription"]["topic"] == "machines/1"
    assert "Subscriber" in counts["lastRefusedSubscription"]["reason"]
    assert at(counts["since"]) <= at(counts["lastRefused"]["time"]) <= datetime.now(UTC) + timedelta(seconds=1)
    assert counts["refusedSubscriptions"] == 1
    assert counts["received"] == [0, 0]


def test_the_last_refused_topic_is_shortened(
    own_plant: Plant,
) -> None:
    with connected(own_plant, "writer") as writer:
        assert writer.silent()
        assert live(own_plant)["messages"]["lastRefused"] is None
        writer.send(w.publish("machines/1", b"x", qos=2))
        writer.expect_end(0x9B)
    refused = live(own_plant)["messages"]["lastRefused"]
    assert (refused["topic"], "QoS 2" in refused["reason"]) == ("machines/1", True)
    with connected(own_plant, "writer") as writer:
        writer.send(w.publish("t" * 60_000, b"x", qos=1))
        writer.expect_end(0x90)
    assert live(own_plant)["messages"]["lastRefused"]["topic"] == "t" * 256


def test_messages_lost_while_a_client_is_away_count_as_dropped(own_plant: Plant) -> None:
    with connected(own_plant, "reader", "robot-1", properties=w.four(w.SESSION_EXPIRY, 600)) as reader:
        reader.send(w.subscribe("m/#"))
        reader.expect(w.SUBACK)
        reader.cut()
    until(lambda: session_of(own_plant, "robot-1")["state"] == "Kept", "the session is kept")
    with connected(own_plant, "writer") as writer:
        writer.send(w.publish("m/zero", b"x"))
        for number in range(1, MAX_QUEUED_MESSAGES + 2):
            writer.send(w.publish("m/one", b"x", qos=1, packet_id=number))
            writer.expect(w.PUBACK)
    told = live(own_plant, "robot-1")
    assert told["sessions"] == []  # it overflowed and ended, with its queue
    assert told["messages"]["dropped"] == [1, MAX_QUEUED_MESSAGES + 1]


def test_each_subscription_names_the_topic_space_that_admits_it(own_plant: Plant) -> None:
    with connected(own_plant, "reader") as reader:
        reader.send(w.subscribe("machines/1/#"))
        reader.expect(w.SUBACK)
        assert session_of(own_plant)["subscriptions"][0]["topicSpace"] == ""  # no rule yet: everything is open
        template = {"properties": {"topicTemplates": ["machines/#"]}}
        binding = {"clientGroupName": "$all", "topicSpaceName": "machines", "permission": "Subscriber"}
        own_plant.emulator.call("PUT", f"{own_plant.namespace_id}/topicSpaces/machines", template)
        reader.expect_end(0x87)  # without a binding for the space nothing is allowed
    own_plant.emulator.call("PUT", f"{own_plant.namespace_id}/permissionBindings/all-sub", {"properties": binding})
    with connected(own_plant, "reader") as reader:
        reader.send(w.subscribe("machines/1/#"))
        assert reader.expect(w.SUBACK).codes() == [1]
        (subscription,) = session_of(own_plant)["subscriptions"]
    assert subscription == {
        "topicFilter": "machines/1/#",
        "qos": 1,
        "isPermitted": True,
        "topicSpace": "machines",
        "permissionBinding": "all-sub",
    }


def test_counts_are_forgotten_with_their_client(local_plant: LocalPlant) -> None:
    with connected(local_plant, "s") as writer:
        writer.send(w.publish("m", b"x", qos=1))
        writer.expect(w.PUBACK)
    tallies = local_plant.namespace.broker.tallies
    assert len(tallies) == 1
    local_plant.delete("clients", "press-07")
    until(lambda: len(tallies) == 0, "the deleted client is forgotten")
    local_plant.put_client("press-07")
    with connected(local_plant, "s") as writer:
        assert writer.silent()
    told = local_plant.endpoints.live_state(local_plant.namespace_id, "press-07")
    assert told["messages"]["received"] == [0, 0]


def test_clients_that_are_connected_are_counted(local_plant: LocalPlant) -> None:
    def count() -> int:
        return local_plant.endpoints.connected_clients(local_plant.namespace_id)

    assert count() == 0
    with connected(local_plant, "one"):
        until(lambda: count() == 1, "the client is counted")
    until(lambda: count() == 0, "it has gone")


def test_strangers_and_wrong_names_are_not_answered(own_plant: Plant) -> None:
    path = f"{own_plant.namespace_id}/liveState"
    assert own_plant.emulator.send("GET", f"{path}?client=press-07")[0] == 401
    for query in ("", "?client=", "?client=nobody", "?client=press-07/x", "?client=..%2Fclients%2Fpress-07"):
        assert own_plant.emulator.request("GET", path + query)[0] == 404, query
    assert own_plant.emulator.request("POST", f"{path}?client=press-07")[0] == 405
    assert own_plant.emulator.request("GET", f"{path}?client=PRESS-07", api_version=None)[0] == 200
    assert live(own_plant) == {"isListening": True, "sessionCount": 0, "sessions": [], "messages": None}


def test_without_an_mqtt_broker_nothing_is_live(emulator: EmulatorProcess) -> None:
    namespace_id = emulator.make_namespace(f"off-{uuid.uuid4().hex[:8]}", mqtt=False)
    emulator.call("PUT", f"{namespace_id}/clients/press-07", {"properties": {}})
    told = emulator.call("GET", f"{namespace_id}/liveState?client=press-07")
    assert told == {"isListening": False, "sessionCount": 0, "sessions": [], "messages": None}
