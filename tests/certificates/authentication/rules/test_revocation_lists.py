"""Certificate revocation lists: what is taken, and what is refused by name. Each is made here, from seeded keys."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

import pytest
from cryptography import x509

from certificates.authentication.rules.revocation_lists import (
    MAX_BYTES,
    MAX_ENTRIES,
    ListError,
    check_replaces,
    known_list,
    read_list,
)
from certificates.authentication.rules.types import RevocationList
from certificates.x509.certificate import load_certificate, public_key_hash
from certificates.x509.serial_numbers import serial_digits
from tests.support.certificates.chains import AT, Identity, authority, name_of, unknown_extension
from tests.support.certificates.der import children, element, sequence
from tests.support.certificates.revocation_lists import (
    DAY,
    Revoked,
    as_pem,
    extension,
    revocation_list,
    serial_of,
    signed_again,
    with_extensions,
)

ROOT = authority("List Root CA")
LINE = ROOT.issue("List Line CA", ca=True)
SENSOR = LINE.issue("sensor-1")
TWIN = ROOT.issue("List Line CA", ca=True, key_label="another key")
RSA = authority("List RSA CA", key="RSA 2048")
ED = authority("List Ed CA", key="Ed25519")
NO_SIGN = ROOT.issue("No Lists CA", ca=True, key_usage=("keyCertSign",))
NO_USAGE = ROOT.issue("No Usage CA", ca=True, key_usage=None)
NO_CA = ROOT.issue("No CA", key_usage=("digitalSignature", "cRLSign"))
GOOD = revocation_list(LINE, SENSOR)
NUMBER, REASON = "2.5.29.20", "2.5.29.21"
POINT = x509.UniformResourceIdentifier("http://crl.plant.example/line.crl")


def partition(**fields: object) -> x509.IssuingDistributionPoint:
    usual: dict[str, object] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**usual | fields)  # type: ignore[arg-type]


def point(**fields: object) -> bytes:
    return revocation_list(LINE, SENSOR, extensions=[(partition(**fields), True)])


def with_entries(*entries: bytes) -> bytes:
    return signed_again(GOOD, LINE, lambda parts: [*parts[:5], sequence(*entries), *parts[6:]])


def entry(*extensions: bytes, serial: bytes = b"\x07", moment: bytes = b"260227120000Z") -> bytes:
    found = [element(0x02, serial), element(0x17, moment)]
    return sequence(*found, *([sequence(*extensions)] if extensions else []))


def other_algorithm() -> bytes:
    signed, _, signature = children(GOOD)
    return sequence(signed, children(revocation_list(RSA))[1], signature)


def too_many() -> bytes:
    one = entry(serial=b"\x07\x07", moment=b"260227120000Z")
    return signed_again(GOOD, LINE, lambda parts: [*parts[:5], element(0x30, one * (MAX_ENTRIES + 1)), *parts[6:]])


class Bad(NamedTuple):
    id: str
    code: str
    make: Callable[[], bytes]
    issuers: Sequence[Identity] = (LINE,)


BAD = (
    Bad("an empty file", "empty", lambda: b""),
    Bad("white space", "empty", lambda: b" \n\t"),
    Bad("a huge file", "too-large", lambda: b"0" * (MAX_BYTES + 1)),
    Bad("a text", "not-a-list", lambda: b"The list is on the share.\n"),
    Bad("a certificate in PEM", "certificate", lambda: LINE.pem),
    Bad("a request for a certificate", "not-a-list", lambda: LINE.pem.replace(b"CERTIFICATE", b"CERTIFICATE REQUEST")),
    Bad("a certificate in DER", "certificate", lambda: LINE.der),
    Bad("a private key in PEM", "private-key", lambda: LINE.key_pem),
    Bad("a list and a private key", "private-key", lambda: as_pem(GOOD) + LINE.key_pem),
    Bad("two lists", "several-lists", lambda: as_pem(GOOD) * 2),
    Bad("PEM that is no base64", "damaged", lambda: as_pem(b"").replace(b"\n-", b"\n****\n-", 1)),
    Bad("the first half", "damaged", lambda: GOOD[: len(GOOD) // 2]),
    Bad("bytes behind it", "damaged", lambda: GOOD + b"\x00"),
    Bad("another signature", "signature", lambda: GOOD[:-1] + bytes([GOOD[-1] ^ 1])),
    Bad("an entry changed after it was signed", "signature", lambda: GOOD.replace(*swapped_serial())),
    Bad("two algorithms", "damaged", other_algorithm),
    Bad("a CA of the same name with another key", "signature", lambda: GOOD, (TWIN,)),
    Bad("the root instead of the issuer", "issuer-unknown", lambda: GOOD, (ROOT,)),
    Bad("no CA at all", "issuer-unknown", lambda: GOOD, ()),
    Bad("a CA that must not sign lists", "crl-sign-missing", lambda: revocation_list(NO_SIGN), (NO_SIGN,)),
    Bad("an issuer that is no CA", "issuer-not-a-ca", lambda: revocation_list(NO_CA), (NO_CA,)),
    Bad("SHA-1 with EC", "weak-signature", lambda: signed_again(GOOD, LINE, list, digest="SHA-1")),
    Bad("MD5 with RSA", "weak-signature", lambda: signed_again(revocation_list(RSA), RSA, list, digest="MD5"), (RSA,)),
    Bad("a delta list", "delta", lambda: revocation_list(LINE, extensions=[(x509.DeltaCRLIndicator(1), True)])),
    Bad("an indirect list", "indirect", lambda: point(indirect_crl=True)),
    Bad("an entry of another CA", "indirect", lambda: revocation_list(LINE, Revoked(7, extensions=[of_another_ca()]))),
    Bad("only users", "partitioned", lambda: point(only_contains_user_certs=True)),
    Bad("only CAs", "partitioned", lambda: point(only_contains_ca_certs=True)),
    Bad("one distribution point", "partitioned", lambda: point(full_name=[POINT])),
    Bad(
        "only some reasons",
        "partitioned",
        lambda: point(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})),
    ),
    Bad(
        "an unknown critical extension",
        "unknown-critical-extension",
        lambda: revocation_list(LINE, extensions=[unknown_extension(critical=True)]),
    ),
    Bad(
        "an unknown critical extension of an entry",
        "unknown-critical-extension",
        lambda: revocation_list(LINE, Revoked(7, extensions=[unknown_extension(critical=True)])),
    ),
    Bad("a date in the future", "not-yet-valid", lambda: revocation_list(LINE, this_update=AT + timedelta(minutes=6))),
    Bad(
        "a next update before its date",
        "times",
        lambda: signed_again(GOOD, LINE, lambda parts: [*parts[:3], parts[4], parts[3], *parts[5:]]),
    ),
    Bad("a negative number", "damaged", lambda: with_extensions(GOOD, LINE, extension(NUMBER, b"\x02\x01\xff"))),
    Bad(
        "a number of 21 bytes",
        "number",
        lambda: with_extensions(GOOD, LINE, extension(NUMBER, element(0x02, b"\x01" * 21))),
    ),
    Bad("a number twice", "damaged", lambda: with_extensions(GOOD, LINE, *[extension(NUMBER, b"\x02\x01\x07")] * 2)),
    Bad("an unknown reason", "damaged", lambda: with_entries(entry(extension(REASON, b"\x0a\x01\x0b")))),
    Bad("an entry on the 31st of February", "damaged", lambda: with_entries(entry(moment=b"260231120000Z"))),
    Bad("too many entries", "too-many-entries", too_many),
)


def swapped_serial() -> tuple[bytes, bytes]:
    serial = serial_of(SENSOR).to_bytes(8, "big")
    return serial, bytes([serial[0] ^ 1]) + serial[1:]


def of_another_ca() -> tuple[x509.ExtensionType, bool]:
    return x509.CertificateIssuer([x509.DirectoryName(ROOT.subject)]), True


def read(crl: bytes, *issuers: Identity) -> RevocationList:
    return read_list(crl, [load_certificate(each.der) for each in issuers], at=AT)


@pytest.mark.parametrize("bad", BAD, ids=[bad.id for bad in BAD])
def test_a_bad_list_is_refused_by_name(bad: Bad) -> None:
    with pytest.raises(ListError) as raised:
        read(bad.make(), *bad.issuers)
    assert raised.value.code == bad.code
    assert raised.value.sentence


class Good(NamedTuple):
    id: str
    make: Callable[[], bytes]
    issuers: Sequence[Identity] = (LINE,)
    serials: frozenset[str] = frozenset({serial_digits(serial_of(SENSOR))})


NONE = frozenset[str]()
GOOD_ONES = (
    Good("DER", lambda: GOOD),
    Good("PEM", lambda: as_pem(GOOD)),
    Good("PEM as some tools label it", lambda: as_pem(GOOD, "CRL")),
    Good(
        "PEM below the words of openssl", lambda: b"Certificate Revocation List (CRL):\n    Version 2\n" + as_pem(GOOD)
    ),
    Good("PEM beside the CA certificate", lambda: LINE.pem + as_pem(GOOD)),
    Good("the second of two CAs of one name", lambda: GOOD, (TWIN, LINE)),
    Good("a CA without key usage", lambda: revocation_list(NO_USAGE), (NO_USAGE,), NONE),
    Good("RSA", lambda: revocation_list(RSA, SENSOR), (RSA,)),
    Good("RSA-PSS", lambda: revocation_list(RSA, SENSOR, pss=True), (RSA,)),
    Good("Ed25519", lambda: revocation_list(ED, SENSOR), (ED,)),
    Good("nothing revoked", lambda: revocation_list(LINE), (LINE,), NONE),
    Good("no number", lambda: revocation_list(LINE, SENSOR, number=None)),
    Good("no next update", lambda: revocation_list(LINE, SENSOR, next_update=None)),
    Good("past its next update", lambda: revocation_list(LINE, SENSOR, this_update=AT - 9 * DAY, next_update=AT - DAY)),
    Good("the longest number", lambda: revocation_list(LINE, SENSOR, number=2**159 - 1)),
    Good("its issuer in capitals", lambda: revocation_list(LINE, SENSOR, name=name_of("CN=LIST LINE CA"))),
    Good("a clock that is ahead", lambda: revocation_list(LINE, SENSOR, this_update=AT + timedelta(minutes=4))),
    Good(
        "an unknown extension",
        lambda: revocation_list(LINE, SENSOR, extensions=[unknown_extension(critical=False)]),
    ),
)


@pytest.mark.parametrize("good", GOOD_ONES, ids=[good.id for good in GOOD_ONES])
def test_a_good_list_is_read(good: Good) -> None:
    found = read(good.make(), *good.issuers)
    assert set(found.entries) == good.serials
    assert found.issuer_key == public_key_hash(good.issuers[-1].der)
    assert found.signer == good.issuers[-1].der


def test_a_list_has_its_dates_its_number_and_its_reasons() -> None:
    hold, back = Revoked(7, x509.ReasonFlags.certificate_hold), Revoked(8, x509.ReasonFlags.remove_from_crl)
    found = read(revocation_list(LINE, hold, back, Revoked(9), number=41), LINE)
    assert {serial: each.reason for serial, each in found.entries.items()} == {
        "7": "certificateHold",
        "8": "removeFromCRL",
        "9": "unspecified",
    }
    assert found.entries["7"].revoked_at == AT - 2 * DAY
    assert (found.number, found.this_update, found.next_update) == (41, AT - DAY, AT + 7 * DAY)
    assert not found.is_stale(AT + 7 * DAY)
    assert found.is_stale(AT + 7 * DAY + timedelta(seconds=1))


def test_an_entry_that_revokes_counts_before_one_that_takes_it_back() -> None:
    both = [Revoked(7, x509.ReasonFlags.remove_from_crl), Revoked(7, x509.ReasonFlags.key_compromise)]
    for entries in (both, both[::-1]):
        assert read(revocation_list(LINE, *entries), LINE).entries["7"].reason == "keyCompromise"


def test_a_list_without_an_end_is_never_stale() -> None:
    assert not read(revocation_list(LINE, next_update=None), LINE).is_stale(AT + 9999 * DAY)


@pytest.mark.parametrize(
    ("found", "held", "code"),
    [
        ({"number": 2}, {"number": 1}, ""),
        ({"number": 1}, {"number": 1}, ""),
        ({"number": 1}, {"number": 2}, "older"),
        ({"number": 2**159 - 2}, {"number": 2**159 - 1}, "older"),
        ({"number": None}, {"number": 2}, "number-missing"),
        ({"number": 2}, {"number": None}, ""),
        ({"number": None}, {"number": None}, ""),
        ({"number": None, "this_update": AT - 2 * DAY}, {"number": None}, "older"),
        ({"number": 2, "this_update": AT - 2 * DAY}, {"number": 1}, "older"),
        ({"number": 1, "this_update": AT - 2 * DAY}, {"number": None}, "older"),
    ],
)
def test_an_older_list_never_replaces_a_newer_one(found: dict[str, int], held: dict[str, int], code: str) -> None:
    new, old = (read(revocation_list(LINE, **fields), LINE) for fields in (found, held))  # type: ignore[arg-type]
    if code:
        with pytest.raises(ListError) as raised:
            check_replaces(new, old)
        assert raised.value.code == code
    else:
        check_replaces(new, old)


def test_a_stored_list_is_checked_again_with_the_ca_certificate_of_now() -> None:
    assert known_list(GOOD, LINE.der).entries
    renewed = ROOT.issue("List Line CA", ca=True, path_length=1)
    assert known_list(GOOD, renewed.der).entries  # the same key
    without = ROOT.issue("List Line CA", ca=True, key_usage=("keyCertSign",))
    assert known_list(GOOD, without.der).entries  # a renewal never lets revoked certificates in
    with pytest.raises(ListError) as raised:
        known_list(GOOD, TWIN.der)
    assert raised.value.code == "signature"
