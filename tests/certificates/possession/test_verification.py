"""Proofs of possession: what counts, and why others are refused. Keys and dates are fixed."""

import random
from datetime import timedelta

import pytest

from certificates.possession.verification import (
    CA_KEY,
    DEVICE_KEY,
    NONCE_LETTERS,
    Challenge,
    Verdict,
    nonces_in,
    verify_proof,
)
from certificates.x509.reading import load_certificate, read_upload
from tests.support.certificates.chains import AT, YEAR, Identity, authority, self_signed

NONCE, OTHER = "5f" * 20, "a0" * 20
GIVEN = Challenge(NONCE, AT + timedelta(days=7))
ROOT = authority("Plant Root CA")
LINE = ROOT.issue("Line 1 CA", ca=True, path_length=0)
SENSOR = LINE.issue("sensor-1")


def verdict(*proof: Identity, ca: Identity = LINE, given: tuple[Challenge, ...] = (GIVEN,)) -> Verdict:
    certificates = read_upload(b"".join(each.pem for each in proof))
    return verify_proof(certificates, ca=load_certificate(ca.der), challenges=given, at=AT)


def test_a_certificate_with_the_nonce_signed_by_the_ca_proves_possession() -> None:
    found = verdict(LINE.issue(NONCE))
    assert (found.kind, found.code, found.nonce) == (CA_KEY, "", NONCE)


@pytest.mark.parametrize("key", ["P-256", "P-384", "P-521", "RSA 2048", "RSA 3072", "Ed25519"])
def test_every_kind_of_key_of_a_ca_can_prove(key: str) -> None:
    ca = authority(f"Root {key}", key=key)
    assert verdict(ca.issue(NONCE), ca=ca).kind == CA_KEY


def test_dates_names_and_order_do_not_count() -> None:
    expired = LINE.issue(NONCE, not_before=AT - 2 * YEAR, not_after=AT - YEAR)
    assert verdict(expired).kind == CA_KEY
    assert verdict(SENSOR, LINE, LINE.issue(NONCE)).kind == CA_KEY
    renamed = LINE.issue(NONCE, issuer=ROOT.subject, aki=None)
    assert verdict(renamed).kind == CA_KEY


def test_the_key_of_a_device_earns_another_badge() -> None:
    proof = SENSOR.issue(NONCE)
    assert verdict(proof, SENSOR).kind == DEVICE_KEY
    assert verdict(SENSOR, proof).kind == DEVICE_KEY
    assert verdict(proof).code == "wrong-key"  # without the device's certificate nothing shows whose key it is


def test_a_device_of_another_ca_or_an_expired_one_earns_none() -> None:
    stranger = authority("Other CA").issue("sensor-1")
    assert verdict(stranger.issue(NONCE), stranger).code == "wrong-key"
    old = LINE.issue("sensor-2", not_before=AT - 2 * YEAR, not_after=AT - YEAR)
    assert verdict(old.issue(NONCE), old).code == "device-expired"
    below = ROOT.issue("Line 2 CA", ca=True)
    assert verdict(below.issue(NONCE), below, ca=ROOT).code == "wrong-key"  # a CA below is no device


@pytest.mark.parametrize(
    ("proof", "code"),
    [
        pytest.param([self_signed(NONCE)], "wrong-key", id="self-signed"),
        pytest.param([ROOT.issue(NONCE)], "wrong-key", id="signed by the CA above"),
        pytest.param(
            [authority("Line 1 CA", key_label="another").issue(NONCE)], "wrong-key", id="another CA of the same name"
        ),
        pytest.param([LINE.issue(OTHER)], "other-nonce", id="another nonce"),
        pytest.param([LINE.issue(NONCE.upper())], "no-nonce", id="in capitals"),
        pytest.param([LINE.issue(NONCE + "0")], "no-nonce", id="one letter more"),
        pytest.param([LINE.issue(f" {NONCE}")], "no-nonce", id="a space before"),
        pytest.param([LINE.issue("sensor-9", dns=[NONCE])], "no-nonce", id="as alternative name"),
        pytest.param([LINE], "no-nonce", id="the CA certificate"),
        pytest.param([SENSOR], "no-nonce", id="a client certificate"),
        pytest.param([LINE.issue(NONCE, digest="SHA-1")], "weak-proof", id="SHA-1"),
    ],
)
def test_why_a_proof_is_refused(proof: list[Identity], code: str) -> None:
    found = verdict(*proof)
    assert (found.kind, found.code) == ("", code)
    assert found.sentence
    assert found.next_step


def test_a_nonce_counts_once_and_until_it_expires() -> None:
    proof = LINE.issue(NONCE)
    used = Challenge(NONCE, AT + timedelta(days=7), used_at=AT - timedelta(days=1))
    assert verdict(proof, given=(used,)).code == "nonce-used"
    assert verdict(proof, given=(Challenge(NONCE, AT),)).code == "nonce-expired"
    assert verdict(proof, given=(Challenge(NONCE, AT + timedelta(seconds=1)),)).kind == CA_KEY
    assert verdict(proof, given=()).code == "other-nonce"


def test_an_open_nonce_counts_beside_a_used_one() -> None:
    used = Challenge(OTHER, AT + timedelta(days=7), used_at=AT)
    assert verdict(LINE.issue(OTHER), LINE.issue(NONCE), given=(used, GIVEN)).kind == CA_KEY


def test_a_key_whose_signatures_cannot_be_checked_proves_nothing() -> None:
    ca = authority("DSA Root", key="DSA")
    assert verdict(ca.issue(NONCE), ca=ca).code == "key-not-checkable"


def test_no_changed_byte_of_a_proof_counts() -> None:
    """A proof with one byte changed is unreadable or refused, wherever the byte is (seeded)."""
    proof = LINE.issue(NONCE).der
    dice = random.Random(17)
    ca = load_certificate(LINE.der)
    for _ in range(300):
        at, value = dice.randrange(len(proof)), dice.randrange(1, 256)
        changed = proof[:at] + bytes([proof[at] ^ value]) + proof[at + 1 :]
        try:
            certificates = read_upload(changed)
        except ValueError:
            continue
        assert verify_proof(certificates, ca=ca, challenges=[GIVEN], at=AT).kind == "", (at, value)


def test_only_names_in_the_form_of_a_nonce_are_looked_up() -> None:
    found = read_upload(LINE.issue(NONCE).pem + SENSOR.pem + LINE.issue(OTHER[:-1]).pem)
    assert nonces_in(found) == [NONCE]
    assert len(NONCE) == NONCE_LETTERS
