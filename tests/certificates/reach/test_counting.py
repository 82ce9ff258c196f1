"""The clients that a CA certificate could authenticate as, counted by team."""

from typing import Any

import pytest
from cryptography import x509
from django.http import QueryDict
from django.utils import timezone

from certificates.models import CACertificate
from certificates.reach.counting import reach_of
from certificates.reach.types import FLAWED, NOT_FOR_CLIENTS, Reach
from certificates.x509.certificate import name_mark, public_key_hash
from certificates.x509.reading import Certificate, load_certificate
from namespaces.control.reach import NO_TEAM, teams_reached
from namespaces.models import Client, Namespace, Role
from namespaces.pages.client_list import CLIENT_LIST
from namespaces.rights import Rights
from portal.models import Team
from tests.certificates.reach.test_name_constraints import constraints
from tests.support.certificates.chains import Identity, authority, name_of
from tests.support.database.factories import make_ca_certificate, make_client, make_namespace, make_team

pytestmark = pytest.mark.django_db

DNS, IP, EMAIL = (f"{kind}MatchesAuthenticationName" for kind in ("Dns", "Ip", "Email"))


def read(identity: Identity) -> Certificate:
    return load_certificate(identity.der)


def by_team(reach: Reach) -> dict[str, int]:
    return {each.name: each.clients for each in reach.teams}


@pytest.fixture
def plant(namespace: Namespace) -> Namespace:
    """A namespace with clients of two teams and of none."""
    line_a, line_b = make_team("Line A"), make_team("Line B")
    for number in range(3):
        make_client(namespace, f"a-{number}", team=line_a)
    for number in range(2):
        make_client(namespace, f"b-{number}.plant.example", team=line_b, validation_scheme=DNS)
    make_client(namespace, "b-off", team=line_b, state="Disabled")
    make_client(namespace, "b-fixed", team=line_b, validation_scheme="ThumbprintMatch", thumbprints=["ab" * 32])
    make_client(namespace, "free")
    make_client(namespace, "gone", team=line_b, deleted_at=namespace.connected_at)
    make_client(make_namespace("other-place"), "elsewhere", team=line_b)
    return namespace


def test_every_client_but_those_with_thumbprint_match_is_in_reach(plant: Namespace) -> None:
    reach = reach_of(read(authority("New CA")), plant)
    assert by_team(reach) == {"Line A": 3, "Line B": 3, "": 1}
    assert (reach.clients, reach.disabled, reach.by_thumbprint, reach.outside_names) == (7, 1, 1, 0)
    assert (reach.signed, reach.left, reach.unable) == (0, 0, "")


def test_others_are_teams_that_are_not_ones_own(plant: Namespace) -> None:
    reach = reach_of(read(authority("New CA")), plant)
    line_a = next(each.team for each in reach.teams if each.name == "Line A")
    assert [each.name for each in reach.others([line_a or 0])] == ["Line B"]
    assert len(reach.others([])) == 2


def test_names_that_its_constraints_exclude_are_out_of_reach(plant: Namespace) -> None:
    make_client(plant, "b-9.office.example", validation_scheme=DNS)
    make_client(plant, "10.0.0.7", validation_scheme=IP)
    limited = authority("DNS CA", name_constraints=constraints(DNS, ["plant.example"], []))
    reach = reach_of(read(limited), plant)
    assert (reach.clients, reach.outside_names) == (8, 1)
    addresses = authority("IP CA", name_constraints=constraints(IP, ["192.168.0.0/16"], []))
    assert (reach_of(read(addresses), plant).clients, reach_of(read(addresses), plant).outside_names) == (8, 1)


def test_what_is_counted_is_what_the_list_shows(plant: Namespace) -> None:
    make_client(plant, "x.office.example", validation_scheme=DNS)
    make_client(plant, "10.0.0.7", validation_scheme=IP)
    make_client(plant, "m@plant.example", validation_scheme=EMAIL)
    limits = {
        "no-limits": None,
        "dns-only": constraints(DNS, ["plant.example"], ["b-1.plant.example"]),
        "mail-only": constraints(EMAIL, [], ["plant.example"]),
        "net-only": constraints(IP, ["10.0.0.0/9"], []),
    }
    for name, limit in limits.items():
        row = make_ca_certificate(plant, name, der=authority(name, name_constraints=limit).der)
        certificate = row.certificate
        assert certificate is not None
        shown = {client.name for client in CLIENT_LIST.rows(plant, QueryDict(f"reach={name}"))}
        assert len(shown) == reach_of(certificate, plant).clients
        assert ("b-1.plant.example" in shown) is (name != "dns-only")
    assert len(CLIENT_LIST.rows(plant, QueryDict("reach=!any"))) == 10
    assert len(CLIENT_LIST.rows(plant, QueryDict("reach=unknown"))) == 12


@pytest.mark.parametrize(
    ("options", "why"),
    [({"purposes": ["serverAuth"]}, NOT_FOR_CLIENTS), ({"ca": False}, FLAWED), ({"key": "RSA 1024"}, FLAWED)],
)
def test_a_ca_that_can_vouch_for_no_one_reaches_no_one(plant: Namespace, options: dict[str, Any], why: str) -> None:
    identity = authority("Odd CA", **options)
    reach = reach_of(read(identity), plant)
    assert (reach.clients, reach.unable, reach.by_thumbprint) == (0, why, 1)
    make_ca_certificate(plant, "odd", der=identity.der)
    assert not CLIENT_LIST.rows(plant, QueryDict("reach=odd")).exists()


def signed_by(identity: Identity, *names: str) -> None:
    key = public_key_hash(identity.der)
    path = name_mark(read(identity).subject)
    Client.objects.filter(name__in=names).update(issuer_key=key, anchor_key=key, certificate_path=path)


def test_those_that_it_signs_and_who_would_be_left_are_counted_apart(plant: Namespace) -> None:
    now = timezone.now()  # the root takes the clients over only while it is valid
    root = authority("Root CA", at=now)
    line = root.issue("Line CA", ca=True, at=now)
    row = make_ca_certificate(plant, "line", der=line.der)
    signed_by(line, "a-0", "a-1", "b-off", "b-fixed")
    certificate = row.certificate
    assert certificate is not None
    reach = reach_of(certificate, plant)
    assert {each.name: (each.signed, each.left) for each in reach.teams} == {
        "Line A": (2, 2),
        "Line B": (1, 1),
        "": (0, 0),
    }
    make_ca_certificate(plant, "root", der=root.der)
    marks = f"{name_mark(read(line).subject)} {name_mark(read(root).subject)}"
    Client.objects.filter(name="a-0").update(certificate_path=marks)
    assert reach_of(certificate, plant).left == 2


def test_a_ca_of_the_same_name_with_another_key_signed_no_one(plant: Namespace) -> None:
    signed_by(authority("Line CA"), "a-0", "b-off")
    impostor = authority("Line CA", key_label="another key")
    assert (reach_of(read(impostor), plant).clients, reach_of(read(impostor), plant).signed) == (7, 0)
    renewed = authority("Line CA", path_length=3)
    assert (reach_of(read(renewed), plant).signed, reach_of(read(renewed), plant).left) == (2, 2)
    make_ca_certificate(plant, "line", der=authority("Line CA", at=timezone.now()).der)
    assert (reach_of(read(renewed), plant).signed, reach_of(read(renewed), plant).left) == (2, 0)


def test_the_digest_is_of_the_teams_and_not_of_the_counts(plant: Namespace) -> None:
    ca = read(authority("New CA"))
    before = reach_of(ca, plant).digest
    line_a = next(each.team for each in reach_of(ca, plant).teams if each.name == "Line A")
    make_client(plant, "a-more", team_id=line_a)
    make_client(plant, "free-more")
    assert reach_of(ca, plant).digest == before
    Client.objects.filter(name="a-more").update(state="Disabled")
    assert reach_of(ca, plant).digest == before
    make_client(plant, "c-0", team=make_team("Line C"))
    assert reach_of(ca, plant).digest != before
    assert reach_of(read(authority("Another CA")), plant).digest != reach_of(ca, plant).digest


def test_the_gate_asks_for_what_name_constraints_leave_and_for_all_in_doubt(plant: Namespace) -> None:
    line_a, line_b = (Team.objects.get(name=name).pk for name in ("Line A", "Line B"))
    only_names = name_of("O=Plant")
    no_subjects = x509.NameConstraints([x509.DirectoryName(only_names)], [x509.DirectoryName(only_names)])
    limited = authority("Limited CA", name_constraints=no_subjects)
    assert teams_reached(plant, limited.der) == {line_b}  # by its DNS names
    everyone = {NO_TEAM, line_a, line_b}
    for der in (authority("New CA").der, authority("Odd CA", purposes=["serverAuth"]).der, b"not a certificate"):
        assert teams_reached(plant, der) == everyone


def test_what_was_shown_is_kept_as_json(plant: Namespace) -> None:
    reach = reach_of(read(authority("New CA")), plant)
    assert Reach.from_dict(reach.as_dict()) == reach


def test_hidden_teams_count_and_a_hidden_ca_narrows_nothing(plant: Namespace) -> None:
    line_a = Team.objects.get(name="Line A").pk
    line_b = Team.objects.get(name="Line B")
    make_ca_certificate(plant, "of-b", team=line_b)
    plant.rights = Rights(((Role.READER, None),), frozenset({line_a}), hides_other_teams=True)
    assert reach_of(read(authority("New CA")), plant).clients == 7
    assert CACertificate.visible_to(plant.sight).count() == 0
    assert {client.name for client in CLIENT_LIST.rows(plant, QueryDict("reach=of-b"))} == {"a-0", "a-1", "a-2", "free"}


def test_the_counts_take_few_queries(plant: Namespace, django_assert_max_num_queries: Any) -> None:
    ca = read(authority("New CA"))
    with django_assert_max_num_queries(5):  # of which one finds who decides
        reach_of(ca, plant)
