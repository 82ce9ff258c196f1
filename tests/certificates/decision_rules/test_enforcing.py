"""The rules of a namespace from its rows: what the engine decides by them, and what pages show where Azure decides."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from certificates.authentication.engine import authenticate
from certificates.authentication.rules.types import NamespaceRules
from certificates.authentication.types import RULE_TITLES
from certificates.models import (
    CACertificate,
    DecisionRules,
    IssuerBinding,
    PinnedKey,
    RevocationList,
    RevokedCertificate,
)
from certificates.namespace_rules import rules_of, rules_of_each
from certificates.pages.authentication_trace import namespace_state
from certificates.x509.certificate import load_certificate, public_key_hash
from certificates.x509.reading import to_azure_pem
from namespaces.connections.log_import import ConnectionIntake
from namespaces.models import Client, DecisionPoint, Namespace, Role
from namespaces.rights import Rights
from portal.models import Team, User
from sync.models import HIDDEN_NAME
from tests.support.chains import Identity, authority
from tests.support.factories import (
    make_ca_certificate,
    make_client,
    make_client_group,
    make_configuration,
    make_namespace,
    make_team,
    make_user,
)
from tests.support.revocation_lists import revocation_list

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
OWN_RIGHTS = Rights(((Role.OWNER, None),))


class Plant:
    """A namespace with one CA certificate, and a client of Line A below it."""

    def __init__(self) -> None:
        self.at = timezone.now().replace(microsecond=0)
        self.line = authority("Line CA", at=self.at)
        self.device = self.line.issue("press-1")
        self.ada: User = make_user("ada")
        self.team: Team = make_team("Line A", self.ada)
        self.namespace: Namespace = make_namespace(contributor=self.ada)
        self.ca = make_ca_certificate(self.namespace, "line-ca", der=self.line.der)
        attributes = {"kind": "press"}
        self.client = make_client(self.namespace, "press-1", team=self.team, attributes=attributes)
        self.namespace.rights = OWN_RIGHTS

    def code(self, device: Identity | None = None) -> str:
        """The step at which the engine refuses, or "accepted"."""
        state = namespace_state(self.namespace)
        presented = (device or self.device).der
        return authenticate(presented=presented, user_name="press-1", state=state, at=self.at).code

    def bind(self, ca: CACertificate | None = None, **fields: Any) -> IssuerBinding:
        return IssuerBinding.objects.create(ca=ca or self.ca, changed_at=self.at, **fields)

    def revoke(self, **fields: Any) -> RevokedCertificate:
        row = RevokedCertificate(namespace=self.namespace, revoked_at=self.at, **fields)
        row.set_certificate(load_certificate(self.device.der))
        row.save()
        return row

    def list_revoked(self, *devices: Identity, **fields: Any) -> RevocationList:
        crl = revocation_list(self.line, *devices, this_update=self.at - DAY, next_update=self.at + DAY)
        known: dict[str, Any] = {"der": crl, "signer_key": public_key_hash(self.line.der), "ca": self.ca} | fields
        return RevocationList.objects.create(namespace=self.namespace, **known)

    def pin(self, key: str, ca_name: str = "") -> None:
        PinnedKey.objects.create(client=self.client, spki_sha256=key, ca_name=ca_name, pinned_at=self.at)

    def ask(self, **fields: Any) -> None:
        DecisionRules.objects.create(namespace=self.namespace, **fields)

    def let_the_portal_decide(self, *, is_confirmed: bool = True) -> None:
        make_configuration(self.namespace, webhook_url="https://decide.example.com/decide/key")
        DecisionPoint.objects.create(namespace=self.namespace, confirmed_at=self.at if is_confirmed else None)


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture
def namespace(plant: Plant) -> Namespace:
    """What the fixture `ada` waits for."""
    return plant.namespace


def bind_to_team(plant: Plant, name: str) -> None:
    plant.bind().teams.add(plant.team if name == plant.team.name else make_team(name))


def bind_to_group(plant: Plant, query: str) -> None:
    plant.bind().groups.add(make_client_group(plant.namespace, "presses", query=query))


def ask_hours(plant: Plant, **stored: Any) -> None:
    plant.ask(windows=[{"days": list(range(7)), "start": "00:00", "end": "00:00", "zone": "Europe/Berlin"} | stored])


def pin_to(plant: Plant, name: str) -> None:
    plant.pin(public_key_hash(authority(name, at=plant.at).der))


def list_of_another_key(plant: Plant) -> None:
    plant.list_revoked(plant.device, signer_key="0" * 64)


def released(plant: Plant) -> None:
    plant.revoke(released_at=plant.at)


ARRANGED: dict[str, tuple[Callable[[Plant], Any], str]] = {
    "no rule": (lambda plant: None, "accepted"),
    "revoked": (Plant.revoke, "not-revoked"),
    "released again": (released, "accepted"),
    "on a list": (lambda plant: plant.list_revoked(plant.device), "not-revoked"),
    "not on a list": (Plant.list_revoked, "accepted"),
    "on a list of a key that no CA has": (list_of_another_key, "accepted"),
    "an empty place for a list": (lambda plant: plant.list_revoked(der=b""), "accepted"),
    "its team": (lambda plant: bind_to_team(plant, "Line A"), "accepted"),
    "another team": (lambda plant: bind_to_team(plant, "Line B"), "issuer-vouches"),
    "its group": (lambda plant: bind_to_group(plant, "attributes.kind = 'press'"), "accepted"),
    "another group": (lambda plant: bind_to_group(plant, "attributes.kind = 'pump'"), "issuer-vouches"),
    "a group that cannot be read": (lambda plant: bind_to_group(plant, "kind is pump"), "issuer-vouches"),
    "its name": (lambda plant: plant.bind(patterns=["press-*"]), "accepted"),
    "another name": (lambda plant: plant.bind(patterns=["pump-*"]), "issuer-vouches"),
    "nobody": (Plant.bind, "issuer-vouches"),
    "young enough": (lambda plant: plant.ask(max_age_days=31), "accepted"),
    "too old": (lambda plant: plant.ask(max_age_days=29), "within-policy"),
    "a short curve": (lambda plant: plant.ask(min_ec_bits=384), "within-policy"),
    "RSA only": (lambda plant: plant.ask(min_rsa_bits=4096), "accepted"),
    "all hours": (ask_hours, "accepted"),
    "no day": (lambda plant: ask_hours(plant, days=[]), "within-policy"),
    "a zone that is not known": (lambda plant: ask_hours(plant, zone="Europe/Atlantis"), "within-policy"),
    "no zone": (lambda plant: ask_hours(plant, zone=None), "within-policy"),
    "its CA": (lambda plant: pin_to(plant, "Line CA"), "accepted"),
    "another CA": (lambda plant: pin_to(plant, "Other CA"), "key-pinned"),
}


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
    assert "revocation list" in caplog.text


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
