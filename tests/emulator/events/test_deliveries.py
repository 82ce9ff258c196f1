"""Life-cycle events of real MQTT clients at a real HTTPS server."""

import threading
import time
import uuid

import pytest

from emulator.events.allowed_urls import AllowedUrls
from emulator.events.publisher import EventOptions, LifeCycleEvents
from emulator.storage.resources import CLIENT, EVENT_SUBSCRIPTION, NAMESPACE, Resource
from emulator.storage.store import Store
from tests.emulator.events.conftest import Hooked
from tests.emulator.events.webhook_server import ACCEPT, Answer, Seen, webhook_server
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.raw_client import connected
from tests.support.waiting import until


def session() -> str:
    return f"s-{uuid.uuid4().hex[:12]}"


def sessions_only(name: str) -> dict[str, object]:
    return {"subjectEndsWith": f"/sessions/{name}"}


def test_connect_and_disconnect_are_delivered_as_cloud_events(hooked: Hooked) -> None:
    hook, name = hooked.hook(), session()
    hooked.subscribe(hook, filter=sessions_only(name))
    with connected(hooked.plant, name) as client:
        client.send(w.disconnect())
    until(lambda: len(hook.posts) >= 2, "both events arrive")
    first, second = sorted(hook.posts, key=lambda seen: seen.json["type"])
    assert first.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert first.headers["webhook-request-origin"] == "eventgrid.azure.net"
    assert first.headers["aeg-event-type"] == "Notification"
    assert first.headers["aeg-delivery-count"] == "0"
    event = first.json
    assert set(event) == {"specversion", "id", "time", "type", "source", "subject", "data"}
    assert (event["specversion"], event["source"]) == ("1.0", hooked.namespace_id)
    assert event["type"] == "Microsoft.EventGrid.MQTTClientSessionConnected"
    assert event["subject"] == f"clients/press-07/sessions/{name}"
    assert event["data"] == {
        "namespaceName": hooked.namespace_id.rpartition("/")[2],
        "clientAuthenticationName": "press-07",
        "clientSessionName": name,
        "sequenceNumber": event["data"]["sequenceNumber"],
    }
    end = second.json
    assert end["type"] == "Microsoft.EventGrid.MQTTClientSessionDisconnected"
    assert end["data"] == event["data"] | {"disconnectionReason": "ClientInitiatedDisconnect"}
    assert end["id"] != event["id"]


def test_the_event_grid_schema_is_validated_and_delivered_too(hooked: Hooked) -> None:
    hook, name = hooked.hook(), session()

    def answer(seen: Seen) -> Answer:
        if seen.headers["aeg-event-type"] != "SubscriptionValidation":
            return ACCEPT
        code = seen.json[0]["data"]["validationCode"]
        return 200, {"Content-Type": "application/json"}, b'{"validationResponse": "%s"}' % code.encode()

    hook.on_post = answer
    hooked.subscribe(hook, eventDeliverySchema="EventGridSchema", filter=sessions_only(name))
    with connected(hooked.plant, name):
        until(lambda: len(hook.posts) >= 2, "the event arrives")
    # The end of the session is an event too, which may arrive at any time from now on.
    assert [seen.method for seen in hook.seen[:2]] == ["POST", "POST"]
    [event] = hook.posts[1].json
    assert set(event) == {"id", "eventTime", "eventType", "topic", "subject", "dataVersion", "metadataVersion", "data"}
    assert event["eventType"] == "Microsoft.EventGrid.MQTTClientSessionConnected"


def test_numbers_order_the_events_of_a_session(hooked: Hooked) -> None:
    hook, name = hooked.hook(), session()
    hooked.subscribe(hook, filter=sessions_only(name))
    with connected(hooked.plant, name) as older, connected(hooked.plant, name) as newer:
        older.expect_end(0x8E)
        newer.send(w.packet(0xF0))  # AUTH, which certificates do not use
    until(lambda: len(hook.events()) == 4, "all four events arrive")
    starts = sorted(each["data"]["sequenceNumber"] for each in hook.events("SessionConnected"))
    ends = {e["data"]["sequenceNumber"]: e["data"]["disconnectionReason"] for e in hook.events("SessionDisconnected")}
    assert starts[1] == starts[0] + 1
    assert ends == {starts[0]: "SessionTakenOver", starts[1]: "ClientError"}


def test_a_cut_connection_and_a_disabled_client_have_their_reasons(hooked: Hooked) -> None:
    hook, lost, disabled = hooked.hook(), session(), session()
    hooked.subscribe(hook, filter={"includedEventTypes": ["Microsoft.EventGrid.MQTTClientSessionDisconnected"]})
    with connected(hooked.plant, lost):
        pass  # cut
    hooked.plant.put_client("robot-2", authenticationName="robot-2", state="Enabled")
    with connected(hooked.plant, disabled, "robot-2") as client:
        hooked.plant.put_client("robot-2", authenticationName="robot-2", state="Disabled")
        client.expect_end(0x87)
    hooked.plant.put_client("robot-2", authenticationName="robot-2", state="Enabled")
    until(lambda: {lost, disabled} <= {e["data"]["clientSessionName"] for e in hook.events()}, "both ends arrive")
    reasons = {e["data"]["clientSessionName"]: e["data"]["disconnectionReason"] for e in hook.events()}
    assert (reasons[lost], reasons[disabled]) == ("ConnectionLost", "ClientAuthenticationError")
    assert {e["type"].rpartition(".")[2] for e in hook.events()} == {"MQTTClientSessionDisconnected"}


def test_a_refused_client_causes_no_event(hooked: Hooked) -> None:
    hook, refused, accepted = hooked.hook(), session(), session()
    hooked.subscribe(hook)
    with w.wire(hooked.plant, "disabled-1") as link:
        link.send(w.connect(refused, "disabled-1"))
        assert link.expect(w.CONNACK).reason == 0x87
    with connected(hooked.plant, accepted):
        until(lambda: any(accepted in e["subject"] for e in hook.events()), "the accepted client's event arrives")
    assert not any(refused in e["subject"] for e in hook.events())


def test_clients_that_are_created_changed_and_deleted_are_events(hooked: Hooked) -> None:
    hook, name = hooked.hook(), f"dev-{uuid.uuid4().hex[:10]}"
    hooked.subscribe(hook, filter={"subjectBeginsWith": f"clients/{name}"})
    hooked.plant.put_client(name, attributes={"floor": 3, "rooms": ["a", "b"]})
    until(lambda: bool(hook.events("CreatedOrUpdated")), "the event of the new client arrives")
    [event] = hook.events("CreatedOrUpdated")
    data = event["data"]
    assert (data["clientName"], data["clientAuthenticationName"], data["state"]) == (name, name, "Enabled")
    assert data["attributes"] == {"floor": 3, "rooms": ["a", "b"]}
    assert data["createdOn"] == data["updatedOn"]
    assert event["subject"] == f"clients/{name}"
    hooked.emulator.call("DELETE", f"{hooked.namespace_id}/clients/{name}")
    until(lambda: bool(hook.events("ClientDeleted")), "the event of the deleted client arrives")
    [event] = hook.events("ClientDeleted")
    assert event["data"] == {
        "namespaceName": hooked.namespace_id.rpartition("/")[2],
        "clientName": name,
        "clientAuthenticationName": name,
    }


def test_a_failed_delivery_is_tried_again(hooked: Hooked) -> None:
    hook, name = hooked.hook(), session()
    statuses = iter([500, 503, 404])
    hook.on_post = lambda seen: (next(statuses, 200), {}, b"")
    made = hooked.subscribe(hook, filter={"includedEventTypes": ["Microsoft.EventGrid.MQTTClientSessionConnected"]})
    with connected(hooked.plant, name):
        until(lambda: hooked.counts_of(made)["delivered"] == 1, "the event is delivered")
    assert [seen.headers["aeg-delivery-count"] for seen in hook.posts] == ["0", "1", "2", "3"]
    assert len({seen.json["id"] for seen in hook.posts}) == 1
    assert hooked.counts_of(made)["failedAttempts"] == 3


@pytest.mark.parametrize(("status", "attempts"), [(500, 3), (400, 1), (401, 1), (403, 1), (413, 1), (307, 3), (205, 3)])
def test_an_event_is_dead_after_its_last_attempt(hooked: Hooked, status: int, attempts: int) -> None:
    hook, name = hooked.hook(), session()
    elsewhere = hooked.hook()
    hook.on_post = lambda seen: (status, {"Location": elsewhere.url}, b"")
    policy = {"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 1440}
    made = hooked.subscribe(
        hook, retryPolicy=policy, filter={"includedEventTypes": ["Microsoft.EventGrid.MQTTClientSessionConnected"]}
    )
    with connected(hooked.plant, name):
        until(lambda: hooked.counts_of(made)["dead"] == 1, "the event is given up")
    assert len(hook.posts) == attempts
    assert hooked.counts_of(made)["waiting"] == 0
    assert not elsewhere.seen, "a redirect is not followed"


def test_an_event_is_dead_at_the_end_of_its_time(hooked: Hooked) -> None:
    hook = hooked.hook()
    hook.on_post = lambda seen: (500, {}, b"")
    policy = {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1}  # 60 ms, after at most four attempts
    made = hooked.subscribe(hook, retryPolicy=policy)
    with connected(hooked.plant, session()):
        until(lambda: hooked.counts_of(made)["dead"] >= 1, "the event is given up")
    assert "TimeToLiveExceeded" in hooked.emulator.log()


def test_a_webhook_that_hangs_holds_up_no_connect_and_no_other_webhook(hooked: Hooked) -> None:
    hanging, quick = hooked.hook(), hooked.hook()
    release = threading.Event()

    def hang(seen: Seen) -> Answer:
        release.wait(30)
        return ACCEPT

    hanging.on_post = hang
    made = [hooked.subscribe(hanging), hooked.subscribe(quick)]
    try:
        names = [session() for _ in range(20)]
        for name in names:
            with connected(hooked.plant, name) as client:
                client.send(w.disconnect())
        # While the first request to the other webhook has no answer: nothing waits for it.
        until(lambda: len(quick.events()) >= 40, "the other webhook gets its events")
        assert hooked.counts_of(made[0])["delivered"] == 0
    finally:
        release.set()
        for each in made:
            hooked.emulator.call("DELETE", each)


def test_a_rate_that_the_webhook_allows_is_kept(hooked: Hooked) -> None:
    hook = hooked.hook()
    hook.on_options = lambda seen: (200, {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "120"}, b"")
    hooked.subscribe(hook, filter={"includedEventTypes": ["Microsoft.EventGrid.MQTTClientSessionConnected"]})
    before = time.monotonic()
    with connected(hooked.plant, session()), connected(hooked.plant, session()):
        until(lambda: len(hook.posts) == 2, "both events arrive")
    assert time.monotonic() - before >= 0.5, "120 a minute are one each half second"


def test_events_hold_no_secrets(hooked: Hooked) -> None:
    hook, name = hooked.hook(), session()
    made = hooked.subscribe(hook, query="?code=hidden-key-7", filter=sessions_only(name))
    hook.on_post = lambda seen: (400, {}, b"")
    with connected(hooked.plant, name):
        until(lambda: hooked.counts_of(made)["dead"] == 1, "the event is given up, which is logged")
    assert hook.posts[0].target.endswith("?code=hidden-key-7")
    assert "given up" in hooked.emulator.log()
    assert "hidden-key-7" not in hooked.emulator.log()
    assert "CERTIFICATE" not in hook.posts[0].body.decode()


def test_deliveries_end_with_the_subscription(hooked: Hooked) -> None:
    hook, other, name = hooked.hook(), hooked.hook(), session()
    made = hooked.subscribe(hook)
    hooked.subscribe(other, filter=sessions_only(name))
    hooked.emulator.call("DELETE", made)
    with connected(hooked.plant, name):
        until(lambda: len(other.posts) == 1, "the other subscription gets the event")
    assert hook.posts == []
    assert hooked.emulator.request("GET", made)[0] == 404


def test_changes_in_quick_succession_are_one_event() -> None:
    """Checked at the publisher itself, so that no time passes between the changes."""
    store = Store(None)
    namespace_id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.EventGrid/namespaces/ns"
    store.put(Resource(namespace_id, NAMESPACE, "ns", {"properties": {}}))
    with webhook_server() as server:
        hook = server.hook("/x")
        settings = {"endpointType": "WebHook", "properties": {"endpointUrl": hook.url}}
        properties = {"destination": settings, "eventDeliverySchema": "CloudEventSchemaV1_0"}
        subscription_id = f"{namespace_id}/providers/{EVENT_SUBSCRIPTION}/x"
        store.put(Resource(subscription_id, EVENT_SUBSCRIPTION, "x", {"properties": properties}))
        events = LifeCycleEvents(store, EventOptions(AllowedUrls([server.root]), time_scale=0.3))
        events.start()
        try:
            with store.transaction():  # subscribers are called after the commit, for all of them at once
                for name, states in {"kept": ["Enabled", "Disabled", "Enabled"], "gone": ["Enabled"]}.items():
                    for state in states:
                        store.put(
                            Resource(f"{namespace_id}/clients/{name}", CLIENT, name, {"properties": {"state": state}})
                        )
                store.delete(f"{namespace_id}/clients/gone")
            until(lambda: len(hook.posts) == 2, "both clients have their event")
        finally:
            events.stop()
            store.close()
    found = {event["data"]["clientName"]: event for event in hook.events()}
    assert found["kept"]["type"].endswith("CreatedOrUpdated")
    assert found["kept"]["data"]["state"] == "Enabled"
    assert found["gone"]["type"].endswith("ClientDeleted")
    assert len(hook.posts) == 2
