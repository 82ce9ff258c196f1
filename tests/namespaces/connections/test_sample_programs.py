"""Try it: the shown programs really connect and publish, and the client's own attempts stand below them."""

import ast
import itertools
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from namespaces.connections.sample_programs import Trial, programs
from namespaces.models import ConnectionAttempt, Namespace
from tests.support.database.factories import (
    PASSWORD,
    make_client,
    make_namespace,
    make_permission_binding,
    make_topic_space,
    make_user,
)
from tests.support.programs import require_node

AZURE = Trial("f.westeurope-1.ts.eventgrid.azure.net", 8883, "", "press-07", "press-07", "m/press-07")
ODD = Trial("127.0.0.1", 9, "certs/a b's.pem", "a:b", "it's “a” $(name)\\", 'm/"x"')


def text_of(trial: Trial, anchor: str) -> str:
    return next(program.text for program in programs(trial) if program.anchor == anchor)


def test_the_shell_line_holds_every_word_as_it_is() -> None:
    words = shlex.split(text_of(ODD, "mosquitto").replace("\\\n", " "))
    assert words[words.index("-u") + 1] == ODD.authentication_name
    assert words[words.index("-t") + 1] == ODD.topic
    assert words[words.index("--cafile") + 1] == ODD.ca
    assert words[words.index("--cert") + 1] == "it_s__a____name__.crt"


@pytest.mark.parametrize(
    ("topic_filter", "shared"),
    [
        ("machines/it's/#", "$share/workers/machines/it's/#"),
        ("$share/others/machines/#", "$share/workers/machines/#"),
    ],
)
def test_the_subscriber_may_share(topic_filter: str, shared: str) -> None:
    text = text_of(replace(ODD, topic_filter=topic_filter), "subscribe")
    words = shlex.split(text.replace("\\\n", " "), comments=True)
    assert words[:3] == ["mosquitto_sub", "-V", "mqttv5"]
    assert words[words.index("-t") + 1] == topic_filter
    assert shlex.split(text.splitlines()[-1].lstrip("# "))[1] == shared
    assert "#" not in text_of(replace(ODD, topic_filter="a\nrm"), "subscribe")
    assert [program.anchor for program in programs(ODD)] == ["mosquitto", "paho", "mqttjs"]


@pytest.mark.parametrize("name", ["line-😀", "🏭", "ä\u202e\U000e0041", "\x7f\u2028\ud7ff\U0010ffff", '\\"\\'])
def test_a_name_in_the_programs_is_ascii_and_the_same_name(name: str) -> None:
    """Also beyond 16 bits, where JSON's notation is right in JavaScript and wrong in Python."""
    trial = Trial("localhost", 9, "", "x", name, name)
    (in_python,) = re.findall(r"^client.username_pw_set\((.*)\)$", text_of(trial, "paho"), re.MULTILINE)
    (in_node,) = re.findall(r"^  username: (.*),$", text_of(trial, "mqttjs"), re.MULTILINE)
    assert in_python.isascii()
    assert ast.literal_eval(in_python) == name
    assert in_node.isascii()
    assert json.loads(in_node) == name


def test_the_session_of_the_longest_client_name_is_one_that_a_broker_takes() -> None:
    for length in (1, 124, 125, 128):
        session = Trial("localhost", 9, "", "x" * length, "x", "x").session
        assert session == "x" * min(length, 124) + "-try"
        assert len(session.encode()) <= 128


def test_without_a_ca_of_its_own_the_systems_are_trusted() -> None:
    assert "--tls-use-os-certs" in text_of(AZURE, "mosquitto")
    assert "ca_certs" not in text_of(AZURE, "paho")
    assert "ca:" not in text_of(AZURE, "mqttjs")


@pytest.mark.parametrize("trial", [AZURE, ODD])
def test_the_python_program_is_python_and_says_what_it_should(trial: Trial) -> None:
    source = text_of(trial, "paho")
    compile(source, "shown", "exec")
    assert f"username_pw_set({json.dumps(trial.authentication_name)})" in source


@pytest.mark.parametrize("trial", [AZURE, ODD])
def test_the_node_program_is_javascript(trial: Trial) -> None:
    command = [require_node(), "--check", "-"]
    checked = subprocess.run(command, input=text_of(trial, "mqttjs"), text=True, capture_output=True, timeout=120)
    assert checked.returncode == 0, checked.stderr


def test_the_python_program_ends_when_it_cannot_connect(tmp_path: Any) -> None:
    """It names what is missing instead of waiting."""
    ran = subprocess.run(
        [sys.executable, "-c", text_of(AZURE, "paho")], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode != 0
    assert "press-07.crt" in ran.stderr or "FileNotFoundError" in ran.stderr


# The page


@pytest.fixture
def namespace(client: Browser, db: None) -> Namespace:
    namespace = make_namespace(reader=make_user("rea"))
    client.login(username="rea", password=PASSWORD)
    make_client(namespace, "press-07", authentication_name="Press 7")
    return namespace


def page(client: Browser, namespace: Namespace) -> str:
    answer = client.get(reverse("namespaces:client_try", args=[namespace.pk, "press-07"]))
    return unescape(answer.content.decode())


def options_of(page: str) -> dict[str, str]:
    """The words of the shown shell command, each with the next one: options with their values."""
    (command,) = re.findall(r'<pre id="program-mosquitto"[^>]*>(.*?)</pre>', page, re.DOTALL)
    words = shlex.split(command.replace("\\\n", " "))
    return dict(itertools.pairwise(words))


def attempt(namespace: Namespace, cursor: int, **fields: Any) -> None:
    known = {"at": timezone.now(), "accepted": False, "code": "x", "record": {}}
    ConnectionAttempt.objects.create(namespace=namespace, cursor=cursor, **{**known, **fields})


def test_the_page_fills_everything_in(client: Browser, namespace: Namespace, settings: Any) -> None:
    endpoint = {"host": "127.0.0.1", "port": 18883, "ca": "emulator-ca.pem"}
    settings.MQTT_ENDPOINTS = json.dumps({namespace.resource_id: endpoint})
    make_topic_space(namespace, "machines", "machines/${client.authenticationName}/#")
    make_permission_binding(namespace, group="$all")
    said = page(client, namespace)
    options = options_of(said)
    assert [options[each] for each in ("-h", "-p", "--cafile")] == ["127.0.0.1", "18883", "emulator-ca.pem"]
    assert [options[each] for each in ("-u", "-i")] == ["Press 7", "press-07-try"]
    assert options["-t"] == "machines/Press 7/test"
    assert 'data-code="no-permission-binding"' not in said


def test_a_client_that_may_subscribe_gets_a_program_for_it(client: Browser, namespace: Namespace) -> None:
    make_topic_space(namespace, "machines", "machines/${client.authenticationName}/#")
    make_permission_binding(namespace, group="$all")
    assert 'id="program-subscribe"' not in page(client, namespace)
    make_permission_binding(namespace, "hear", group="$all", permission="Subscriber")
    said = page(client, namespace)
    assert 'id="program-subscribe"' in said
    assert "machines/Press 7/#" in said


def test_a_client_that_may_publish_nowhere_is_told_so(client: Browser, namespace: Namespace) -> None:
    make_topic_space(namespace)
    assert 'data-code="no-permission-binding"' in page(client, namespace)


def test_without_a_broker_nothing_is_offered(client: Browser, namespace: Namespace) -> None:
    Namespace.objects.update(hostname="")
    said = page(client, namespace)
    assert 'data-code="broker-off"' in said
    assert "mosquitto_pub" not in said


def test_only_this_clients_attempts_are_below(client: Browser, namespace: Namespace, settings: Any) -> None:
    settings.CONNECTION_LOG_GATEWAY = "sync.capabilities.connection_log.ArmConnectionLog"
    assert 'data-empty="attempts"' in page(client, namespace)
    attempt(namespace, 1, client_name="PRESS-07", reason="its own, accepted")
    attempt(namespace, 2, user_name="press 7", reason="its user name")
    attempt(namespace, 3, client_name="press-070", user_name="press 70", reason="somebody else's")
    said = page(client, namespace)
    assert "its own, accepted" in said
    assert "its user name" in said
    assert "somebody else's" not in said
    newer = reverse("namespaces:connection_newer", args=[namespace.pk])
    told = client.get(newer, {"after": "1", "client": "press-07"}).content.decode()
    assert "its user name" in told
    assert "somebody else" not in told
    assert "client=press-07" in told


def test_a_client_without_a_log_is_sent_to_azures(client: Browser, namespace: Namespace) -> None:
    assert 'data-code="no-connection-log"' in page(client, namespace)
