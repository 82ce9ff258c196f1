"""For any bytes, the reader raises its own error and the engine returns a decision."""

import random
from contextlib import suppress
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certificates.authentication.engine import NamespaceState, TrustedCA, authenticate
from certificates.authentication.preview import preview_names
from certificates.diagnosis.upload import diagnose_upload
from certificates.x509.certificate import load_certificate
from certificates.x509.private_keys import private_key_kind
from certificates.x509.reading import DecodingError, read_upload
from certificates.x509.thumbprints import ThumbprintError, normalize_thumbprint
from tests.certificates.authentication.engine_table.cases import SUBJECT, Plant, a_client
from tests.certificates.uploads import uploads
from tests.certificates.uploads.key_uploads import key_files
from tests.support.certificates.chains import AT

PLANT = Plant(AT)
LEAF = PLANT.leaf(dns=["sensor-1.plant.example"], ips=["2001:db8::1"], emails=["a@plant.example"])
SEEDS = [upload.data for upload in uploads() if 0 < len(upload.data) < 20_000] + [data for _, data in key_files()]
STATE = NamespaceState((TrustedCA("line-1", PLANT.line.der),), {"sensor-1": a_client("sensor-1", SUBJECT)})
several = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def mutated(data: bytes, seed: int, changes: int) -> bytes:
    """Return the data with bytes changed, removed, repeated or inserted, the same for the same seed."""
    chance, changed = random.Random(seed), bytearray(data)
    for _ in range(changes):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0 if at < len(changed):
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randrange(1, 30)]
            case 2:
                changed[at:at] = changed[at : at + chance.randrange(1, 30)]
            case _:
                changed[at:at] = chance.randbytes(chance.randrange(1, 8))
    return bytes(changed)


@several
@given(st.binary(max_size=3000))
def test_any_bytes_are_certificates_or_a_decoding_error(data: bytes) -> None:
    with suppress(DecodingError):
        assert read_upload(data)
    found = diagnose_upload(data, at=AT)
    assert found.code
    assert found.title


@several
@given(st.sampled_from(SEEDS), st.integers(0, 2**32), st.integers(1, 12))
def test_damaged_files_are_diagnosed_and_never_crash(data: bytes, seed: int, changes: int) -> None:
    found = diagnose_upload(mutated(data, seed, changes), existing=[("line-1", PLANT.line.der)], at=AT)
    assert found.code
    assert found.title


@several
@given(st.sampled_from([LEAF.der, PLANT.line.der]), st.integers(0, 2**32), st.integers(1, 6))
def test_a_damaged_certificate_gets_a_decision(der: bytes, seed: int, changes: int) -> None:
    damaged = mutated(der, seed, changes)
    chain = [mutated(PLANT.line.der, seed + 1, changes), PLANT.line.der]
    decision = authenticate(presented=damaged, chain=chain, user_name="sensor-1", state=STATE, at=AT)
    assert not decision.accepted or damaged == der
    try:
        leaf = load_certificate(damaged)
    except DecodingError:
        assert decision.code == "certificate-readable"
    else:
        assert preview_names(leaf, STATE)
        assert isinstance(leaf.extensions, tuple)


@several
@given(st.text(max_size=300), st.lists(st.binary(max_size=200), max_size=12), st.integers(-4000, 4000))
def test_any_user_name_and_chain_get_a_decision(user_name: str, chain: list[bytes], days: int) -> None:
    at = AT + timedelta(days=days)
    decision = authenticate(presented=LEAF.der, chain=chain, user_name=user_name, state=STATE, at=at)
    assert decision.accepted or decision.fix


@several
@given(st.text(max_size=200))
def test_any_text_is_a_thumbprint_or_a_thumbprint_error(text: str) -> None:
    with suppress(ThumbprintError):
        assert len(normalize_thumbprint(text)) == 64


@several
@given(st.sampled_from([data for _, data in key_files()]), st.binary(max_size=40))
def test_a_private_key_in_text_is_found_whatever_stands_before_it(data: bytes, before: bytes) -> None:
    if b"PRIVATE KEY-----" in data:
        assert private_key_kind(before + b"\n" + data)
