"""What name constraints leave in reach, compared with what OpenSSL verifies.

A name that is said to be out of reach must never pass; where one is in reach, the certificate made here for it passes.
"""

import ipaddress
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates.authentication.certification_paths import TrustAnchors
from certificates.authentication.chain import verify_chain
from certificates.authentication.ip_addresses import address_of, ipv4_number
from certificates.authentication.types import authentication_name_key
from certificates.reach.name_constraints.limits import NameLimits, name_limits
from certificates.x509.reading import load_certificate
from tests.support.certificates.chains import AT, authority, name_of

SUBJECT, DNS, URI, IP, EMAIL = (f"{kind}MatchesAuthenticationName" for kind in ("Subject", "Dns", "Uri", "Ip", "Email"))
KINDS: dict[str, Any] = {
    DNS: x509.DNSName,
    URI: x509.UniformResourceIdentifier,
    IP: lambda text: x509.IPAddress(ipaddress.ip_network(text)),
    EMAIL: x509.RFC822Name,
    SUBJECT: lambda text: x509.DirectoryName(name_of(*text.split(",")) if text else x509.Name([])),
}
FIELDS = {DNS: "dns", URI: "uris", IP: "ips", EMAIL: "emails"}


def constraints(scheme: str, permitted: list[str], excluded: list[str]) -> x509.NameConstraints:
    make = KINDS[scheme]
    return x509.NameConstraints([make(each) for each in permitted] or None, [make(each) for each in excluded] or None)


def passes(ca: Any, scheme: str, name: str) -> bool:
    """Return whether OpenSSL takes a certificate with this name alone."""
    leaf = ca.issue("", subject=x509.Name([]), key_label="leaf", san_critical=True, **{FIELDS[scheme]: [name]})
    anchors = TrustAnchors([("ca", ca.der)])
    return verify_chain(load_certificate(leaf.der), (), anchors, at=AT).verified


# scheme, permitted, excluded, name, is in reach
CASES = [
    (DNS, ["plant.example"], [], "plant.example", True),
    (DNS, ["plant.example"], [], "a.b.Plant.example", True),
    (DNS, ["plant.example"], [], "notplant.example", False),
    (DNS, ["plant.example"], [], "plantxexample", False),
    (DNS, [".plant.example"], [], "a.plant.example", True),
    (DNS, [".plant.example"], [], "plant.example", False),
    (DNS, [".plant.example"], [], ".plant.example", True),
    (DNS, ["plant.example", "yard.example"], ["b.plant.example"], "a.plant.example", True),
    (DNS, ["plant.example", "yard.example"], ["b.plant.example"], "a.b.plant.example", False),
    (DNS, ["plant.example", "yard.example"], ["b.plant.example"], "yard.example", True),
    (DNS, [], ["b.plant.example"], "sensor-1", True),
    (DNS, [], [""], "sensor-1", False),
    (DNS, [""], [], "sensor-1", True),
    (EMAIL, ["plant.example"], [], "a@plant.example", True),
    (EMAIL, ["plant.example"], [], "a@b.plant.example", False),
    (EMAIL, [".plant.example"], [], "a@b.plant.example", True),
    (EMAIL, [".plant.example"], [], "a@plant.example", False),
    (EMAIL, ["a@plant.example"], [], "a@plant.example", True),
    (EMAIL, ["a@plant.example"], [], "b@plant.example", False),
    (EMAIL, ["a@plant.example"], [], "xa@plant.example", False),
    (EMAIL, [], ["plant.example"], "a@plant.example", False),
    (EMAIL, [], ["7@plant.example"], "7@plant.example", False),
    (EMAIL, [], ["7@plant.example"], "8@plant.example", True),
    (URI, ["plant.example"], [], "https://plant.example/a", True),
    (URI, ["plant.example"], [], "https://plant.example:80/a", True),
    (URI, ["plant.example"], [], "mqtt://plant.example", True),
    (URI, ["plant.example"], [], "https://plant.example?press=1", True),
    (URI, ["plant.example"], [], "https://plant.example#press", True),
    (URI, ["plant.example"], [], "https://b.plant.example/a", False),
    (URI, ["plant.example"], [], "https://other.example/plant.example", False),
    (URI, ["plant.example"], [], "https://other.example/x://plant.example", False),
    (URI, ["plant.example"], [], "urn:device:1", False),
    (URI, [".plant.example"], [], "https://b.plant.example/a", True),
    (URI, [".plant.example"], [], "https://plant.example/a", False),
    (URI, [], ["plant.example"], "https://plant.example/a", False),
    (URI, [], ["plant.example"], "https:///plant.example", True),
    (URI, [], ["plant.example"], "https://b.plant.example/a", True),
    (IP, ["10.0.0.0/8"], [], "10.1.2.3", True),
    (IP, ["10.0.0.0/8"], [], "11.1.2.3", False),
    (IP, ["10.0.0.0/8"], [], "fe80::1", False),
    (IP, ["fe80::/16"], ["fe80::1/128"], "fe80::1", False),
    (IP, ["fe80::/16"], ["fe80::1/128"], "fe80::2", True),
    (IP, [], ["10.0.0.0/8"], "fe80::2", True),
]


@pytest.mark.parametrize(("scheme", "permitted", "excluded", "name", "in_reach"), CASES)
def test_a_name_is_in_reach_where_openssl_takes_it(
    scheme: str, permitted: list[str], excluded: list[str], name: str, in_reach: bool
) -> None:
    ca = authority("Line CA", name_constraints=constraints(scheme, permitted, excluded))
    limits = name_limits(ca.der)
    assert limits.limits(scheme)
    assert limits.permit(scheme, authentication_name_key(name)) is in_reach
    assert passes(ca, scheme, name) is in_reach


@pytest.mark.parametrize("bases", [["yard\0.example"], [f"yard-{number}.example" for number in range(101)]])
def test_constraints_that_no_query_can_ask_for_limit_nothing(bases: list[str]) -> None:
    limits = name_limits(authority("Line CA", name_constraints=constraints(DNS, bases, [])).der)
    assert limits.is_empty


def test_an_excluded_mailbox_is_in_reach_in_another_case() -> None:
    """Names compare ignoring case, mailboxes in constraints do not: another spelling passes for the same client."""
    ca = authority("Line CA", name_constraints=constraints(EMAIL, [], ["anna@plant.example"]))
    assert not passes(ca, EMAIL, "anna@plant.example")
    assert passes(ca, EMAIL, "ANNA@plant.example")
    assert name_limits(ca.der).permit(EMAIL, "anna@plant.example")


def test_addresses_are_in_reach_in_any_notation_and_other_names_are_not() -> None:
    limits = name_limits(authority("Line CA", name_constraints=constraints(IP, ["fe80::/16"], [])).der)
    assert limits.permit(IP, "[fe80:0:0:0:0:0:0:1]")
    assert not limits.permit(IP, "sensor-1")


@pytest.mark.parametrize(
    ("permitted", "excluded", "in_reach"),
    [
        (["O=Plant"], [], True),  # the subject O=Plant, CN=name
        ([], ["O=Plant"], True),
        (["O=Plant"], ["O=Plant,OU=Line 1"], True),
        (["O=Plant"], ["O=Plant"], False),
        (["O=Plant,OU=Line 1"], ["O=Plant"], False),
        (["O=Plant", "O=Yard"], ["O=Plant"], True),
        ([], [""], False),
    ],
)
def test_subjects_are_in_reach_unless_none_is_left(permitted: list[str], excluded: list[str], in_reach: bool) -> None:
    limits = name_limits(authority("Line CA", name_constraints=constraints(SUBJECT, permitted, excluded)).der)
    assert limits.permit(SUBJECT, "sensor-1") is in_reach
    assert limits.permit(DNS, "sensor-1")


def test_a_subject_passes_below_what_dns_names_are_limited_to() -> None:
    """A certificate may have a permitted DNS name beside a common name of any client: DNS limits do not limit subjects."""
    ca = authority("Line CA", name_constraints=constraints(DNS, ["plant.example"], []))
    leaf = ca.issue("sensor-1.yard.example", dns=["x.plant.example"])
    assert verify_chain(load_certificate(leaf.der), (), TrustAnchors([("ca", ca.der)]), at=AT).verified
    assert name_limits(ca.der).permit(SUBJECT, "sensor-1.yard.example")


def test_without_name_constraints_every_name_is_in_reach() -> None:
    limits = name_limits(authority("Line CA").der)
    assert limits == NameLimits()
    assert limits.is_empty
    assert all(limits.permit(scheme, "sensor-1") for scheme in KINDS)


LABELS = st.sampled_from(["a", "ab", "b-1", "plant", "example"])
HOSTS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
BASES = st.one_of(HOSTS, HOSTS.map(lambda host: f".{host}"))
MAILS = st.tuples(st.sampled_from(["a", "A", "7", "b.c"]), HOSTS).map("@".join)
TEXTS: dict[str, Any] = {
    DNS: (BASES, HOSTS),
    EMAIL: (st.one_of(BASES, MAILS), MAILS),
    URI: (
        BASES,
        st.tuples(
            st.sampled_from(["x://", "x://a@", "x://a:b@", "urn:", ""]),
            HOSTS,
            st.sampled_from(["", ":1", "/b", "/b:c", "/@a", "/x://a", "?b", "#b", "?b@plant", "?/b", "#@plant"]),
        ).map("".join),
    ),
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_openssl_takes_is_never_out_of_reach(data: st.DataObject) -> None:
    scheme = data.draw(st.sampled_from(sorted(TEXTS)))
    bases, names = TEXTS[scheme]
    permitted, excluded = data.draw(st.lists(bases, max_size=2)), data.draw(st.lists(bases, max_size=2))
    name = data.draw(names)
    if not permitted and not excluded:
        return
    ca = authority("Line CA", name_constraints=constraints(scheme, permitted, excluded))
    if passes(ca, scheme, name):
        assert name_limits(ca.der).permit(scheme, authentication_name_key(name))


@pytest.mark.parametrize(
    "name",
    [
        "10.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "10.0.0.01",
        "10.0.0.256",
        "10.0.0",
        "10.0.0.1.2",
        "10.0.0.\u0661",
        " 10.0.0.1",
        "::1",
    ],
)
def test_an_address_as_a_number_is_the_same_as_one_that_is_parsed(name: str) -> None:
    number, address = ipv4_number(name), address_of(name)
    assert number is None or number == int(address or -1)
    assert number is not None or address is None or not name[0].isdigit()
