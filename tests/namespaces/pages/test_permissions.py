"""The page “Test permission”: whether a client may use a topic, why, and which rule is missing."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser

from namespaces.actions.topic_rules import create_client_group
from namespaces.models import Namespace, PermissionBinding, TopicSpace
from portal.models import User
from tests.namespaces.topic_pages import _signed_in, at, namespace
from tests.support.browser.markup import on_one_line
from tests.support.database.factories import PASSWORD, make_client, make_permission_binding, make_topic_space

__all__ = ["_signed_in", "namespace"]
pytestmark = pytest.mark.django_db


def ask(browser: Browser, namespace: Namespace, **changed: str) -> Any:
    asked = {"client": "press-07", "permission": "Publisher", "topic": "machines/press-07/state", **changed}
    return browser.get(at(namespace, "permission_test"), asked)


def codes_in(page: str) -> list[str]:
    """The codes of the messages on the page."""
    return re.findall(r'class="message \w+" data-code="([\w-]+)"', page)


def test_an_allowed_publish_is_explained(client: Browser, namespace: Namespace) -> None:
    page = unescape(ask(client, namespace).content.decode())
    assert codes_in(page) == ["allowed"]
    (sentence,) = re.findall(r'data-code="allowed">.*?<p>(.*?)</p>', page, re.DOTALL)
    for name in ("press-07 ", "'machines/press-07/state'", " presses-publish "):
        assert name in sentence
    assert 'data-binding="presses-publish" data-missing=""' in page


@pytest.mark.parametrize(
    ("changed", "code", "missing"),
    [
        ({"client": "robot-1", "topic": "machines/robot-1/x"}, "no-binding", "group"),
        ({"topic": "machines/robot-1/x"}, "no-topic-space", "space"),
        ({"permission": "Subscriber"}, "no-binding", "permission"),
        ({"topic": "elsewhere"}, "no-topic-space", "space"),
    ],
)
def test_a_denial_names_what_is_missing(
    client: Browser, namespace: Namespace, changed: dict[str, str], code: str, missing: str
) -> None:
    page = ask(client, namespace, **changed).content.decode()
    assert codes_in(page) == [code]
    assert f'data-binding="presses-publish" data-missing="{missing}"' in page


def test_a_shared_subscription_is_tested_by_the_filter_behind_its_group(client: Browser, namespace: Namespace) -> None:
    make_permission_binding(namespace, "presses-hear", permission="Subscriber")
    shared = {"permission": "Subscriber", "topic": "$share/workers/machines/press-07/#"}
    page = ask(client, namespace, **shared).content.decode()
    assert codes_in(page) == ["allowed"]
    assert 'data-binding="presses-hear" data-missing=""' in page
    page = unescape(ask(client, namespace, **{**shared, "topic": "$share/workers/else/where"}).content.decode())
    assert codes_in(page) == ["no-topic-space"]
    assert "topic-spaces/machines/update/?templates=else%2Fwhere" in page


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"client": "nobody"}, "client", "unknown"),
        ({"client": ""}, "client", "required"),
        ({"topic": ""}, "topic", "required"),
        ({"topic": "a/+"}, "topic", "wildcard"),
        ({"topic": "a/#/b", "permission": "Subscriber"}, "topic", "wildcard"),
        ({"topic": "/".join("abcdefghijklmnop")}, "topic", "segments"),
        ({"topic": "$share/g/" + "/".join("abcdefghijklmnop"), "permission": "Subscriber"}, "topic", "segments"),
        ({"topic": "x" * 257}, "topic", "too-long"),
        ({"topic": f"$share/{'x' * 257}/a", "permission": "Subscriber"}, "topic", "too-long"),
        ({"topic": "$share/g", "permission": "Subscriber"}, "topic", "shared"),
        ({"topic": "$share/+/a", "permission": "Subscriber"}, "topic", "shared"),
        ({"topic": "$share/g/a/#/b", "permission": "Subscriber"}, "topic", "wildcard"),
        ({"permission": "Owner"}, "permission", "invalid_choice"),
        ({"topic": "a\x00"}, "topic", "null_characters_not_allowed"),
    ],
)
def test_what_cannot_be_asked_is_said_by_its_field(
    client: Browser, namespace: Namespace, changed: dict[str, str], field: str, code: str
) -> None:
    answer = ask(client, namespace, **changed)
    assert answer.status_code == 422
    assert re.findall(r'id="id_(\w+)_error" data-code="([\w-]+)"', answer.content.decode()) == [(field, code)]


def test_the_answer_tells_what_else_matters(client: Browser, namespace: Namespace) -> None:
    ada = User.objects.get(username="ada")
    create_client_group(ada, namespace=namespace, team=None, name="moving", query="true")
    make_client(namespace, "off-1", state="Disabled", attributes={"type": "press"})
    page = ask(client, namespace, client="off-1", topic="machines/off-1/x").content.decode()
    assert re.findall(r'data-note="(\w+)"', page) == ["disabled", "unsynced"]


@pytest.mark.parametrize(
    ("changed", "leads_to"),
    [
        (
            {"client": "robot-1", "topic": "machines/robot-1/x"},
            "create-permission-binding/?topic_space_name=machines&permission=Publisher",
        ),
        (
            {"permission": "Subscriber"},
            "create-permission-binding/?topic_space_name=machines&permission=Subscriber&client_group_name=presses",
        ),
        ({"topic": "else/where"}, "topic-spaces/machines/update/?templates=else%2Fwhere"),
        ({"client": "robot-1", "topic": "else/where"}, "create-topic-space/?templates=else%2Fwhere"),
    ],
)
def test_a_denial_leads_to_the_form_of_the_missing_rule_filled_in(
    client: Browser, namespace: Namespace, changed: dict[str, str], leads_to: str
) -> None:
    page = unescape(ask(client, namespace, **changed).content.decode())
    found = re.search(rf'href="([^"]*{re.escape(leads_to)})"', page)
    assert found, page
    form = unescape(client.get(found[1]).content.decode())
    if changed["topic" if "topic" in changed else "permission"] == "else/where":
        assert re.search(r'name="templates-[01]-text"[^>]*>\s*else/where</textarea>', form)
    else:
        assert '<option value="machines" selected>' in form
    client.login(username="rea", password=PASSWORD)
    assert leads_to not in unescape(ask(client, namespace, **changed).content.decode())


@pytest.mark.parametrize(
    ("topic", "notes", "template"),
    [
        ("else/where", [], "else/where"),
        ("machines/robot-1/x", ["other-client"], "machines/robot-1/x"),
        ("else/press-07/x", [], "else/${client.authenticationName}/x"),
    ],
)
def test_advice_grants_least(
    client: Browser, namespace: Namespace, topic: str, notes: list[str], template: str
) -> None:
    page = unescape(ask(client, namespace, topic=topic).content.decode())
    assert re.findall(r'data-note="([\w-]+)"', page) == notes
    assert "data-own-topic" in page, "a topic that the client may use already needs no rule"
    assert f"/machines/update/?{urlencode({'templates': template})}" in page


def test_every_name_in_the_trace_is_a_link_and_an_allowed_topic_needs_no_rule(
    client: Browser, namespace: Namespace
) -> None:
    page = on_one_line(ask(client, namespace).content.decode())
    for stem, name in (
        ("client_group", "presses"),
        ("topic_space", "machines"),
        ("permission_binding", "presses-publish"),
    ):
        assert f'<a href="{at(namespace, f"{stem}_detail", name)}">{name}</a>' in page
    assert "/create-permission-binding/" not in page
    assert "/create-topic-space/" not in page


def test_a_template_without_variables_is_said_not_to_cover_the_topic(client: Browser, namespace: Namespace) -> None:
    make_topic_space(namespace, "fixed", "sample")
    page = on_one_line(ask(client, namespace, topic="elsewhere").content.decode())
    templates = re.findall(r'>([^<]*)</code><span class="second" data-template="([\w-]+)">([^<]*)<', page)
    assert {template: code for template, code, _ in templates} == {
        "sample": "same-for-all",
        "machines/${client.authenticationName}/#": "filled",
    }
    assert ["machines/press-07/#" in sentence for _, code, sentence in templates if code == "filled"] == [True]


@pytest.mark.parametrize("is_open", [True, False])
def test_without_any_rule_the_answer_is_what_this_endpoint_does(
    client: Browser, namespace: Namespace, settings: Any, is_open: bool
) -> None:
    settings.MQTT_OPEN_WITHOUT_RULES = is_open
    for model in (PermissionBinding, TopicSpace):
        model.objects.all().delete()
    assert codes_in(ask(client, namespace).content.decode())[0] == ("open" if is_open else "no-topic-space")
    make_topic_space(namespace, "other", "other")
    assert codes_in(ask(client, namespace).content.decode()) == ["no-topic-space"]
