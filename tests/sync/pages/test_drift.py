"""The pages of differences: list, comparison side by side, and decisions."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from namespaces.models import Client, Namespace
from portal.models import Activity, User
from sync.models import Finding
from sync.pages import overview
from tests.support.browser.browsing import page, signed_in
from tests.support.database.append_only import triggers_off
from tests.support.database.factories import make_namespace
from tests.sync.arranging import again, scan, settled
from tests.sync.scripted_arm import ScriptedArm

pytestmark = pytest.mark.django_db


def test_differences_are_listed_shown_and_resolved(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs", "state": "Disabled"})
    scan(factory)
    finding = Finding.objects.get()
    assert "sensor-1" in page(ada, "sync:drift_list", factory.pk)
    detail = page(ada, "sync:drift_detail", factory.pk, finding.pk)
    assert "theirs" in detail
    data = {"finding": finding.pk, "decision": "take-fields", "field": "description"}
    signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    assert (again(client).description, again(client).state) == ("theirs", "Enabled")
    assert 'data-result="same"' in page(ada, "sync:drift_list", factory.pk)


def test_an_appeared_resource_has_no_portal_column(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    arm.hold(f"{factory.resource_id}/clients/stranger", {"authenticationName": "stranger"})
    scan(factory)
    text = page(ada, "sync:drift_detail", factory.pk, Finding.objects.get().pk)
    assert 'data-column="synced"' not in text
    assert text.count('<th scope="col">') == 2


def test_ignored_differences_do_not_count_as_none(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs"})
    scan(factory)
    data = {"finding": Finding.objects.get().pk, "decision": "ignore"}
    signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    text = page(ada, "sync:drift_list", factory.pk)
    assert 'data-result="same"' not in text
    assert 'data-result="ignored"' in text


def test_a_requested_comparison_is_awaited_and_then_shown(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    scan(factory)
    url = reverse("sync:drift_list", args=[factory.pk])
    assert 'data-result="same"' in page(ada, "sync:drift_list", factory.pk)
    browser = signed_in(ada)
    text = browser.post(reverse("sync:drift_refresh", args=[factory.pk]), follow=True).content.decode()
    assert 'data-comparison="no-worker"' in text
    assert 'data-result="same"' not in text, "that is no longer known"
    (asks,) = re.findall(r'id="comparison"[^>]* hx-get="([^"]+)"', text)
    assert re.search(r"<noscript>\s*<a href=", text)
    meanwhile = browser.get(url + asks, headers={"HX-Request": "true"}).content.decode()
    assert f'hx-get="{asks}"' in meanwhile
    assert 'id="findings"' not in meanwhile, "selected checkboxes are kept"
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs"})
    scan(factory)
    over = browser.get(url + asks, headers={"HX-Request": "true"}).content.decode()
    assert 'data-comparison="completed"' in over
    assert "sensor-1" in over[over.index('id="findings"') :]
    assert "hx-get" not in over, "it asks no more"


def test_a_comparison_that_never_begins_is_awaited_for_a_limited_time(ada: User, factory: Namespace) -> None:
    signed_in(ada).post(reverse("sync:drift_refresh", args=[factory.pk]))
    assert 'data-comparison="no-worker"' in page(ada, "sync:drift_list", factory.pk)
    with triggers_off():
        Activity.objects.update(at=timezone.now() - overview.AWAITED)
    text = page(ada, "sync:drift_list", factory.pk)
    assert "compared=" not in text
    assert 'data-result="unknown"' in text


def test_dependent_fields_are_taken_together_or_rejected(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    authentication = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": ["ab" * 32]}
    theirs = {**(arm.held(client.arm_id()) or {}), "clientCertificateAuthentication": authentication}
    arm.hold(client.arm_id(), theirs)
    scan(factory)
    url = reverse("sync:drift_resolve", args=[factory.pk])
    data = {"finding": Finding.objects.get().pk, "decision": "take-fields"}
    for alone, other in (("validation_scheme", "thumbprints"), ("thumbprints", "validation_scheme")):
        answer = signed_in(ada).post(url, {**data, "field": alone})
        assert answer.status_code == 422
        (at_fault,) = re.findall(r'name="side-(\w+)" value="azure"[^>]*aria-invalid="true"', answer.content.decode())
        assert at_fault == other
        assert (again(client).validation_scheme, again(client).sync_state) == (client.validation_scheme, "Succeeded")
    assert Finding.objects.get().state == Finding.State.OPEN
    signed_in(ada).post(url, {**data, "field": ["validation_scheme", "thumbprints"]})
    assert (again(client).validation_scheme, again(client).thumbprints) == ("ThumbprintMatch", ["ab" * 32])


def differing(arm: ScriptedArm, ada: User, namespace: Namespace) -> tuple[Client, Finding]:
    """A client with another scheme, attributes and state in Azure."""
    client = settled(ada, namespace)
    theirs = {
        "clientCertificateAuthentication": {"validationScheme": "DnsMatchesAuthenticationName"},
        "attributes": {"type": "press", "floors": [1, 2]},
        "state": "Disabled",
    }
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), **theirs})
    scan(namespace)
    return client, Finding.objects.get()


def test_a_difference_uses_the_labels_of_the_other_pages(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    _, finding = differing(arm, ada, factory)
    text = page(ada, "sync:drift_detail", factory.pk, finding.pk)
    for text_part in ("Connection state", "Dns Matches Authentication Name", "type: press", "floors: 1, 2"):
        assert text_part.lower() in text.lower(), text_part
    for raw in ("DnsMatches", "{&#x27;", ">state<"):
        assert raw not in text, raw
    listed = page(ada, "sync:drift_list", factory.pk)
    assert ">Client</td>" in listed
    assert "Connection state" in listed


def test_a_resolved_difference_reports_action_object_and_next_step(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    client, finding = differing(arm, ada, factory)
    assert 'data-hint="fields"' in page(ada, "sync:drift_detail", factory.pk, finding.pk)
    data = {"finding": finding.pk, "decision": "take-fields", "field": "state"}
    url = reverse("sync:drift_resolve", args=[factory.pk])
    (message,) = signed_in(ada).post(url, data, follow=True).context["messages"]
    report = str(message)
    assert report.startswith(f"Client {client.name}: ")
    assert report.index("Connection state") < report.index("Validation scheme") < report.index("Attributes")
    finding.refresh_from_db()
    taken, kept = finding.resolution.split(", ")
    labels = ["Connection state", "Validation scheme", "Attributes"]
    assert [label for label in labels if label in taken] == ["Connection state"]
    assert [label for label in labels if label in kept] == ["Validation scheme", "Attributes"]


@pytest.mark.parametrize(
    ("decision", "state"),
    [("keep", Finding.State.RESOLVED), ("take", Finding.State.RESOLVED), ("ignore", Finding.State.IGNORED)],
)
def test_each_decision_is_reported_by_its_difference(
    arm: ScriptedArm, ada: User, factory: Namespace, decision: str, state: str
) -> None:
    client, finding = differing(arm, ada, factory)
    data = {"finding": finding.pk, "decision": decision}
    answer = signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data, follow=True)
    (message,) = answer.context["messages"]
    assert message.level_tag == "success"
    assert str(message).startswith(f"Client {client.name}: ")
    finding.refresh_from_db()
    assert finding.state == state


def test_choosing_no_field_is_an_error_at_the_fields(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    _, finding = differing(arm, ada, factory)
    data = {"finding": finding.pk, "decision": "take-fields"}
    answer = signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert text.count('id="field-problem" data-code="no-field"') == 1
    assert re.search(r'<input type="radio"[^>]* autofocus\s+aria-invalid="true" aria-describedby="field-problem"', text)
    finding.refresh_from_db()
    assert finding.state == Finding.State.OPEN


@pytest.mark.parametrize(
    ("sides", "state", "floors", "due"),
    [
        ({"state": "azure", "validation_scheme": "azure", "attributes": "azure"}, "Disabled", True, False),
        ({"state": "portal", "validation_scheme": "portal", "attributes": "azure"}, "Enabled", True, True),
        ({"state": "portal", "validation_scheme": "portal", "attributes": "portal"}, "Enabled", False, True),
    ],
)
def test_the_chosen_side_of_each_field_is_applied(
    arm: ScriptedArm, ada: User, factory: Namespace, sides: dict[str, str], state: str, floors: bool, due: bool
) -> None:
    client, finding = differing(arm, ada, factory)
    shown = page(ada, "sync:drift_detail", factory.pk, finding.pk)
    assert set(re.findall(r'name="side-(\w+)" value="portal"', shown)) == set(sides)
    assert not re.findall(r'name="side-[^>]*checked', shown), "nothing is chosen for the user"
    data = {"finding": finding.pk, "decision": "apply", **{f"side-{name}": side for name, side in sides.items()}}
    signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    changed = again(client)
    assert (changed.state, "floors" in changed.attributes, not changed.is_settled) == (state, floors, due)
    finding.refresh_from_db()
    assert finding.state == Finding.State.RESOLVED


def test_a_field_without_a_side_is_an_error_and_the_other_choices_stay(
    arm: ScriptedArm, ada: User, factory: Namespace
) -> None:
    _, finding = differing(arm, ada, factory)
    data = {"finding": finding.pk, "decision": "apply", "side-state": "azure", "side-attributes": "nowhere"}
    answer = signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    text = answer.content.decode()
    assert (answer.status_code, text.count('data-code="no-field"')) == (422, 1)
    assert re.findall(r'name="side-(\w+)" value="(\w+)"[^>]*checked', text) == [("state", "azure")]
    finding.refresh_from_db()
    assert finding.state == Finding.State.OPEN


@pytest.mark.parametrize(
    ("said", "by"),
    [
        ({"lastModifiedBy": "kim@contoso.com", "lastModifiedByType": "User", "lastModifiedAt": "2026-06-01T10:00:00.1234567Z"},
         "kim@contoso.com"),
        ({"lastModifiedBy": "0000-1111", "lastModifiedAt": "2026-13-01T10:00:00Z"}, "0000-1111"),
        ({"lastModifiedAt": "2026-06-01T10:00:00Z"}, ""),
        ("odd", ""),
    ],
)  # fmt: skip
def test_who_changed_it_in_azure_is_shown_where_azure_says_it(
    arm: ScriptedArm, ada: User, factory: Namespace, said: object, by: str
) -> None:
    client, finding = differing(arm, ada, factory)
    Finding.objects.update(resource={**finding.resource, "systemData": said})
    assert f'data-changed-by="{by}"' in page(ada, "sync:drift_detail", factory.pk, finding.pk)
    assert (by in page(ada, "sync:drift_list", factory.pk)) or not by
    assert client.name in page(ada, "sync:drift_list", factory.pk)


def test_a_field_is_taken_if_its_fault_existed_before(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    client = settled(ada, factory)
    authentication = {"validationScheme": "ThumbprintMatch", "allowedThumbprints": []}
    theirs = {"clientCertificateAuthentication": authentication, "description": "theirs"}
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), **theirs})
    scan(factory)
    data = {"finding": Finding.objects.get().pk, "decision": "take-fields", "field": "validation_scheme"}
    signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data)
    assert again(client).validation_scheme == "ThumbprintMatch"


@pytest.mark.parametrize("name", ["drift_detail", "drift_list"])
def test_a_decision_applies_to_the_values_shown(arm: ScriptedArm, ada: User, factory: Namespace, name: str) -> None:
    client = settled(ada, factory)
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs"})
    scan(factory)
    which = [Finding.objects.get().pk] if name == "drift_detail" else []
    (shown,) = re.findall(r'name="finding" value="([^"]+)"', page(ada, f"sync:{name}", factory.pk, *which))
    arm.hold(client.arm_id(), {**(arm.held(client.arm_id()) or {}), "description": "theirs again"})
    scan(factory)
    data = {"finding": shown, "decision": "keep"}
    url = reverse("sync:drift_resolve", args=[factory.pk])
    (message,) = signed_in(ada).post(url, data, follow=True).context["messages"]
    assert message.level_tag == "error"
    assert Finding.objects.get().state == Finding.State.OPEN
    (shown,) = re.findall(r'name="finding" value="([^"]+)"', page(ada, f"sync:{name}", factory.pk, *which))
    signed_in(ada).post(url, {"finding": shown, "decision": "keep"})
    assert Finding.objects.get().state == Finding.State.RESOLVED


@pytest.mark.parametrize("decision", ["keep", "take", "adopt", "ignore", "take-fields", "nonsense", ""])
def test_a_decision_about_many_reports_those_that_failed(
    arm: ScriptedArm, ada: User, factory: Namespace, decision: str
) -> None:
    for number in range(3):
        arm.hold(f"{factory.resource_id}/clients/stranger-{number}", {"authenticationName": f"stranger-{number}"})
    scan(factory)
    pks = [finding.pk for finding in Finding.objects.all()]
    data = {"decision": decision, "finding": pks, "confirmed": "yes"}
    response = signed_in(ada).post(reverse("sync:drift_resolve", args=[factory.pk]), data, follow=True)
    state = {"adopt": Finding.State.RESOLVED, "ignore": Finding.State.IGNORED}.get(decision, Finding.State.OPEN)
    level = "error" if state == Finding.State.OPEN else "success"
    assert [message.level_tag for message in response.context["messages"]] == [level]
    assert set(Finding.objects.values_list("state", flat=True)) == {state}
    assert Client.objects.count() == (3 if decision == "adopt" else 0)


def test_a_difference_of_another_namespace_is_not_found(arm: ScriptedArm, ada: User, factory: Namespace) -> None:
    elsewhere = make_namespace("elsewhere")
    arm.hold(f"{elsewhere.resource_id}/clients/stranger", {"authenticationName": "stranger"})
    scan(elsewhere)
    finding = Finding.objects.get()
    assert signed_in(ada).get(reverse("sync:drift_detail", args=[factory.pk, finding.pk])).status_code == 404
