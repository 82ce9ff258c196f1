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
from sync.capabilities.live_state import ArmLiveState
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.messages import a_topic, listening
from tests.emulator.mqtt.plant import Plant, connect, make_plant
from tests.emulator.mqtt.raw_client import connected
from tests.portal.test_hostile_strings import assert_harmless
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import PASSWORD, make_client, make_namespace, make_user
from tests.support.waiting import until

pytestmark = pytest.mark.django_db

MOMENT = r"\d\d \w{3} \d{4} [\d:]+ UTC"
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


def live_part(page: str) -> str:
    """The part of the page that is replaced every two seconds."""
    return page[page.index('id="live"') : page.index("</section>", page.index('id="live"'))]


def row_of(page: str, hook: str) -> list[str]:
    """The texts in the cells of the only table row with these attributes."""
    (row,) = re.findall(rf"<tr {re.escape(hook)}>(.*?)</tr>", page, re.DOTALL)
    return [words(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]


def reason(plant: Plant, newest: str, about: str) -> str:
    """Why the endpoint refused the newest message or subscription, in its own words."""
    told = ArmLiveState().read(plant.namespace_id, "press-07")
    why = told["messages"][newest]["reason"]
    assert about in why
    return str(why)


def next_question(page: str) -> str:
    """The address that the page asks by itself, every two seconds."""
    found = re.search(r'id="live" hx-get="([^"]+)" hx-trigger="every 2s"', on_one_line(page))
    assert found, page
    return unescape(found[1])


def test_a_client_that_never_came_has_nothing_and_the_page_says_so(client: Browser, namespace: Namespace) -> None:
    assert re.findall(r'data-empty="(\w+)"', live_part(page(client, namespace))) == ["sessions", "counts"]


def test_messages_that_wait_for_a_member_of_a_shared_subscription_are_shown(
    client: Browser, namespace: Namespace, plant: Plant
) -> None:
    topic = a_topic()
    one_at_once = b"\x21\x00\x01"  # Receive Maximum
    with connected(plant, a_topic(), "press-07", properties=one_at_once) as member:
        listening(member, f"$share/g/{topic}", "m/other")
        with connected(plant, a_topic(), "robot-1") as sender:
            for _ in range(3):
                sender.send(w.publish(topic, b"x", qos=1))
                sender.expect(w.PUBACK)
        live = live_part(page(client, namespace))
        assert re.findall(r'data-waiting="(\d+)"', live) == ["2"]  # one is in flight
        shared, own = session_subscriptions(plant)
        assert (shared["sharedQueuedMessages"], "sharedQueuedMessages" in own) == (2, False)


def unacknowledged(plant: Plant) -> int:
    (session,) = ArmLiveState().read(plant.namespace_id, "press-07")["sessions"]
    return int(session["unacknowledgedMessages"])


def session_subscriptions(plant: Plant) -> list[dict[str, Any]]:
    (session,) = ArmLiveState().read(plant.namespace_id, "press-07")["sessions"]
    return list(session["subscriptions"])


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
        until(lambda: unacknowledged(plant) == 0, "the message is acknowledged")
        answer = client.get(next_question(first))
        assert answer.status_code == 200
        live = answer.content.decode()
        session = row_of(live, 'data-session="press-07-try" data-expiry="0"')
        assert session[:2] == ["press-07-try", "Connected"]
        assert re.fullmatch(MOMENT, session[2]), session
        assert session[3:5] + session[6:] == ["MQTT 5", "40 s", "0", "0"]
        subscription = row_of(live, 'data-subscription="m/#" data-space=""')
        assert subscription[:2] + subscription[3:] == ["m/#", "1", "press-07-try"]
        for counted in ("received", "delivered"):
            count = row_of(live, f'data-count="{counted}"')
            assert count[:3] == ["0", "1", "m/press-07"]
            assert re.fullmatch(MOMENT, count[3]), count
        assert row_of(live, 'data-count="refused"') == ["0", "0", "–", "–"]
        assert row_of(live, 'data-count="dropped"') == ["0", "0", ""], "the live state does not report the newest"
        (news,) = re.findall(r'<div hx-swap-oob="innerHTML:#live-said">([^<]*)</div>\s*$', live)  # for screen readers
        assert re.findall(r"\d+", news) == ["1", "0", "1"], "connected, kept, subscriptions"
        whole = page(client, namespace)  # the same without JavaScript, by a reload
        assert row_of(whole, 'data-session="press-07-try" data-expiry="0"')[:2] == ["press-07-try", "Connected"]
        assert 'role="status" id="live-said"' in whole
    finally:
        device.disconnect()


def test_a_refused_subscription_is_shown_with_its_reason_which_mqtt_3_1_1_does_not_tell(
    client: Browser, namespace: Namespace, plant: Plant
) -> None:
    with w.connected(plant, "s", version=4) as device:
        device.send(w.subscribe("/".join("m" * 16), version=4))
        assert device.expect(w.SUBACK).codes(4) == [0x80]
        shown = page(client, namespace)
    (refusal,) = re.findall(r'<p class="secondary" data-refused-subscriptions="1">(.*?)</p>', shown, re.DOTALL)
    assert re.search(
        rf"{MOMENT} : {'/'.join('m' * 16)} \. {re.escape(reason(plant, 'lastRefusedSubscription', 'segments'))} ",
        words(refusal),
    )
    assert f'href="{reverse("namespaces:permission_test", args=[namespace.pk])}?client=press-07"' in refusal


def test_what_was_refused_is_shown_with_its_topic_and_its_reason(
    client: Browser, namespace: Namespace, plant: Plant
) -> None:
    with w.connected(plant, "s") as device:
        device.send(w.publish("m/of-qos-2", b"x", qos=2))
        device.expect_end(0x9B)
    shown = page(client, namespace)
    count = row_of(shown, 'data-count="refused"')
    assert count[0] == "0"
    assert re.match(r"0\b", count[1]), count
    assert count[2] == f"m/of-qos-2 {reason(plant, 'lastRefused', 'QoS 2')}"
    assert re.findall(r'data-qos-2="(\d+)"', shown) == ["1"]


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
    assert "data-over" in answer.content.decode()
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
    assert 'data-code="not-at-endpoint"' in page(client, namespace)
    fault = {"kind": "error", "status": 503, "path": f"{plant.namespace_id}/*"}
    plant.emulator.call("POST", "/emulator/faults", fault)
    try:
        shown = page(client, namespace)
        assert 'data-code="unreachable"' in shown
        assert client.get(next_question(shown)).status_code == 204
    finally:
        plant.emulator.request("DELETE", "/emulator/faults")


def test_where_nothing_of_it_is_told_the_page_says_where_to_look(
    client: Browser, namespace: Namespace, settings: Any
) -> None:
    settings.LIVE_STATE_GATEWAY = ""
    said = page(client, namespace)
    assert 'data-code="no-live-state"' in said
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
