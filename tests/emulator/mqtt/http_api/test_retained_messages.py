"""Retained messages over HTTP: listed by page, and read one by one."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.http_api.calls import RETAINED_VERSION, call, listed, publish, read
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.messages import published


def retain(plant: LocalPlant, *topics: str) -> None:
    published(plant, *(w.publish(topic, topic.encode(), qos=1, retain=True) for topic in topics))


def topics_of(answer: object) -> list[str]:
    return [each["topic"] for each in answer["retainedMessages"]]  # type: ignore[index]


def test_a_retained_message_is_read_as_it_was_published(local_plant: LocalPlant) -> None:
    payload = b"\x00\xff{}"
    before = datetime.now(UTC).replace(microsecond=0)
    expiring = w.publish("line/1", payload, qos=1, retain=True, properties=w.four(w.MESSAGE_EXPIRY, 3600))
    published(local_plant, expiring)
    answer = read(local_plant, "line/1")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, payload, "application/octet-stream")
    said = {name: answer.headers[f"x-ms-mqtt-{name}"] for name in ("topic", "qos", "size", "expiry", "last-modified")}
    assert (said["topic"], said["qos"], said["size"]) == ("line/1", "1", str(len(expiring)))
    modified, expiry = (datetime.fromisoformat(said[name]) for name in ("last-modified", "expiry"))
    assert before - timedelta(seconds=1) <= modified <= datetime.now(UTC)
    assert timedelta(seconds=3599) <= expiry - modified <= timedelta(seconds=3601)
    assert answer.headers["x-ms-request-id"]


def test_a_message_without_expiry_has_no_such_header(local_plant: LocalPlant) -> None:
    retain(local_plant, "a")
    assert "x-ms-mqtt-expiry" not in read(local_plant, "a").headers
    assert listed(local_plant, topicFilter="a").json["retainedMessages"][0]["expiry"] is None


@pytest.mark.parametrize(
    ("topic", "shown"), [("ä/ x\r\ny: z%", "%C3%A4/%20x%0D%0Ay:%20z%25"), ("a b", "a%20b"), ("a+b?c=d&e", "")]
)
def test_a_topic_cannot_break_the_headers(local_plant: LocalPlant, topic: str, shown: str) -> None:
    if "+" in topic:
        assert read(local_plant, topic).status == 400
        return
    assert publish(local_plant, topic, query={"retain": "1"}).status == 204
    assert read(local_plant, topic).headers["x-ms-mqtt-topic"] == shown
    assert topics_of(listed(local_plant, topicFilter="#").json) == [topic]


def test_a_list_has_those_that_match_by_topic(local_plant: LocalPlant) -> None:
    retain(local_plant, "factory/line2/state", "factory/line1/state", "factory/line1/mode", "$sys/x")
    answer = listed(local_plant, topicFilter="factory/+/state")
    assert (answer.status, answer.json["nextLink"]) == (200, None)
    (first, second) = answer.json["retainedMessages"]
    assert (first["topic"], first["qos"], second["topic"]) == ("factory/line1/state", 1, "factory/line2/state")
    assert first.keys() == {"topic", "qos", "size", "expiry", "lastModifiedTime"}
    assert topics_of(listed(local_plant, topicFilter="#").json) == [
        "factory/line1/mode",
        "factory/line1/state",
        "factory/line2/state",
    ]


def test_pages_follow_their_links(local_plant: LocalPlant) -> None:
    topics = [f"t/{number:02}" for number in range(25)]
    retain(local_plant, *topics, "other")
    answer, found = listed(local_plant, topicFilter="t/+", maxResults="10").json, []
    for _ in range(3):
        found += topics_of(answer)
        if answer["nextLink"] is None:
            break
        link = urlsplit(answer["nextLink"])
        assert link.netloc == f"{local_plant.endpoint['host']}:{local_plant.endpoint['port']}"
        answer = call(local_plant, "GET", link.path, dict(parse_qsl(link.query))).json
    assert found == topics
    assert len(topics_of(listed(local_plant, topicFilter="t/+").json)) == 25


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "InvalidQuery"),
        ({"topicFilter": "a", "continuationToken": "b"}, "InvalidQuery"),
        ({"topicFilter": ""}, "InvalidTopicFilter"),
        ({"topicFilter": "a/#/b"}, "InvalidTopicFilter"),
        ({"topicFilter": "$share/g/a"}, "InvalidTopicFilter"),
        ({"continuationToken": "b"}, "InvalidContinuationToken"),
        ({"continuationToken": "W10="}, "InvalidContinuationToken"),
        ({"continuationToken": "WyJhIiwgMV0="}, "InvalidContinuationToken"),
        ({"topicFilter": "a", "maxResults": "0"}, "InvalidQuery"),
        ({"topicFilter": "a", "maxResults": "101"}, "InvalidQuery"),
        ({"topicFilter": "a", "maxResults": "x"}, "InvalidQuery"),
        ({"topicFilter": "a", "api-version": "2025-08-01-preview"}, "InvalidApiVersionParameter"),
    ],
)
def test_a_list_that_cannot_be_made_is_refused(local_plant: LocalPlant, query: dict[str, str], code: str) -> None:
    answer = listed(local_plant, **query)
    assert (answer.status, answer.code) == (400, code)


def test_a_topic_without_a_retained_message_is_not_found(local_plant: LocalPlant) -> None:
    retain(local_plant, "a")
    published(local_plant, w.publish("a", b"", qos=1, retain=True))
    for topic, status in (("a", 404), ("never", 404), ("", 400), ("a/#", 400)):
        assert read(local_plant, topic).status == status


def test_only_get_reads(local_plant: LocalPlant) -> None:
    for path in ("/mqtt/retainedMessages", "/mqtt/retainedMessages/message"):
        answer = call(local_plant, "POST", path, {"api-version": RETAINED_VERSION, "topic": "a", "topicFilter": "a"})
        assert (answer.status, answer.headers["allow"]) == (405, "GET")
        answer = call(local_plant, "GET", path, {"api-version": RETAINED_VERSION}, token="")
        assert answer.status == 401
