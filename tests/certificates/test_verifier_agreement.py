"""The engine against a verifier that it does not use: cryptography's, on some 900 generated chains.

Where the two differ, the difference is listed here with its reason; none is left over, and no listed one is unused. The
peer's extension policies are the relaxed ones: its defaults ask for what client certificates of plants do not have.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from certificates.authentication import ClientRecord, NamespaceState, TrustedCA, authenticate
from tests.certificates.cases import DAY
from tests.chains import AT, Identity, authority, name_of, only_dns, unknown_extension

LEAVES: dict[str, dict[str, Any]] = {
    "good": {},
    "SAN": {"dns": ["sensor-1.plant.example"]},
    "server and client": {"purposes": ["serverAuth", "clientAuth"], "dns": ["sensor-1"]},
    "no EKU": {"purposes": None},
    "any EKU": {"purposes": ["anyExtendedKeyUsage"]},
    "server only": {"purposes": ["serverAuth"]},
    "no key usage": {"key_usage": None},
    "key encipherment only": {"key_usage": ["keyEncipherment"]},
    "no basic constraints": {"ca": None},
    "no AKI": {"aki": None},
    "other AKI": {"aki": b"\x02" * 20},
    "no SKI": {"has_ski": False},
    "expired": {"not_after": AT - DAY},
    "not yet valid": {"not_before": AT + DAY},
    "RSA 2048": {"key": "RSA 2048"},
    "RSA 1024": {"key": "RSA 1024"},
    "P-384": {"key": "P-384"},
    "P-521": {"key": "P-521"},
    "Ed25519": {"key": "Ed25519"},
    "SHA-1": {"digest": "SHA-1"},
    "version 1": {"version_1": True},
    "unknown critical extension": {"extensions": [unknown_extension(critical=True)]},
    "unknown extension": {"extensions": [unknown_extension(critical=False)]},
    "name in other case": {"issuer": "swapped"},
}
AUTHORITIES: dict[str, dict[str, Any]] = {
    "good": {},
    "path length 0": {"path_length": 0},
    "RSA 2048": {"key": "RSA 2048"},
    "P-384": {"key": "P-384"},
    "P-521": {"key": "P-521"},
    "Ed25519": {"key": "Ed25519"},
    "RSA 1024": {"key": "RSA 1024"},
    "no key usage": {"key_usage": None},
    "no keyCertSign": {"key_usage": ["cRLSign"]},
    "no SKI": {"has_ski": False},
    "expired": {"not_after": AT - DAY},
    "not yet valid": {"not_before": AT + DAY},
    "CA flag false": {"ca": False},
    "no basic constraints": {"ca": None},
    "client EKU": {"purposes": ["clientAuth"]},
    "server EKU": {"purposes": ["serverAuth"]},
    "unknown critical extension": {"extensions": [unknown_extension(critical=True)]},
    "permits the name": {"name_constraints": only_dns("plant.example", "sensor-1")},
    "permits another name": {"name_constraints": only_dns("office.example")},
}
ARRANGEMENTS = ("the issuer uploaded", "the root uploaded, the issuer sent")


@dataclass(frozen=True)
class Row:
    """One chain: how the leaf, its issuer and the upload are made."""

    leaf: str
    ca: str
    arrangement: str


ROWS = [
    Row(leaf, ca, arrangement)
    for leaf in LEAVES
    for ca in AUTHORITIES
    for arrangement in ARRANGEMENTS
    if not (AUTHORITIES[ca].get("key") == "Ed25519" and (leaf in {"SHA-1", "version 1"}))  # nobody can make these
]

Applies = Callable[[Row], bool]

# We accept, cryptography refuses.
ACCEPTED_BY_US_ALONE: dict[str, Applies] = {
    "Ed25519 as CA: our policy accepts it, with a warning": lambda row: row.ca == "Ed25519",
    "version 1 leaf: our policy accepts it": lambda row: row.leaf == "version 1",
    "issuer's name in other case: equal by RFC 5280, 7.1; the peer compares bytes": lambda row: (
        row.leaf == "name in other case"
    ),
}
# We refuse, cryptography accepts.
REFUSED_BY_US_ALONE: dict[str, Applies] = {
    "RSA 1024: our policy asks for 2048 bits": lambda row: "RSA 1024" in {row.leaf, row.ca},
    "extended key usage is ours to check in the relaxed policy": lambda row: (
        row.leaf == "server only" or row.ca == "server EKU"
    ),
    "key usage is ours to check in the relaxed policy": lambda row: (
        row.leaf == "key encipherment only" or row.ca == "no keyCertSign"
    ),
    "the peer does not compare key identifiers": lambda row: row.leaf == "other AKI",
}


def build(row: Row) -> tuple[Identity, Identity, Identity]:
    issuer = issuer_of(row.ca)
    options = dict(LEAVES[row.leaf])
    if options.get("issuer"):
        options["issuer"] = name_of("CN=ISSUING CA")
    return issuer.issue("sensor-1", **options), issuer, root()


@cache
def root() -> Identity:
    return authority("Agreement Root CA")


@cache
def issuer_of(ca: str) -> Identity:
    return root().issue("Issuing CA", key_label=f"issuing {ca}", **{"ca": True, **AUTHORITIES[ca]})


def ours(leaf: Identity, sent: list[Identity], anchor: Identity) -> bool:
    clients = {"sensor-1": ClientRecord("sensor-1", "sensor-1", "SubjectMatchesAuthenticationName")}
    state = NamespaceState((TrustedCA("anchor", anchor.der),), clients)
    chain = [identity.der for identity in sent]
    return authenticate(presented=leaf.der, chain=chain, user_name="sensor-1", state=state, at=AT).accepted


def theirs(leaf: Identity, sent: list[Identity], anchor: Identity) -> bool:
    authorities = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    try:
        builder = PolicyBuilder().store(Store([anchor.certificate])).time(AT)
        builder = builder.extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())
        builder.build_client_verifier().verify(leaf.certificate, [identity.certificate for identity in sent])
    except (VerificationError, ValueError):
        return False
    return True


def verdicts(row: Row) -> tuple[bool, bool]:
    leaf, issuer, top = build(row)
    sent, anchor = ([], issuer) if row.arrangement == ARRANGEMENTS[0] else ([issuer], top)
    return ours(leaf, sent, anchor), theirs(leaf, sent, anchor)


def test_the_verdicts_agree_apart_from_the_listed_differences() -> None:
    assert len(ROWS) >= 300
    unexplained = []
    used = set()
    for row in ROWS:
        own, other = verdicts(row)
        if own == other:
            continue
        listed = ACCEPTED_BY_US_ALONE if own else REFUSED_BY_US_ALONE
        reasons = [reason for reason, applies in listed.items() if applies(row)]
        used.update(reasons if len(reasons) == 1 else [])  # a reason counts where it explains alone
        if not reasons:
            unexplained.append((row, "we accept" if own else "we refuse"))
    assert unexplained == []
    assert used == {*ACCEPTED_BY_US_ALONE, *REFUSED_BY_US_ALONE}


@pytest.mark.parametrize("leaf", ["good", "SAN", "no EKU", "RSA 2048", "Ed25519"])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_both_accept_what_is_right(leaf: str, arrangement: str) -> None:
    assert verdicts(Row(leaf, "good", arrangement)) == (True, True)
