"""Both families of az commands: what they send is what the portal sends, proved against the emulator."""

import html
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from certificates.models import CACertificate
from namespaces.models import PREVIEW, Namespace
from namespaces.pages.az_commands import az_commands, namespace_commands
from portal.models import User
from sync.models import SyncedModel
from tests.support.azure.az_extension import VERSION, Command, calls_of
from tests.support.azure.emulator_process import LOCATION, EmulatorProcess
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_group,
    make_configuration,
    make_namespace,
    make_permission_binding,
    make_topic_space,
)

pytestmark = pytest.mark.django_db
GA = "2025-02-15"
AWKWARD = [
    "plain",
    'it\'s "here" \\ 100 %',
    "null",
    "??",
    "@home",
    "-n other",
    "'quoted'",
    "5",
    '{"a": 1}',
    "two\nlines\n",
    "unseen \u202e \u00a0 \u200b",
    "a=b $HOME `x`",
    "",
]


@pytest.fixture
def factory(azure: EmulatorProcess, ada: User) -> Namespace:
    """A namespace here and in the emulator, with a group and a space for permission bindings."""
    resource_id = azure.make_namespace(f"ns-{uuid.uuid4().hex[:12]}")
    azure.call("PUT", f"{resource_id}/clientGroups/presses", {"properties": {"query": "true"}})
    azure.call("PUT", f"{resource_id}/topicSpaces/machines", {"properties": {"topicTemplates": ["a"]}})
    return make_namespace(resource_id.rpartition("/")[2], resource_id=resource_id, owner=ada)


def rows_of(kind: str, namespace: Namespace) -> Iterator[SyncedModel]:
    """Unsaved variants of one resource: every awkward text as its description, and awkward values of its own."""
    makers: dict[str, Callable[[], Any]] = {
        "ca": lambda: make_ca_certificate(namespace),
        "client": lambda: make_client(namespace, "press-1", authentication_name="it's @home = 5"),
        "thumbprint": lambda: make_client(
            namespace,
            "press:2",
            authentication_name="@null",
            validation_scheme="ThumbprintMatch",
            thumbprints=["0" * 64, "9f" * 32],
            state="Disabled",
            attributes={"floor": 3, "type": "it's", "with": ["ü", "b c", "null"], "empty": []},
        ),
        "group": lambda: make_client_group(
            namespace, "mills", query="authenticationName IN ['a', 'b'] and attributes.note <> \"it's\""
        ),
        "space": lambda: make_topic_space(
            namespace, "plant", "a=b/+/#", "it's/${client.authenticationName|.x}", "null", "ü, [b]", "5"
        ),
        "binding": lambda: make_permission_binding(namespace, group="presses", space="machines"),
        "everyone": lambda: make_permission_binding(
            namespace, "all-read", group="$all", space="machines", permission="Subscriber"
        ),
    }
    row = makers[kind]()
    for description in AWKWARD:
        row.description = description
        yield row


def without_empty(body: Any) -> Any:
    """Return a body without members that mean the same when they are left out."""
    if isinstance(body, dict):
        found = {name: without_empty(value) for name, value in body.items()}
        return {name: value for name, value in found.items() if value not in (None, {}, "")}
    return body


def command_of(families: Any, key: str, title: str) -> str:
    (family,) = [each for each in families if each.key == key]
    (found,) = [each.text for each in family.commands if each.title == title]
    return str(found)


KINDS = ("ca", "client", "thumbprint", "group", "space", "binding", "everyone")


@pytest.mark.parametrize("kind", KINDS)
def test_the_extension_sends_what_the_portal_sends(
    azure: EmulatorProcess, factory: Namespace, tmp_path: Path, kind: str
) -> None:
    for row in rows_of(kind, factory):
        families = az_commands(row.arm_id(), row.body(), GA)
        texts = [command_of(families, "az-eventgrid", title) for title in ("Create", "Update")]
        create, update = [Command(call, tmp_path) for call in calls_of("\n".join(texts), tmp_path)]
        assert (create.id, create.verb, update.id, update.verb) == (row.arm_id(), "create", row.arm_id(), "update")
        assert without_empty(create.properties) == without_empty(row.body())
        azure.call("PUT", create.id, {"properties": create.properties}, api_version=VERSION)
        assert row.matches(azure.call("GET", row.arm_id()))
        held = azure.call("GET", update.id, api_version=VERSION)
        azure.call("PUT", update.id, {"properties": {**held["properties"], **update.properties}}, api_version=VERSION)
        assert row.matches(azure.call("GET", row.arm_id()))


@pytest.mark.parametrize("kind", KINDS)
def test_az_resource_sends_what_the_portal_sends(
    azure: EmulatorProcess, factory: Namespace, tmp_path: Path, kind: str
) -> None:
    for row in rows_of(kind, factory):
        families = az_commands(row.arm_id(), row.body(), GA)
        script = "\n".join(command_of(families, "az-resource", title) for title in ("Create", "Update"))
        create, update = calls_of(script, tmp_path)
        assert create[:4] == ["resource", "create", "--id", row.arm_id()]
        properties = json.loads((tmp_path / create[-1].removeprefix("@")).read_text())
        assert properties == {name: value for name, value in row.body().items() if value is not None}
        # az adds the location of the resource group.
        azure.call("PUT", row.arm_id(), {"location": LOCATION, "properties": properties})
        assert row.matches(azure.call("GET", row.arm_id()))
        setting, _, value = update[-1].partition("=")
        assert (update[1], update[3], setting) == ("update", row.arm_id(), "properties.description")
        assert json.loads(value) == row.body()["description"]


@pytest.mark.parametrize("kind", KINDS)
def test_show_list_and_delete_name_the_resource(factory: Namespace, tmp_path: Path, kind: str) -> None:
    row = next(rows_of(kind, factory))
    families = az_commands(row.arm_id(), row.body(), GA)
    for key, verbs in (("az-eventgrid", "eventgrid"), ("az-resource", "resource")):
        script = "\n".join(command_of(families, key, title) for title in ("Show", "List", "Delete"))
        show, listed, delete = calls_of(script, tmp_path)
        if verbs == "eventgrid":
            commands = [Command(call, tmp_path) for call in (show, listed, delete)]
            assert [each.verb for each in commands] == ["show", "list", "delete"]
            assert {commands[0].id, commands[2].id, f"{commands[1].collection}/{row}"} == {row.arm_id()}
        else:
            assert (show[:4], delete[:4]) == (
                ["resource", "show", "--ids", row.arm_id()],
                ["resource", "delete", "--ids", row.arm_id()],
            )
            assert listed[-1] == f"{row.arm_id().rpartition('/')[0]}?api-version={GA}"


def test_a_certificate_is_written_to_its_file_without_a_line_end(factory: Namespace, tmp_path: Path) -> None:
    row = next(rows_of("ca", factory))
    assert isinstance(row, CACertificate)
    families = az_commands(row.arm_id(), row.body(), GA)
    (call,) = calls_of(command_of(families, "az-eventgrid", "Create"), tmp_path)
    assert (tmp_path / call[call.index("--certificate") + 1]).read_text() == row.body()["encodedCertificate"]


# A namespace


@pytest.mark.parametrize("sources", [[], ["ClientCertificateDns", "ClientCertificateSubject"]])
def test_the_commands_of_a_namespace_send_its_settings(
    azure: EmulatorProcess, factory: Namespace, tmp_path: Path, sources: list[str]
) -> None:
    row = make_configuration(factory, sources=sources, max_sessions=3, max_expiry_hours=8)
    families = namespace_commands(factory.resource_id, factory.location, row.body(), PREVIEW)
    texts = [command_of(families, "az-eventgrid", title) for title in ("Create", "Update", "Show", "Delete", "List")]
    create, update, show, delete, listed = [Command(call, tmp_path) for call in calls_of("\n".join(texts), tmp_path)]
    assert {each.id for each in (create, update, show, delete)} == {factory.resource_id}
    assert listed.collection == factory.resource_id.rpartition("/")[0]
    new = f"{factory.resource_id}-new"
    made = {"location": create.location, "properties": {"topicSpacesConfiguration": create.configuration()}}
    azure.call("PUT", new, made, api_version=VERSION)
    assert row.matches(azure.call("GET", new, api_version=PREVIEW))
    topic = f"{azure.group_id}/providers/Microsoft.EventGrid/topics/routed"
    other = {"alternativeAuthenticationNameSources": ["ClientCertificateIp"]}
    before = {"routeTopicResourceId": topic, "clientAuthentication": other}
    azure.call("PATCH", factory.resource_id, {"properties": {"topicSpacesConfiguration": before}}, api_version=VERSION)
    held = azure.call("GET", factory.resource_id, api_version=VERSION)
    held["properties"]["topicSpacesConfiguration"] = update.changed_configuration(
        held["properties"]["topicSpacesConfiguration"]
    )
    azure.call("PUT", factory.resource_id, held, api_version=VERSION)
    after = azure.call("GET", factory.resource_id, api_version=PREVIEW)
    assert row.matches(after)
    assert after["properties"]["topicSpacesConfiguration"]["routeTopicResourceId"] == topic


def test_az_resource_creates_and_patches_a_namespace(
    azure: EmulatorProcess, factory: Namespace, tmp_path: Path
) -> None:
    row = make_configuration(factory, sources=["ClientCertificateUri"], max_sessions=2)
    families = namespace_commands(factory.resource_id, factory.location, row.body(), PREVIEW)
    new = f"{factory.resource_id}-new"
    for title, verb, method, path in (
        ("Create", "create", "PUT", new),
        ("Update", "patch", "PATCH", factory.resource_id),
    ):
        (call,) = calls_of(command_of(families, "az-resource", title), tmp_path)
        assert call[:2] == ["resource", verb]
        content = json.loads((tmp_path / call[-1].removeprefix("@")).read_text())
        body = content if "--is-full-object" in call else {"properties": content}
        azure.call(method, path, body, api_version=call[call.index("--api-version") + 1])
        assert row.matches(azure.call("GET", path, api_version=PREVIEW))


# Pages


@pytest.mark.parametrize("kind", ["client", "configuration"])
def test_a_page_shows_both_families_without_javascript(factory: Namespace, ada: User, kind: str) -> None:
    if kind == "client":
        row: Any = make_client(factory, "press-1", description="it's")
        url = reverse("namespaces:client_commands", args=[factory.pk, "press-1"])
        families = az_commands(row.arm_id(), row.body(), GA)
    else:
        row = make_configuration(factory)
        url = reverse("namespaces:configuration_commands", args=[factory.pk])
        families = namespace_commands(factory.resource_id, factory.location, row.body(), PREVIEW)
    page = signed_in(ada).get(url).content.decode()
    assert re.findall(r'data-family="([^"]+)"', page) == ["az-resource", "az-eventgrid"]
    for family in families:
        assert f'href="#{family.key}"' in page
        for command in family.commands:
            shown = re.search(
                rf'<pre id="command-{family.key}-{command.title.lower()}"[^>]*>(.*?)</pre>', page, re.DOTALL
            )
            assert shown
            assert html.unescape(shown[1]) == command.text
