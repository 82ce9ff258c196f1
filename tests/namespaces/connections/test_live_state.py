"""What a client does, live on its page: against a running emulator, with paho-mqtt and with a client of raw packets."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client as Browser
from django.urls import reverse

from namespaces.connections.live_state import WATCHED_SECONDS, live_of
from namespaces.models import Namespace
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant, connect, make_plant
from tests.portal.test_hostile_strings import assert_harmless
from tests.support.emulator_process import EmulatorProcess
from tests.support.factories import PASSWORD, make_client, make_namespace, make_user

pytestmark = pytest.mark.django_db

HOSTILE = "a/<hostile-tag onclick=hostile()>{{ 7|add:7 }}\u202e\x1b[31m"


@pytest.fixture
def plant(azure: EmulatorProcess, tmp_path: Path, settings: Any) -> Plant:
    settings.LIVE_STATE_GATEWAY = "sync.capabilities.live_state.ArmLiveState"
    return make_plant(azure, tmp_path)


@pytest.fixture
def namespace(plant: Plant, client: Browser) -> Namespace:
    name = plant.namespace_id.rpartition("/")[2]
    found = make_namespace(name, resource_id=plant.namespace_id, reader=make_user("rea"))
    client.login(username="rea", password=PASSWORD)
    make_client(found, "press-07")
    return found


def page(browser: Browser, namespace: Namespace) -> str:
    return browser.get(reverse("namespaces:client_try", args=[namespace.pk, "press-07"])).content.decode()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page))).strip()


def next_question(page: str) -> str:
    """The address that the page asks by itself, every two seconds."""
    found = re.search(r'id="live" hx-get="([^"]+)" hx-trigger="every 2s"', page)
    assert found, page
    return unescape(found[1])


def test_a_client_that_never_came_has_nothing_and_the_page_says_so(client: Browser, namespace: Namespace) -> None:
    said = words(page(client, namespace))
    assert "None: it is not connected, and no session is kept for it." in said
    assert "None yet: counting begins when it first connects." in said


def test_a_real_client_is_seen_with_sessions_subscriptions_and_counts(
    client: Browser, namespace: Namespace, plant: Plant
) -> None:
    first = page(client, namespace)
    device = connect(plant, plant.sample("press-07"), user_name="press-07", session_name="press-07-try", keep_alive=40)
    try:
        assert device.connack()[0] == 0
        device.subscribe("m/#")
        device.client.publish("m/press-07", b"hello", qos=1)
        assert device.message().payload == b"hello"
        answer = client.get(next_question(first))
        assert answer.status_code == 200
        live = answer.content.decode()
        said = words(live)
        assert re.search(r"press-07-try Connected \d\d \w{3} \d{4} [\d:]+ UTC MQTT 5 40 s not at all 0", said), said
        assert "m/# 1 no rule yet: everything is open press-07-try" in said
        assert re.search(r"Published by it taken and passed on 0 1 m/press-07 ", said), said
        assert re.search(r"Delivered to it .* 0 1 m/press-07 ", said), said
        assert "against a limit 0 0 – – Dropped" in said
        assert "or too old 0 0 1 session" in said  # no columns for what the live state does not tell of these
        assert said.endswith("1 session connected, 0 kept, 1 subscription.")  # for who listens
        whole = words(page(client, namespace))  # the same without JavaScript, by a reload
        assert "press-07-try Connected" in whole
        assert 'role="status" id="live-said"' in page(client, namespace)
    finally:
        device.disconnect()


def test_a_refused_subscription_is_shown_with_its_reason_which_mqtt_3_1_1_does_not_tell(
    client: Browser, namespace: Namespace, plant: Plant
) -> None:
    with w.connected(plant, "s", version=4) as device:
        device.send(w.subscribe("$share/g/m", version=4))
        assert device.expect(w.SUBACK).codes(4) == [0x80]
        said = words(page(client, namespace))
    why = r"\$share/g/m \. Shared subscriptions are not supported\. Test permission tells for any filter what is missing\."
    assert re.search(rf"1 refused so far, the last \d\d \w{{3}} \d{{4}} [\d:]+ UTC : {why}", said), said


def test_what_was_refused_is_shown_with_its_topic_and_its_reason(
    client: Browser, namespace: Namespace, plant: Plant
) -> None:
    with w.connected(plant, "s") as device:
        device.send(w.publish("m/of-qos-2", b"x", qos=2))
        device.expect_end(0x9B)
    said = words(page(client, namespace))
    assert re.search(
        r"against a limit 0 0 and 1 of QoS 2, which Event Grid does not take m/of-qos-2 QoS 2 is not supported\. ", said
    ), said


def test_while_nothing_changes_nothing_is_put_in_place_and_nothing_is_said(
    client: Browser, namespace: Namespace, plant: Plant
) -> None:
    with w.connected(plant, "s") as device:
        now = client.get(next_question(page(client, namespace)))
        assert now.status_code == 204
        device.send(w.publish("m", b"x", qos=1))
        device.expect(w.PUBACK)
        counted = client.get(next_question(page(client, namespace).replace("seen=", "seen=x")))
        assert counted.status_code == 200
        assert "hx-swap-oob" not in counted.content.decode()  # a count alone is not read out


def test_a_page_left_open_stops_asking(client: Browser, namespace: Namespace) -> None:
    asked = next_question(page(client, namespace))
    late = re.sub(r"began=(\d+)", lambda found: f"began={int(found[1]) - WATCHED_SECONDS}", asked)
    answer = client.get(late)
    assert "This page has stopped asking for news." in words(answer.content.decode())
    assert "hx-get" not in answer.content.decode()


def test_names_of_strangers_show_as_text(client: Browser, namespace: Namespace, plant: Plant) -> None:
    with w.connected(plant, HOSTILE, properties=w.four(w.SESSION_EXPIRY, 60)) as device:
        device.send(w.subscribe(HOSTILE), w.publish(HOSTILE, b"x", qos=1))
        assert device.expect(w.SUBACK).codes() == [1]
        answer = client.get(next_question(page(client, namespace)).replace("seen=", "seen=x"))
    assert_harmless(answer, "live")
    text = unescape(answer.content.decode())
    assert text.count("<hostile-tag onclick=hostile()>{{ 7|add:7 }}‹U+202E›‹U+001B›[31m") >= 3


def test_an_endpoint_that_cannot_be_asked_is_named_and_asked_again(
    client: Browser, namespace: Namespace, plant: Plant
) -> None:
    plant.emulator.call("DELETE", f"{plant.namespace_id}/clients/press-07")
    assert "It has not reached the endpoint yet." in words(page(client, namespace))
    fault = {"kind": "error", "status": 503, "path": f"{plant.namespace_id}/*"}
    plant.emulator.call("POST", "/emulator/faults", fault)
    try:
        shown = page(client, namespace)
        assert "The endpoint cannot be reached now:" in words(shown)
        assert client.get(next_question(shown)).status_code == 204
    finally:
        plant.emulator.request("DELETE", "/emulator/faults")


def test_where_nothing_of_it_is_told_the_page_says_where_to_look(
    client: Browser, namespace: Namespace, settings: Any
) -> None:
    settings.LIVE_STATE_GATEWAY = ""
    said = page(client, namespace)
    assert "Azure Event Grid does not tell which sessions, subscriptions and messages a client has now." in words(said)
    assert 'id="live"' not in said
    answer = client.get(reverse("namespaces:client_live", args=[namespace.pk, "press-07"]))
    assert answer.status_code == 404


class OddLiveState:
    """A gateway to an endpoint that answers in another shape."""

    def read(self, namespace_id: str, client_name: str) -> dict[str, Any]:
        assert "/namespaces/" in namespace_id
        assert client_name == "press-07"
        return {
            "sessions": [
                {"sessionName": 7, "since": "no time", "expiresAt": "2026-13-90T00:00:00Z", "subscriptions": ["x", {}]},
                "x",
            ],
            "sessionCount": "many",
            "messages": {"received": ["x"], "lastReceived": None},
        }


def test_an_answer_of_another_shape_is_no_error(client: Browser, namespace: Namespace, settings: Any) -> None:
    settings.LIVE_STATE_GATEWAY = "tests.namespaces.connections.test_live_state.OddLiveState"
    live = live_of(namespace.clients.get(), QueryDict("began=x"))
    assert live is not None
    assert [(each.name, each.since) for each in live.sessions] == [("7", None)]
    assert live.counts[0].by_qos == (0, 0)
    assert page(client, namespace)
