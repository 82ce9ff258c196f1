"""ARM IDs: letters of every language where Azure allows them, and no characters that change the URL of a request."""

from urllib.parse import quote

import pytest

from namespaces.actions.clients import create_client
from namespaces.actions.namespaces import connect_namespace
from namespaces.importing.runs import run_import
from namespaces.models import Namespace
from sync.arm.resource_ids import parse_resource_id
from sync.push.claim_and_settle import Pushed, push
from sync.self_check import check_azure
from tests.support.azure.emulator_process import EmulatorProcess
from tests.support.database.factories import make_admin, namespace_id
from tests.sync.scripted_arm import Answer, ScriptedArm

GROUP = "Werk-Süd_工場"
HEAD = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups"
TAIL = "providers/Microsoft.EventGrid/namespaces/factory"


@pytest.mark.parametrize("group", ["rg", "a.b_(c)-d", GROUP, "Žluťoučký", "กลุ่ม", "s", "x" * 90])
def test_a_resource_group_may_have_letters_of_any_language(group: str) -> None:
    parsed = parse_resource_id(f"{HEAD}/{group}/{TAIL}")
    assert (parsed.resource_group, parsed.name, parsed.kind) == (group, "factory", "namespaces")


@pytest.mark.parametrize(
    "group",
    ["", ".", "..", "a b", "a%2Fb", "a?b", "a#b", "a\\b", "a\u202eb", "a\u200bb", "\uff0e\uff0e", "a\uff0fb", "a\n"],
)
def test_url_characters_and_invisible_ones_are_no_resource_group(group: str) -> None:
    with pytest.raises(ValueError, match="resource id"):
        parse_resource_id(f"{HEAD}/{group}/{TAIL}")


@pytest.mark.parametrize("name", ["sensör", "..", "a b"])
def test_other_steps_are_ascii_only(name: str) -> None:
    with pytest.raises(ValueError, match="resource id"):
        parse_resource_id(f"{HEAD}/rg/{TAIL}/clients/{name}")


@pytest.mark.django_db
def test_a_namespace_in_such_a_group_is_imported_changed_and_checked(
    azure: EmulatorProcess, own_subscription: str
) -> None:
    group = f"/subscriptions/{own_subscription}/resourceGroups/{quote(GROUP)}"
    path = f"{group}/providers/Microsoft.EventGrid/namespaces/far-away"
    resource_id = azure.make_namespace("far-away", group_id=group)
    assert GROUP in resource_id
    ada = make_admin("ada")
    namespace = connect_namespace(ada, resource_id=resource_id)
    run_import(namespace.pk)
    assert Namespace.objects.get().import_state == Namespace.Import.DONE
    client = create_client(
        ada,
        namespace=namespace,
        team=None,
        name="sensor-1",
        authentication_name="sensor-1",
        validation_scheme="SubjectMatchesAuthenticationName",
    )
    assert push(client) is Pushed.SUCCEEDED
    assert azure.call("GET", f"{path}/clients/sensor-1")["name"] == "sensor-1"
    results = {check.title: check.result for check in check_azure()}
    assert results["far-away: reading"].is_good
    assert results["far-away: reading"].message.count("1 client") == 1
    azure.call("DELETE", path)


@pytest.mark.django_db
def test_check_azure_reports_an_unsupported_id_and_continues(arm: ScriptedArm) -> None:
    strange, good = namespace_id("strange").replace("mqtt-tests", "a b"), namespace_id("good")
    listed = [{"id": strange, "name": "strange"}, {"id": good, "name": "good"}]
    arm.script(
        "GET",
        Answer(200, {"value": [{"subscriptionId": "s"}]}),
        Answer(200, {"registrationState": "Registered"}),
        Answer(200, {"value": [{"subscriptionId": "s"}]}),
        Answer(200, {"value": listed}),
    )
    results = {check.title: check.result for check in check_azure()}
    assert (results["strange: reading"].is_good, results["strange: reading"].code) == (False, "resource_id")
    assert "good: reading" in results
