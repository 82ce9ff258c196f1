"""The engine compared with other verifiers: cryptography's on about 1,500 generated chains, and OpenSSL's program.

Where the two differ, the difference is listed here with its reason; none is left over, and no listed one is unused. The
peer's extension policies are the relaxed ones: its defaults ask for what client certificates of plants do not have.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from certificates.authentication.engine import ClientRecord, NamespaceState, TrustedCA, authenticate
from tests.certificates.authentication.engine_table.cases import DAY
from tests.support.certificates.chains import AT, Identity, authority, name_of, only_dns, unknown_extension
from tests.support.programs import require_program

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
    "SHA-224": {"digest": "SHA-224"},
    "SHA-3": {"digest": "SHA3-256"},
    "PSS with SHA-256": {"digest": "PSS SHA-256"},
    "PSS with SHA-224": {"digest": "PSS SHA-224"},
    "secp256k1": {"key": "secp256k1"},
    "DSA": {"key": "DSA"},
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
    **{kind: {"key": kind} for kind in ("secp192r1", "secp224r1", "secp256k1", "brainpoolP256r1", "DSA", "Ed448")},
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
    """One chain: how to issue the leaf and its issuer, and what is uploaded."""

    leaf: str
    ca: str
    arrangement: str


def can_be_made(row: Row) -> bool:
    """Each digest needs a key that signs with it; the builder of tests makes version 1 of EC and RSA signers alone."""
    signer = str(AUTHORITIES[row.ca].get("key", "P-256"))
    digest = str(LEAVES[row.leaf].get("digest", ""))
    if digest.startswith("PSS"):
        return signer.startswith("RSA")
    return not (digest or row.leaf == "version 1") or signer not in {"Ed25519", "Ed448", "DSA"}


ROWS = [
    row
    for leaf in LEAVES
    for ca in AUTHORITIES
    for arrangement in ARRANGEMENTS
    if can_be_made(row := Row(leaf, ca, arrangement))
]


@dataclass(frozen=True)
class Excuse:
    """An intended difference, in one direction. `codes` are ours for it, "accepted" where we alone accept.

    Where we alone accept, the peer must accept the same chain without what is excused (`but_for`), so that nothing else
    hides behind the excuse.
    """

    applies: Callable[[Row], bool]
    codes: frozenset[str]
    but_for: Callable[[Row], Row] = lambda row: row


ALONE = frozenset({"accepted"})
# We accept, cryptography refuses.
ACCEPTED_BY_US_ALONE = {
    "Ed25519 as CA: our policy accepts it, with a warning": Excuse(
        lambda row: row.ca == "Ed25519", ALONE, lambda row: replace(row, ca="good")
    ),
    "version 1 leaf: our policy accepts it": Excuse(
        lambda row: row.leaf == "version 1", ALONE, lambda row: replace(row, leaf="good")
    ),
    "issuer's name in other case: equal by RFC 5280, 7.1; the peer compares bytes": Excuse(
        lambda row: row.leaf == "name in other case", ALONE, lambda row: replace(row, leaf="good")
    ),
}
# We refuse, cryptography accepts.
REFUSED_BY_US_ALONE = {
    "RSA 1024: our policy asks for 2048 bits": Excuse(
        lambda row: "RSA 1024" in {row.leaf, row.ca}, frozenset({"chain-verified"})
    ),
    "keys that TLS 1.3 has no place for, of clients: the peer checks those of signers only": Excuse(
        lambda row: row.leaf in {"secp256k1", "DSA"}, frozenset({"chain-verified"})
    ),
    "extended key usage is ours to check in the relaxed policy": Excuse(
        lambda row: row.leaf == "server only" or row.ca == "server EKU", frozenset({"client-authentication-allowed"})
    ),
    "key usage is ours to check in the relaxed policy: the client's": Excuse(
        lambda row: row.leaf == "key encipherment only", frozenset({"client-authentication-allowed"})
    ),
    "key usage is ours to check in the relaxed policy: the CA's": Excuse(
        lambda row: row.ca == "no keyCertSign", frozenset({"chain-verified"})
    ),
    "the peer does not compare key identifiers": Excuse(
        lambda row: row.leaf == "other AKI", frozenset({"issuer-found"})
    ),
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


def ours(leaf: Identity, sent: list[Identity], anchor: Identity) -> str:
    """Return our code: "accepted", or the failing step."""
    clients = {"sensor-1": ClientRecord("sensor-1", "sensor-1", "SubjectMatchesAuthenticationName")}
    state = NamespaceState((TrustedCA("anchor", anchor.der),), clients)
    chain = [identity.der for identity in sent]
    return authenticate(presented=leaf.der, chain=chain, user_name="sensor-1", state=state, at=AT).code


def theirs(leaf: Identity, sent: list[Identity], anchor: Identity) -> bool:
    authorities = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    try:
        builder = PolicyBuilder().store(Store([anchor.certificate])).time(AT)
        builder = builder.extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())
        builder.build_client_verifier().verify(leaf.certificate, [identity.certificate for identity in sent])
    except (VerificationError, ValueError):
        return False
    return True


def presented(row: Row) -> tuple[Identity, list[Identity], Identity]:
    leaf, issuer, top = build(row)
    return (leaf, [], issuer) if row.arrangement == ARRANGEMENTS[0] else (leaf, [issuer], top)


def verdicts(row: Row) -> tuple[str, bool]:
    return ours(*presented(row)), theirs(*presented(row))


def excuses_of(row: Row, code: str) -> list[str]:
    """Return the listed difference that explains this row, or None."""
    listed = ACCEPTED_BY_US_ALONE if code == "accepted" else REFUSED_BY_US_ALONE
    found = {reason: excuse for reason, excuse in listed.items() if excuse.applies(row)}
    if code != "accepted":
        return [reason for reason, excuse in found.items() if code in excuse.codes]
    for excuse in found.values():
        row = excuse.but_for(row)
    return [*found] if theirs(*presented(row)) else []


def test_the_verdicts_agree_apart_from_the_listed_differences() -> None:
    assert len(ROWS) >= 300
    unexplained = []
    used = set()
    for row in ROWS:
        code, other = verdicts(row)
        if (code == "accepted") == other:
            continue
        reasons = excuses_of(row, code)
        used.update(reasons if len(reasons) == 1 else [])  # a reason counts where it explains alone
        if not reasons:
            unexplained.append((row, code))
    assert unexplained == []
    assert used == {*ACCEPTED_BY_US_ALONE, *REFUSED_BY_US_ALONE}


def openssl_accepts(folder: Path, leaf: Identity, sent: list[Identity], anchor: Identity) -> bool:
    """Return the result of `openssl verify -partial_chain -purpose sslclient` at its default security level."""
    for name, identities in (("leaf", [leaf]), ("sent", sent), ("anchor", [anchor])):
        (folder / f"{name}.pem").write_bytes(b"".join(identity.pem for identity in identities))
    command = [require_program("openssl"), "verify", "-partial_chain", "-purpose", "sslclient", "-auth_level", "2"]
    command += ["-attime", str(int(AT.timestamp())), "-trusted", str(folder / "anchor.pem")]
    command += ["-untrusted", str(folder / "sent.pem")] if sent else []
    return subprocess.run([*command, str(folder / "leaf.pem")], capture_output=True, check=False).returncode == 0


# We accept, `openssl verify` refuses: its purpose check does not know "any".
OPENSSL_REFUSES_ALONE = {"any EKU": "extended key usage “any” alone is no sslclient to OpenSSL (RFC 5280, 4.2.1.12)"}


def test_openssl_refuses_nothing_that_we_accept(tmp_path: Path) -> None:
    """Compare with the program on each single fault of leaf and issuer. A process for every row would take minutes."""
    rows = [row for row in ROWS if "good" in {row.leaf, row.ca} or row.leaf.startswith("PSS")]
    differing = set()
    for row in rows:
        if ours(*presented(row)) == "accepted" and not openssl_accepts(tmp_path, *presented(row)):
            differing.add(row.leaf if row.ca == "good" else f"{row.leaf} under {row.ca}")
    assert differing == set(OPENSSL_REFUSES_ALONE)


@pytest.mark.parametrize("leaf", ["good", "SAN", "no EKU", "RSA 2048", "Ed25519"])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_both_accept_what_is_right(leaf: str, arrangement: str) -> None:
    assert verdicts(Row(leaf, "good", arrangement)) == ("accepted", True)


@pytest.mark.parametrize(
    ("leaf", "ca"),
    [
        *(("good", kind) for kind in ("secp192r1", "secp224r1", "secp256k1", "brainpoolP256r1", "DSA")),
        ("SHA-224", "good"),
        ("SHA-3", "good"),
        ("PSS with SHA-224", "RSA 2048"),
    ],
)
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_both_refuse_curves_and_signatures_that_tls_does_not_have(leaf: str, ca: str, arrangement: str) -> None:
    assert verdicts(Row(leaf, ca, arrangement)) == ("chain-verified", False)
