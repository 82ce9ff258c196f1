"""The rules of a namespace from its rows: what the engine decides by them, and what pages show where Azure decides."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from certificates.authentication.engine import authenticate
from certificates.authentication.rules.types import NamespaceRules
from certificates.authentication.types import RULE_TITLES
from certificates.models import (
    CACertificate,
)
from certificates.namespace_rules import rules_of, rules_of_each
from certificates.pages.authentication_trace import namespace_state
from certificates.x509.reading import to_azure_pem
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import Client, Namespace, Role
from namespaces.rights import Rights
from sync.models import HIDDEN_NAME
from tests.certificates.decision_rules.arranging import ARRANGED, DAY, Plant, ask_hours, pin_to
from tests.support.certificates.chains import authority
from tests.support.certificates.revocation_lists import revocation_list
from tests.support.database.factories import (
    make_ca_certificate,
    make_namespace,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture
def namespace(plant: Plant) -> Namespace:
    """What the fixture `ada` waits for."""
    return plant.namespace


@pytest.mark.parametrize(("arrange", "code"), ARRANGED.values(), ids=ARRANGED)
def test_the_engine_decides_by_the_rows(plant: Plant, arrange: Callable[[Plant], Any], code: str) -> None:
    arrange(plant)
    assert plant.code() == code


def test_an_old_list_refuses_where_that_is_set(plant: Plant) -> None:
    old = revocation_list(plant.line, this_update=plant.at - 3 * DAY, next_update=plant.at - DAY)
    plant.list_revoked(der=old)
    assert plant.code() == "accepted"
    plant.ask(stale_list="refuse")
    assert plant.code() == "not-revoked"


def test_a_list_still_counts_when_its_ca_certificate_is_renewed(plant: Plant) -> None:
    plant.list_revoked(plant.device)
    renewed = authority("Line CA", at=plant.at, path_length=3, key_usage=("keyCertSign",))
    CACertificate.objects.update(der=renewed.der)
    assert plant.code() == "not-revoked"


def test_a_broken_list_is_logged_and_left_out(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    plant.list_revoked(der=b"0\x03nothing")
    assert plant.code() == "accepted"
    assert [(each.name, each.levelname) for each in caplog.records] == [("certificates.namespace_rules", "ERROR")]


def test_a_pin_survives_another_authentication_name(plant: Plant) -> None:
    pin_to(plant, "Other CA")
    plant.client.set_authentication_name("press-9")
    plant.client.save()
    rules = namespace_state(plant.namespace).rules
    assert list(rules.pins) == ["press-1"]


def test_rules_of_several_namespaces_stay_apart(plant: Plant, django_assert_max_num_queries: Any) -> None:
    other = make_namespace(
        "other", resource_id="/subscriptions/s/resourceGroups/r/providers/Microsoft.EventGrid/namespaces/other"
    )
    make_ca_certificate(other, "line-ca", der=plant.line.der)
    plant.revoke()
    plant.bind().teams.add(plant.team)
    pin_to(plant, "Line CA")
    plant.list_revoked()
    plant.ask(max_age_days=100)
    with django_assert_max_num_queries(9):
        found = rules_of_each([plant.namespace.pk, other.pk])
    assert found[other.pk] == NamespaceRules()
    assert found[plant.namespace.pk] == rules_of(plant.namespace.pk)
    assert found[plant.namespace.pk]


def test_names_that_are_hidden_from_a_person_are_neutral(plant: Plant) -> None:
    secret = make_team("Secret team", make_user("eve"))
    CACertificate.objects.update(team=secret, name="secret-ca")
    plant.bind(patterns=["secret-*"]).teams.add(secret)
    pin_to(plant, "Line CA")
    rights = Rights(((Role.READER, None),), frozenset({plant.team.pk}), hides_other_teams=True)
    sight = rights.sight(plant.namespace.pk)
    rules = rules_of(plant.namespace.pk, sight=sight)
    assert "secret" not in repr(rules.pins).lower()
    binding = next(iter(rules.bindings.values()))
    assert (binding.name, binding.teams, binding.is_hidden) == (HIDDEN_NAME, (HIDDEN_NAME,), True)


# What pages show.


def try_it(browser: Browser, plant: Plant) -> Any:
    url = reverse("certificates:test_authentication", args=[plant.namespace.pk])
    file = SimpleUploadedFile("client.crt", plant.device.pem)
    answer = browser.post(url, {"file": file, "user_name": "press-1"})
    assert answer.status_code == 200
    return answer


def test_azure_lets_in_what_a_rule_refuses_and_the_page_says_so(ada: Browser, plant: Plant) -> None:
    plant.revoke()
    answer = try_it(ada, plant)
    test, page = answer.context["test"], answer.content.decode()
    assert test.decision.accepted
    assert test.unenforced.code == "not-revoked"
    assert 'data-verdict="accepted"' in page
    assert 'data-unenforced="not-revoked"' in page
    assert "data-fix" not in page
    assert [shown.step.code for shown in test.steps if shown.pill] == ["not-revoked"]


def test_a_rule_that_passes_is_marked_as_not_enforced_too(ada: Browser, plant: Plant) -> None:
    plant.ask(max_age_days=100)
    answer = try_it(ada, plant)
    assert answer.context["test"].unenforced is None
    assert "data-unenforced" not in answer.content.decode()
    assert [shown.step.code for shown in answer.context["test"].steps if shown.pill] == ["within-policy"]


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_where_the_portal_decides_the_rule_refuses(ada: Browser, plant: Plant, is_confirmed: bool) -> None:
    plant.revoke()
    plant.let_the_portal_decide(is_confirmed=is_confirmed)
    answer = try_it(ada, plant)
    test, page = answer.context["test"], answer.content.decode()
    assert test.decision.code == "not-revoked"
    assert 'data-verdict="not-revoked"' in page
    assert 'data-fix="not-revoked"' in page
    assert "data-unenforced" not in page
    assert any(shown.pill for shown in test.steps) is not is_confirmed


@pytest.mark.parametrize("decides", [True, False])
def test_would_it_connect(ada: Browser, plant: Plant, decides: bool) -> None:
    plant.bind()
    if decides:
        plant.let_the_portal_decide()
    file = SimpleUploadedFile("client.crt", plant.device.pem)
    answer = ada.post(reverse("home:certificate_check"), {"file": file})
    checked = answer.context["checked"]
    assert checked.accepted is not decides
    assert bool(checked.unenforced) is not decides
    outcomes = {tick.label: tick.outcome for tick in checked.ticks}
    assert outcomes["Issuer"] == ("failed" if decides else "passed")
    assert ("data-unenforced" in answer.content.decode()) is not decides


FIXED_AT: dict[str, tuple[Callable[[Plant], Any], str, tuple[str, ...]]] = {
    "revoked": (Plant.revoke, "revoked_list", ()),
    "listed": (lambda plant: plant.list_revoked(plant.device), "ca_certificate_crls", ()),
    "bound": (Plant.bind, "ca_certificate_binding", ("line-ca",)),
    "hours": (lambda plant: ask_hours(plant, days=[]), "rules", ()),
    "pinned": (lambda plant: pin_to(plant, "Other CA"), "client_certificates", ("press-1",)),
}


@pytest.mark.parametrize(("arrange", "page", "names"), FIXED_AT.values(), ids=FIXED_AT)
def test_a_rule_links_to_its_page(
    ada: Browser, plant: Plant, arrange: Callable[[Plant], Any], page: str, names: tuple[str, ...]
) -> None:
    arrange(plant)
    plant.let_the_portal_decide()
    test = try_it(ada, plant).context["test"]
    url = next(shown.url for shown in test.steps if shown.step.outcome == "failed")
    assert url.partition("?")[0] == reverse(f"certificates:{page}", args=[plant.namespace.pk, *names])
    shown = ada.get(url)
    assert shown.status_code == 200
    if page == "revoked_list":
        assert [each.row.subject for each in shown.context["listing"].rows] == ["CN=press-1"]


def attempt_page(browser: Browser, plant: Plant) -> Any:
    bare = namespace_state(plant.namespace).without_rules
    decision = authenticate(presented=plant.device.der, user_name="press-1", state=bare, at=plant.at)
    record = {
        "cursor": 7,
        "time": plant.at.isoformat(),
        "resultType": "Succeeded",
        "decision": decision.as_dict(),
        "userName": "press-1",
        "clientName": "press-1",
        "presentedChain": [to_azure_pem(plant.device.der)],
    }
    ConnectionIntake().take(plant.namespace.pk, [record], 7)
    return browser.get(reverse("namespaces:connection_detail", args=[plant.namespace.pk, 7]))


def test_the_trace_of_an_attempt_shows_the_rule_that_azure_does_not_enforce(ada: Browser, plant: Plant) -> None:
    plant.revoke()
    plant.ask(max_age_days=100)
    page = attempt_page(ada, plant).content.decode()
    assert 'data-unenforced="not-revoked"' in page
    assert '<li class="step failed" data-step="not-revoked">' in page
    assert "within-policy" not in page  # not reached


def test_the_trace_of_an_attempt_is_azures_without_rules(ada: Browser, plant: Plant) -> None:
    page = attempt_page(ada, plant).content.decode()
    assert "data-unenforced" not in page
    assert not [code for code in RULE_TITLES if code in page]
    assert Client.objects.count() == 1
