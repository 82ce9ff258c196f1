"""HTTP publish: every part of the request, what it becomes, and what is refused."""

import base64
import json
import subprocess

import pytest
from azure.identity import ClientSecretCredential

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.http_api.calls import PUBLISH_VERSION, call, publish
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.messages import listening
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected
from tests.support.programs import require_program

EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION, USER = 0x02, 0x03, 0x08, 0x09, 0x26


def in_base64(content: object) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()


def test_microsofts_example_is_delivered_with_every_property(local_plant: LocalPlant) -> None:
    headers = {
        "mqtt-qos": "1",
        "mqtt-retain": "0",
        "mqtt-response-topic": "devices%2FCXa-23112%2Freply",
        "mqtt-correlation-data": "PlXCscK2wrbCuy8=",
        "mqtt-user-properties": "W3siVXJnZW5jeSI6ImFsZXJ0In0seyJSZXF1ZXN0SWQiOiI1NWY0YTdlZS1iMGI0LTRkN2YtOGViNS0yZWRi"
        "YTJjZWQ1ZDcifV0=",
        "mqtt-message-expiry": "100",
        "mqtt-payload-format-indicator": "1",
        "Content-Type": "text/plain;charset=UTF-8",
    }
    payload = b"Please accept terms of licensing and agreement"
    with connected(local_plant, "r", "robot-1") as reader:
        listening(reader, "devices/+/prompt")
        answer = publish(local_plant, "devices/CXa-23112/prompt", payload, headers=headers)
        assert (answer.status, answer.body) == (204, b"")
        message = reader.expect(w.PUBLISH)
    assert (message.topic, message.payload(), message.qos, message.retain) == (
        "devices/CXa-23112/prompt",
        payload,
        1,
        False,
    )
    assert message.properties == {
        0x01: 1,
        EXPIRY: 100,
        CONTENT_TYPE: "text/plain;charset=UTF-8",
        RESPONSE_TOPIC: "devices/CXa-23112/reply",
        CORRELATION: ">U±¶¶»/".encode(),
        USER: [("Urgency", "alert"), ("RequestId", "55f4a7ee-b0b4-4d7f-8eb5-2edba2ced5d7")],
    }


def test_the_topic_alone_is_enough(local_plant: LocalPlant) -> None:
    with connected(local_plant, "r", "robot-1") as reader:
        listening(reader, "#")
        assert publish(local_plant, "a b/ä%", b"").status == 204
        message = reader.expect(w.PUBLISH)
        assert (message.topic, message.payload(), message.qos, message.properties) == ("a b/ä%", b"", 1, {})


@pytest.mark.parametrize(
    ("query", "headers", "qos"),
    [
        ({}, {}, 1),
        ({}, {"mqtt-qos": "0"}, 0),
        ({"qos": "0"}, {}, 0),
        ({"qos": "0"}, {"mqtt-qos": "1"}, 0),
        ({"qos": "1"}, {"mqtt-qos": "0"}, 1),
    ],
)
def test_the_query_wins_over_the_header(
    local_plant: LocalPlant, query: dict[str, str], headers: dict[str, str], qos: int
) -> None:
    with connected(local_plant, "r", "robot-1") as reader:
        listening(reader, "a")
        assert publish(local_plant, "a", query=query, headers=headers).status == 204
        assert reader.expect(w.PUBLISH).qos == qos


def test_a_message_is_retained_and_deleted_again(local_plant: LocalPlant) -> None:
    retained = local_plant.namespace.broker.retained
    assert publish(local_plant, "a", b"x", query={"retain": "1"}).status == 204
    assert len(retained) == 1
    assert publish(local_plant, "a", b"", headers={"mqtt-retain": "1"}).status == 204
    assert len(retained) == 0


def test_user_properties_may_be_plain_json_as_in_microsofts_collection(local_plant: LocalPlant) -> None:
    with connected(local_plant, "r", "robot-1") as reader:
        listening(reader, "a")
        publish(local_plant, "a", headers={"mqtt-user-properties": '[{"Urgency":"alert"},{"a":"1","b":"2"}]'})
        assert reader.expect(w.PUBLISH).properties[USER] == [("Urgency", "alert"), ("a", "1"), ("b", "2")]


def test_a_namespace_that_routes_answers_202(local_plant: LocalPlant) -> None:
    local_plant.configure(routeTopicResourceId="/subscriptions/x/topics/y")
    assert local_plant.run(_settled(local_plant)) is True
    assert publish(local_plant, "a").status == 202


async def _settled(plant: LocalPlant) -> bool:
    await plant.endpoints._follow()
    return plant.namespace.routes_messages


def test_a_group_of_workers_gets_messages_over_http_too(local_plant: LocalPlant) -> None:
    with connected(local_plant, "r", "robot-1") as reader:
        listening(reader, "$share/workers/jobs/#")
        publish(local_plant, "jobs/1")
        assert reader.expect(w.PUBLISH).topic == "jobs/1"


SIXTEEN = "/".join("abcdefghijklmnop")


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ({"topic": "a/+"}, {}, 403, "InvalidTopic"),
        ({"topic": "a/#"}, {}, 403, "InvalidTopic"),
        ({"topic": ""}, {}, 403, "InvalidTopic"),
        ({"topic": "a\x00"}, {}, 403, "InvalidTopic"),
        ({"topic": SIXTEEN}, {}, 403, "InvalidTopic"),
        ({"topic": "x" * 257}, {}, 403, "InvalidTopic"),
        ({"qos": "2"}, {}, 400, "InvalidValue"),
        ({"qos": ""}, {}, 400, "InvalidValue"),
        ({"retain": "true"}, {}, 400, "InvalidValue"),
        ({"api-version": ""}, {}, 400, "MissingApiVersionParameter"),
        ({"api-version": "2024-01-01"}, {}, 400, "InvalidApiVersionParameter"),
        ({}, {"mqtt-qos": "-1"}, 400, "InvalidValue"),
        ({}, {"mqtt-retain": "2"}, 400, "InvalidValue"),
        ({}, {"mqtt-message-expiry": "-1"}, 400, "InvalidValue"),
        ({}, {"mqtt-message-expiry": "4294967296"}, 400, "InvalidValue"),
        ({}, {"mqtt-message-expiry": "1.5"}, 400, "InvalidValue"),
        ({}, {"mqtt-payload-format-indicator": "2"}, 400, "InvalidValue"),
        ({}, {"mqtt-response-topic": "a%2F%23"}, 400, "InvalidValue"),
        ({}, {"mqtt-response-topic": "%ff"}, 400, "InvalidValue"),
        ({}, {"mqtt-response-topic": "r" * 257}, 400, "TooLarge"),
        ({}, {"mqtt-correlation-data": "not base64!"}, 400, "InvalidValue"),
        ({}, {"mqtt-correlation-data": base64.b64encode(b"d" * 257).decode()}, 400, "TooLarge"),
        ({}, {"mqtt-user-properties": in_base64({"a": "b"})}, 400, "InvalidValue"),
        ({}, {"mqtt-user-properties": in_base64([{"a": 1}])}, 400, "InvalidValue"),
        ({}, {"mqtt-user-properties": in_base64(["a"])}, 400, "InvalidValue"),
        ({}, {"mqtt-user-properties": in_base64([{"a": "\ud800"}])}, 400, "InvalidValue"),
        ({}, {"mqtt-user-properties": in_base64([{"a": "\x00"}])}, 400, "InvalidValue"),
        ({}, {"mqtt-user-properties": base64.b64encode(b"[" * 30_000).decode()}, 400, "InvalidValue"),
        ({}, {"mqtt-user-properties": in_base64([{"a": "v" * 33_000}])}, 400, "TooLarge"),
        ({}, {"content-type": "c" * 257}, 400, "TooLarge"),
    ],
)
def test_what_cannot_be_published_is_refused(
    local_plant: LocalPlant, query: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    with connected(local_plant, "r", "robot-1") as reader:
        listening(reader, "#")
        answer = publish(local_plant, query.get("topic", "a"), query=query, headers=headers)
        assert (answer.status, answer.code) == (status, code), answer.body
        assert reader.silent()


def test_a_request_without_a_topic_or_with_two_is_refused(local_plant: LocalPlant) -> None:
    missing = call(local_plant, "POST", "/mqtt/messages", {"api-version": PUBLISH_VERSION})
    assert (missing.status, missing.code) == (400, "MissingTopic")
    for query in ("topic=a&topic=b", "topic=%ff", "topic=a" + "&x=1" * 30):
        answer = call(local_plant, "POST", f"/mqtt/messages?{query}&api-version={PUBLISH_VERSION}&", {})
        assert (answer.status, answer.code) == (400, "InvalidQuery")


def test_a_message_is_as_large_as_a_packet(local_plant: LocalPlant) -> None:
    room = 524_288 - len(w.publish("a", b"", qos=1)) - 2
    assert publish(local_plant, "a", b"x" * room).status == 204
    for size in (room + 1, 524_289, 600_000):
        answer = publish(local_plant, "a", b"x" * size)
        assert (answer.status, answer.code) == (413, "TooLarge")


def test_http_is_as_it_was_in_2025(plant_of_2025: LocalPlant) -> None:
    assert publish(plant_of_2025, "a").status == 404


def test_azure_identity_and_curl_publish(own_plant: Plant) -> None:
    program, emulator = require_program("curl"), own_plant.emulator
    credential = ClientSecretCredential(
        emulator.tenant,
        emulator.client_id,
        emulator.client_secret,
        authority=emulator.url,
        disable_instance_discovery=True,
        connection_verify=emulator.ca,
    )
    token = credential.get_token("https://eventgrid.azure.net/.default").token
    base = emulator.call("GET", "/emulator/endpoints")["mqtt"][own_plant.namespace_id]["http"]
    url = f"{base}/messages?topic=devices%2F1%2Fprompt&api-version={PUBLISH_VERSION}"
    headers = [f"Authorization: Bearer {token}", "mqtt-qos: 1", "Content-Type: text/plain", "Expect: 100-continue"]
    with connected(own_plant, "r", "robot-1") as reader:
        listening(reader, "devices/#")
        options = ["-sS", "--cacert", emulator.ca, "-w", "%{http_code}", "--data-raw", "hello"]
        command = [program, *options, *(part for header in headers for part in ("-H", header)), url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (done.stdout, done.stderr) == ("204", "")
        assert reader.expect(w.PUBLISH).payload() == b"hello"
