"""Files that create a namespace again: replayed into an empty emulator, and compared with each other, resource by resource."""

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from certificates.models import CACertificate
from namespaces.models import (
    PREVIEW,
    Client,
    ClientGroup,
    Namespace,
    NamespaceConfiguration,
    NamespaceRole,
    PermissionBinding,
    Role,
    TopicSpace,
)
from namespaces.pages.recreation.files import MOST_BYTES, MOST_RESOURCES, NOT_PROVED, PROVED, Format, Scope, packed
from namespaces.pages.recreation.formats import FORMATS, scope_of
from namespaces.pages.recreation.parts import Part, parts_of
from portal.models import Activity, User
from tests.namespaces.recreation.readers import Made, arm_template, az_script, bicep, terraform
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.browser.browsing import signed_in
from tests.support.database.factories import (
    make_ca_certificate,
    make_client,
    make_client_group,
    make_configuration,
    make_namespace,
    make_permission_binding,
    make_team,
    make_topic_space,
    make_user,
)

pytestmark = pytest.mark.django_db
AWKWARD = [
    "[concat('a', 'b')]",
    "[open",
    "[[both]]",
    "${client.authenticationName} %{ if true } $${twice} %%",
    'it\'s "here" \\ 100 % `x` $HOME',
    "two\nlines\r\n\tJSON\n",
    "unseen \u202e \u00a0 \u200b \x01 ü 漢 \U0001f600",
    "null",
    "{ } ( ) # // /* */ <<EOT",
    "'''",
]
RULES = [{"ipMask": "10.0.0.0/8", "action": "Allow"}]


@pytest.fixture
def factory(ada: User) -> Namespace:
    namespace = make_namespace("factory", owner=ada)
    namespace.resource = {
        "id": namespace.resource_id,
        "name": "factory",
        "location": "westeurope",
        "sku": {"name": "Standard", "capacity": 2},
        "tags": {"cost center": "it's ${4} [711]"},
        "properties": {
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "inboundIpRules": RULES,
            "topicSpacesConfiguration": {
                "state": "Enabled",
                "hostname": "factory.example",
                "routeTopicResourceId": None,
            },
            "privateEndpointConnections": [],
        },
    }
    namespace.save()
    make_configuration(namespace, sources=["ClientCertificateDns"], max_sessions=3, max_expiry_hours=8)
    make_ca_certificate(namespace, "line-ca", description=AWKWARD[0])
    for number, text in enumerate(AWKWARD):
        make_client(
            namespace, f"press.{number}:a", authentication_name=f"press {number} {text.strip()}"[:60],
            description=text, attributes={"note": text.strip(), "floor": number, "list": ["a", text.strip()]},
        )  # fmt: skip
    make_client(namespace, "Pinned", validation_scheme="ThumbprintMatch", thumbprints=["ab" * 32], state="Disabled")
    make_client(namespace, "leaving", deleted_at=namespace.connected_at)
    make_client_group(namespace, "Presses", query='attributes.note <> "it\'s"', description=AWKWARD[4])
    make_topic_space(namespace, "machines", "a/${client.authenticationName}/#", "b", description=AWKWARD[3])
    make_permission_binding(namespace, "all-read", group="$all", space="machines", permission="Subscriber")
    make_permission_binding(namespace, "presses", group="presses", space="Machines", permission="Publisher")
    return namespace


def texts_of(namespace: Namespace, made: Format) -> list[str]:
    parts = list(parts_of(namespace))
    scope = scope_of(namespace, parts[0])
    return [made.whole(scope, file) for file in packed(parts, made)]


def read(key: str, texts: Sequence[str], folder: Path) -> list[Made]:
    if key == "terraform":
        return terraform(texts)
    found: list[Made] = []
    for number, text in enumerate(texts):
        (folder / str(number)).mkdir()
        readers: dict[str, Callable[[str], list[Made]]] = {
            "arm": arm_template,
            "bicep": bicep,
            "az": lambda text, at=folder / str(number): az_script(text, at),  # type: ignore[misc]
        }
        found += readers[key](text)
    return found


def compared(made: Iterable[Made]) -> dict[str, tuple[str, Any]]:
    return {each.step.lower(): (each.api_version, each.body) for each in made}


@pytest.mark.parametrize("key", ["arm", "az"])
def test_a_namespace_is_created_again_in_an_empty_emulator(
    own_emulator: EmulatorProcess, factory: Namespace, tmp_path: Path, key: str
) -> None:
    own_emulator.call("PUT", own_emulator.group_id, {"location": "westeurope"})
    target = f"{own_emulator.group_id}/providers/Microsoft.EventGrid/namespaces/again-{key}"
    for each in read(key, texts_of(factory, FORMATS[key]), tmp_path):
        own_emulator.call("PUT", target + each.step, dict(each.body), api_version=each.api_version)
    held = own_emulator.call("GET", target, api_version=PREVIEW)
    assert NamespaceConfiguration.objects.get().matches(held)
    assert (held["location"], held["sku"], held["tags"]) == (
        "westeurope",
        {"name": "Standard", "capacity": 2},
        {"cost center": "it's ${4} [711]"},
    )
    assert held["properties"]["inboundIpRules"] == RULES
    for model in (CACertificate, Client, ClientGroup, TopicSpace, PermissionBinding):
        rows = model.objects.filter(deleted_at=None)
        there = own_emulator.call("GET", f"{target}/{model.arm_type}")["value"]
        assert {each["name"] for each in there} - {"$all"} == {row.name for row in rows}
        for row in rows:
            assert row.matches(next(each for each in there if each["name"] == row.name)), row


@pytest.mark.parametrize("key", ["az", "bicep", "terraform"])
def test_each_kind_of_file_creates_what_the_arm_template_creates(factory: Namespace, tmp_path: Path, key: str) -> None:
    expected = compared(read("arm", texts_of(factory, FORMATS["arm"]), tmp_path))
    assert len(expected) == 1 + 1 + len(AWKWARD) + 1 + 1 + 1 + 2
    (tmp_path / key).mkdir()
    assert compared(read(key, texts_of(factory, FORMATS[key]), tmp_path / key)) == expected


def test_a_namespace_without_preview_settings_uses_the_stable_version(factory: Namespace, tmp_path: Path) -> None:
    NamespaceConfiguration.objects.update(sources=[])
    first, *_ = read("arm", texts_of(factory, FORMATS["arm"]), tmp_path)
    assert first.step == ""
    assert not first.api_version.endswith("-preview")
    assert "clientAuthentication" not in first.body["properties"]["topicSpacesConfiguration"]


SCOPE = Scope("s", "g", "plant", "westeurope", "2025-02-15")


def parts(count: int, size: int) -> list[Part]:
    own = {"description": "d" * size}
    children = [Part("clients", f"press-{number}", "2025-02-15", own, {}) for number in range(count)]
    return [Part("", "plant", "2025-02-15", {}, {"location": "westeurope"}), *children]


@pytest.mark.parametrize("key", FORMATS)
@pytest.mark.parametrize(("count", "size", "files"), [(799, 10, 1), (800, 10, 2), (130, 60_000, 2)])
def test_a_file_has_at_most_800_resources_and_4_mb(key: str, count: int, size: int, files: int, tmp_path: Path) -> None:
    made = FORMATS[key]
    found = list(packed(parts(count, size), made))
    texts = [made.whole(SCOPE, file) for file in found]
    assert len(texts) == files
    assert all(len(file) <= MOST_RESOURCES for file in found)
    assert all(len(text.encode()) <= MOST_BYTES for text in texts)
    assert sum(len(file) for file in found) == count + 1
    if key in {"arm", "bicep"} and size < 100:
        assert len(compared(read(key, texts, tmp_path))) == count + 1


@pytest.mark.parametrize("key", FORMATS)
def test_the_archive_has_the_files_and_says_how_to_deploy_them(factory: Namespace, ada: User, key: str) -> None:
    answer: Any = signed_in(ada).get(reverse(f"namespaces:template_{key}", args=[factory.pk]))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="factory-{key}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert archive.namelist() == [f"001-factory.{FORMATS[key].ending}", "README.md"]
        assert archive.read("001-factory." + FORMATS[key].ending).decode() == texts_of(factory, FORMATS[key])[0]
        readme = archive.read("README.md").decode()
    assert (PROVED in readme, NOT_PROVED in readme) == (FORMATS[key].is_proved, not FORMATS[key].is_proved)
    assert Activity.objects.filter(verb="Download", object_name=f"factory-{key}.zip", scope=factory.pk).exists()


def test_the_page_offers_each_kind(factory: Namespace, ada: User) -> None:
    page = signed_in(ada).get(reverse("namespaces:template_export", args=[factory.pk])).content.decode()
    for key in FORMATS:
        assert f'href="{reverse(f"namespaces:template_{key}", args=[factory.pk])}"' in page
    assert f"{len(AWKWARD) + 1} clients" in page


@pytest.mark.parametrize("key", FORMATS)
def test_rows_of_other_teams_are_in_no_file_where_they_are_hidden(factory: Namespace, key: str) -> None:
    rita = make_user("rita")
    NamespaceRole.objects.create(namespace=factory, user=rita, role=Role.READER)
    Namespace.objects.update(hides_other_teams=True)
    make_client(factory, "secret-1", team=make_team("Line 9"))
    make_ca_certificate(factory, "secret-ca", team=make_team("Line 8"))
    browser: Browser = signed_in(rita)
    answer: Any = browser.get(reverse(f"namespaces:template_{key}", args=[factory.pk]))
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        text = "".join(archive.read(name).decode() for name in archive.namelist())
    assert "secret" not in text
    assert "press.0:a" in text
    page = browser.get(reverse("namespaces:template_export", args=[factory.pk])).content.decode()
    assert "secret" not in page
    assert f"{len(AWKWARD) + 1} clients" in page
