"""Event subscriptions in ARM: the body, the handshake with the webhook, and what is returned."""

import json
import random
import ssl
import threading
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from emulator.authority import Authority
from tests.emulator.arm.test_mutations import mutated
from tests.emulator.events.conftest import CLOUD_EVENTS, Hooked
from tests.emulator.events.webhook_server import ACCEPT, GRANT, NOT_FOUND, Answer, Seen, webhook_server
from tests.emulator.mqtt.plant import make_plant
from tests.emulator.mqtt.raw_client import connected
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.waiting import until

TYPES = ["CreatedOrUpdated", "Deleted", "SessionConnected", "SessionDisconnected"]


def test_a_subscription_is_returned_with_azures_defaults(hooked: Hooked) -> None:
    hook = hooked.hook()
    made = hooked.subscribe(hook, "defaults", "?code=hidden", labels=["a"])
    found = hooked.emulator.call("GET", made)
    assert (found["name"], found["type"]) == ("defaults", "Microsoft.EventGrid/eventSubscriptions")
    properties = found["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["topic"] == hooked.namespace_id
    assert properties["destination"] == {
        "endpointType": "WebHook",
        "properties": {"endpointBaseUrl": hook.url, "maxEventsPerBatch": 1, "preferredBatchSizeInKilobytes": 64},
    }
    assert properties["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
    wanted = [f"Microsoft.EventGrid.MQTTClient{kind}" for kind in TYPES]
    assert properties["filter"]["includedEventTypes"] == wanted
    assert properties["eventDeliverySchema"] == CLOUD_EVENTS
    assert hooked.emulator.call("POST", f"{made}/getFullUrl") == {"endpointUrl": f"{hook.url}?code=hidden"}
    listed = hooked.emulator.call("GET", hooked.path("")[:-1])["value"]
    assert found in listed
    assert "hidden" not in str(listed)


def test_the_handshake_is_the_one_of_cloud_events(hooked: Hooked) -> None:
    hook = hooked.hook()
    hooked.subscribe(hook)
    [seen] = hook.seen
    assert (seen.method, seen.target) == ("OPTIONS", urlsplit(hook.url).path)
    assert seen.headers["webhook-request-origin"] == "eventgrid.azure.net"
    assert seen.headers["webhook-request-callback"].startswith(f"{hooked.emulator.url}/eventsubscriptions/")


def answers(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Any:
    return lambda seen: (status, headers or {}, body)


@pytest.mark.parametrize(
    "answer",
    [
        answers(405),
        answers(404),
        answers(500, {"Allow": "POST"}),
        answers(200, {"WebHook-Allowed-Origin": "other.example"}),
        answers(301, {"Location": "https://localhost/hooks/elsewhere"}),
    ],
    ids=["405", "404", "500", "another origin", "redirect"],
)
def test_a_webhook_that_does_not_agree_gets_no_subscription(hooked: Hooked, answer: Any) -> None:
    hook = hooked.hook()
    hook.on_options = answer
    status, headers, body = hooked.request(hook.url + "?code=hidden")
    assert (status, body["properties"]["provisioningState"]) == (201, "Creating")
    operation = hooked.operation_of(headers)
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "URL validation")
    assert operation["error"]["target"] == "properties.destination.properties.endpointUrl"
    assert hook.url in operation["error"]["message"]
    assert "hidden" not in operation["error"]["message"]
    assert hooked.emulator.request("GET", body["id"])[0] == 404
    assert len(hook.seen) == 1


def test_a_webhook_may_agree_by_its_callback(hooked: Hooked) -> None:
    hook, name = hooked.hook(), f"s-{uuid.uuid4().hex[:8]}"
    hook.on_options = answers(200)
    made = hooked.subscribe(hook, filter={"subjectEndsWith": name})
    assert hooked.state_of(made) == "AwaitingManualAction"
    callback = hook.seen[0].headers["webhook-request-callback"].removeprefix(hooked.emulator.url)
    status, _, _ = hooked.emulator.send("GET", callback)
    assert status == 200
    assert hooked.state_of(made) == "Succeeded"
    assert hooked.emulator.send("GET", callback)[0] == 400, "it counts once"
    with connected(hooked.plant, name):
        until(lambda: len(hook.posts) == 1, "events are delivered from then on")


@pytest.mark.long
def test_a_callback_that_never_comes_fails_the_subscription(hooked: Hooked) -> None:
    hook = hooked.hook()
    hook.on_options = answers(200)
    made = hooked.subscribe(hook)
    until(lambda: hooked.state_of(made) == "Failed", "the time for it is over", 30.0)
    callback = hook.seen[0].headers["webhook-request-callback"].removeprefix(hooked.emulator.url)
    assert hooked.emulator.send("POST", callback)[0] == 400


@pytest.mark.parametrize("path", ["/eventsubscriptions/x/validate", "/eventsubscriptions/x/validate?token=guess"])
def test_a_guessed_callback_is_refused(hooked: Hooked, path: str) -> None:
    assert hooked.emulator.send("GET", path)[0] == 400


def test_the_event_grid_schema_needs_its_code(hooked: Hooked) -> None:
    hook = hooked.hook()
    hook.on_post = answers(200, {"Content-Type": "application/json"}, b'{"validationResponse": "guess"}')
    _, headers, body = hooked.request(hook.url, eventDeliverySchema="EventGridSchema")
    assert hooked.operation_of(headers)["error"]["code"] == "URL validation"
    hook.on_post = answers(202, {}, b"{}")
    _, headers, _ = hooked.request(hook.url, eventDeliverySchema="EventGridSchema")
    assert hooked.operation_of(headers)["error"]["code"] == "URL validation", "202 is no answer to a validation event"
    hook.on_post = answers(200, {}, b"thanks")
    made = hooked.subscribe(hook, eventDeliverySchema="EventGridSchema")
    assert hooked.state_of(made) == "AwaitingManualAction"
    validation = hook.posts[-1].json[0]
    assert validation["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    callback = validation["data"]["validationUrl"].removeprefix(hooked.emulator.url)
    assert hooked.emulator.send("GET", callback)[0] == 200
    assert hooked.state_of(made) == "Succeeded"
    assert body["properties"]["eventDeliverySchema"] == "EventGridSchema"


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"destination": None}, "properties.destination"),
        ({"destination": {"endpointType": "EventHub", "properties": {}}}, "properties.destination.endpointType"),
        ({"destination": {"endpointType": "WebHook"}}, "properties.destination.properties.endpointUrl"),
        ({"filter": {"includedEventTypes": ["Microsoft.Storage.BlobCreated"]}}, "properties.filter.includedEventTypes"),
        ({"filter": {"advancedFilters": [{"key": "data.x"}]}}, "properties.filter.advancedFilters"),
        ({"filter": {"subjectBeginsWith": 3}}, "properties.filter.subjectBeginsWith"),
        ({"retryPolicy": {"maxDeliveryAttempts": 31}}, "properties.retryPolicy.maxDeliveryAttempts"),
        ({"retryPolicy": {"eventTimeToLiveInMinutes": 0}}, "properties.retryPolicy.eventTimeToLiveInMinutes"),
        ({"deadLetterDestination": {"endpointType": "StorageBlob"}}, "properties.deadLetterDestination"),
        ({"eventDeliverySchema": "CustomInputSchema"}, "properties.eventDeliverySchema"),
        ({"expirationTimeUtc": "tomorrow"}, "properties.expirationTimeUtc"),
        ({"labels": [1]}, "properties.labels"),
        ({"unknown": 1}, "properties.unknown"),
    ],
)
def test_an_invalid_body_is_rejected_with_the_field(hooked: Hooked, changes: dict[str, Any], target: str) -> None:
    hook = hooked.hook()
    status, _, body = hooked.request(hook.url, "invalid", **changes)
    assert (status, body["error"]["target"]) == (400, target)
    assert not hook.seen


@pytest.mark.parametrize("path", ["/other/", "/hooksx/", "/hooks/../other/", "/hooks/%2e%2e/other"])
def test_a_url_that_the_operator_does_not_allow_is_rejected(hooked: Hooked, path: str) -> None:
    status, _, body = hooked.request(hooked.server.root + path)
    assert (status, body["error"]["target"]) == (400, "properties.destination.properties.endpointUrl")
    assert hooked.server.unexpected == []


def test_without_an_allowed_url_every_webhook_is_rejected(emulator: EmulatorProcess) -> None:
    namespace = emulator.make_namespace(f"ns-{uuid.uuid4().hex[:8]}")
    destination = {"endpointType": "WebHook", "properties": {"endpointUrl": "http://localhost:9/x"}}
    path = f"{namespace}/providers/Microsoft.EventGrid/eventSubscriptions/none"
    status, _, body = emulator.request("PUT", path, {"properties": {"destination": destination}})
    assert status == 400
    assert "--allow-webhook" in body["error"]["message"]


@pytest.mark.parametrize("name", ["ab", "a" * 65, "a_b", "a.b"])
def test_an_invalid_name_is_rejected(hooked: Hooked, name: str) -> None:
    assert hooked.request(hooked.hook().url, name)[0] == 400


def test_a_patch_keeps_the_url_and_asks_again(hooked: Hooked) -> None:
    hook = hooked.hook()
    made = hooked.subscribe(hook, query="?code=hidden")
    status, headers, _ = hooked.emulator.request("PATCH", made, {"labels": ["b"]})
    assert status == 201
    assert hooked.operation_of(headers)["status"] == "Succeeded"
    assert hooked.emulator.call("GET", made)["properties"]["labels"] == ["b"]
    assert hooked.emulator.call("POST", f"{made}/getFullUrl")["endpointUrl"].endswith("?code=hidden")
    assert [seen.method for seen in hook.seen] == ["OPTIONS", "OPTIONS"]


def test_what_was_read_can_be_sent_back(hooked: Hooked) -> None:
    hook = hooked.hook()
    made = hooked.subscribe(hook, query="?code=hidden")
    before = hooked.emulator.call("GET", made)
    status, headers, _ = hooked.emulator.request("PUT", made, before)
    assert status == 201
    assert hooked.operation_of(headers)["status"] == "Succeeded"
    after = hooked.emulator.call("GET", made)
    assert after["properties"] == before["properties"]
    assert hooked.emulator.call("POST", f"{made}/getFullUrl")["endpointUrl"].endswith("?code=hidden")


def test_a_failed_change_keeps_the_subscription_as_it_was(hooked: Hooked) -> None:
    hook, silent = hooked.hook(), hooked.hook()
    silent.on_options = answers(405)
    made = hooked.subscribe(hook, "kept-as-it-was")
    before = hooked.emulator.call("GET", made)
    _, headers, _ = hooked.request(silent.url, "kept-as-it-was")
    assert hooked.operation_of(headers)["status"] == "Failed"
    assert hooked.emulator.call("GET", made) == before


def test_a_second_write_during_the_handshake_is_rejected(hooked: Hooked) -> None:
    hook = hooked.hook()
    answered: list[tuple[int, str]] = []

    def ask_again(seen: Seen) -> Answer:
        if not answered:
            status, _, body = hooked.request(hook.url, "in-progress")
            answered.append((status, body["error"]["code"]))
        return GRANT

    hook.on_options = ask_again
    hooked.subscribe(hook, "in-progress")
    assert answered == [(409, "AnotherOperationInProgress")]


def test_mutated_requests_get_responses_of_arm(hooked: Hooked) -> None:
    hook = hooked.hook()
    body = {
        "properties": {
            "destination": {
                "endpointType": "WebHook",
                "properties": {"endpointUrl": hook.url, "maxEventsPerBatch": 1, "minimumTlsVersionAllowed": "1.2"},
            },
            "filter": {"subjectBeginsWith": "clients/", "includedEventTypes": [], "isSubjectCaseSensitive": False},
            "retryPolicy": {"maxDeliveryAttempts": 3},
            "labels": ["a"],
            "expirationTimeUtc": "2036-01-01T00:00:00Z",
            "eventDeliverySchema": CLOUD_EVENTS,
        }
    }
    chance = random.Random(20_261_129)
    logged = len(hooked.emulator.log())
    paths = [
        hooked.path("mutated"),
        hooked.path("mutated/getFullUrl"),
        hooked.path("mutated/x/y"),
        hooked.path("a/b/c/d"),
    ]
    statuses: dict[int, int] = {}
    for _ in range(400):
        method = chance.choice(["PUT", "PUT", "PUT", "PATCH", "GET", "POST", "DELETE"])
        path = paths[0] if chance.random() < 0.9 else chance.choice(paths)
        content = json.dumps(mutated(body["properties"] if method == "PATCH" else body, chance)).encode()
        status, _, answer = hooked.emulator.request(method, path, content)
        assert status < 500, (method, path, content, answer)
        statuses[status] = statuses.get(status, 0) + 1
    assert {200, 201, 400, 404} <= set(statuses), statuses
    said = hooked.emulator.log()[logged:]
    assert "Traceback" not in said
    assert hooked.server.unexpected == []


def test_the_sdk_creates_lists_and_deletes_a_subscription(hooked: Hooked) -> None:
    from azure.identity import ClientSecretCredential
    from azure.mgmt.eventgrid import EventGridManagementClient
    from azure.mgmt.eventgrid import models as m

    emulator, hook = hooked.emulator, hooked.hook()
    credential = ClientSecretCredential(
        emulator.tenant,
        emulator.client_id,
        emulator.client_secret,
        authority=emulator.url,
        disable_instance_discovery=True,
        connection_verify=emulator.ca,
    )
    scopes = [f"{emulator.url}/.default"]
    with (
        credential,
        EventGridManagementClient(
            credential, emulator.subscription, emulator.url, credential_scopes=scopes, connection_verify=emulator.ca
        ) as client,
    ):
        wanted = m.EventSubscription(
            destination=m.WebHookEventSubscriptionDestination(endpoint_url=hook.url),
            event_delivery_schema="CloudEventSchemaV1_0",
        )
        scope = hooked.namespace_id
        poller = client.event_subscriptions.begin_create_or_update(scope, "by-the-sdk", wanted, polling_interval=0.05)
        made = poller.result(60).as_dict()
        assert (made["name"], made["provisioning_state"]) == ("by-the-sdk", "Succeeded")
        assert client.event_subscriptions.get_full_url(scope, "by-the-sdk").endpoint_url == hook.url
        namespace = scope.rpartition("/")[2]
        names = [
            each.name
            for each in client.event_subscriptions.list_by_resource(
                "rg-tests", "Microsoft.EventGrid", "namespaces", namespace
            )
        ]
        assert "by-the-sdk" in names
        client.event_subscriptions.begin_delete(scope, "by-the-sdk", polling_interval=0.05).result(60)
    assert hooked.emulator.request("GET", hooked.path("by-the-sdk"))[0] == 404


def test_subscriptions_and_numbers_survive_a_restart(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_path, authority.key_path)
    with webhook_server(context) as server:
        options = ("--allow-webhook", server.root, "--webhook-ca", str(authority.ca_path), "--event-time-scale=0.001")
        emulator = EmulatorProcess(tmp_path / "emulator", *options, "--azure=2025-02")
        try:
            plant = make_plant(emulator, tmp_path, maximumClientSessionsPerAuthenticationName=100)
            hooked = Hooked(emulator, server, plant)
            hook, waiting = hooked.hook(), hooked.hook()
            waiting.on_options = answers(200)
            lost = hooked.subscribe(waiting)
            made = hooked.subscribe(hook, filter={"subjectEndsWith": "/sessions/kept"})
            with connected(plant, "kept"):
                until(lambda: len(hook.posts) == 1, "the event arrives")
            emulator.kill()
            emulator.restart()
            assert hooked.state_of(made) == "Succeeded"
            assert hooked.state_of(lost) == "Failed", "its callback is lost"
            until(lambda: plant.namespace_id in emulator.mqtt_endpoints, "the namespace listens")
            with connected(plant, "kept"):
                until(lambda: len(hook.events("SessionConnected")) == 2, "the event after the restart arrives")
            first, second = (each["data"]["sequenceNumber"] for each in hook.events("SessionConnected"))
            assert second > first
            assert [seen.method for seen in hook.seen].count("OPTIONS") == 1
        finally:
            emulator.stop()


def test_http_is_called_where_the_operator_allows_it(tmp_path: Path) -> None:
    with webhook_server() as server:
        options = ("--allow-webhook", server.root, "--in-memory", "--event-time-scale=0.01")
        emulator = EmulatorProcess(tmp_path / "emulator", *options)
        release = threading.Event()
        try:
            namespace = emulator.make_namespace("plain")
            hook = server.hook("/plain")
            destination = {"endpointType": "WebHook", "properties": {"endpointUrl": hook.url}}
            body = {"properties": {"destination": destination, "eventDeliverySchema": CLOUD_EVENTS}}
            path = f"{namespace}/providers/Microsoft.EventGrid/eventSubscriptions/plain"
            assert emulator.request("PUT", path, body)[0] == 201
            until(
                lambda: emulator.request("GET", path)[2]["properties"]["provisioningState"] == "Succeeded", "it exists"
            )
            secure = {"endpointType": "WebHook", "properties": {"endpointUrl": hook.url.replace("http:", "https:")}}
            assert emulator.request("PUT", path, {"properties": {"destination": secure}})[0] == 400
            hook.on_post = lambda seen: ACCEPT if release.wait(30) else NOT_FOUND
            emulator.call("PUT", f"{namespace}/clients/c-1", {"properties": {}})
            until(lambda: len(hook.posts) == 1, "the event arrives, and is not answered")
            assert emulator.stop() == 0, "a webhook that hangs does not hold up the end"
        finally:
            release.set()
            if not emulator.ended:
                emulator.stop()
