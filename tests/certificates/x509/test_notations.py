"""Undoing the notations of pasted text: each is undone, and none takes long."""

import time

import pytest

from certificates.x509.containers import from_base64, pem_blocks
from certificates.x509.notations import MAX_BYTES, plain_forms
from certificates.x509.reading import DecodingError, read_upload
from tests.certificates.uploads import LINE, ROOT, RSA_LINE
from tests.certificates.x509.notations import OF_BYTES, OF_TEXT
from tests.support.certificates.chains import Identity

WRITTEN = {name: write for name, write in OF_BYTES.items() if name != "base64"}


@pytest.mark.parametrize("name", OF_TEXT)
@pytest.mark.parametrize("pem", [LINE.pem, ROOT.pem], ids=["line", "root"])
def test_pem_is_readable_in_one_of_the_forms(name: str, pem: bytes) -> None:
    forms = plain_forms(OF_TEXT[name](pem))
    bodies = [from_base64(body) for form in forms for _, body in pem_blocks(form)]
    assert from_base64(pem_blocks(pem)[0][1]) in bodies


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("data", [LINE.der, LINE.pem], ids=["DER", "PEM"])
def test_bytes_written_as_numbers_are_one_of_the_forms(name: str, data: bytes) -> None:
    wanted = data.strip()  # the string b"…" of a text has only its line breaks escaped, and is no bytes at all
    assert any(wanted in form for form in plain_forms(WRITTEN[name](data)))


def test_plain_pem_and_der_have_no_other_form() -> None:
    assert plain_forms(LINE.pem) == [LINE.pem]
    assert plain_forms(ROOT.pem + LINE.pem) == [ROOT.pem + LINE.pem]
    assert plain_forms(LINE.der)[0] == LINE.der


@pytest.mark.parametrize(
    "part",
    [
        b"\\", b"-", b"<a", b"&#45", b"=\n", b"ab ", b"0x3,", b"'\"", b'"\\', b'\\x30"\\"', b"/*", b"-----BEGIN A-----\n",
        b"> -----BEGIN A-----\n-----END A-----", b"%25", b" //", b"\x00", b"A", b"00000000: 30\n", "\u200b".encode(),
        b"-BEGIN ", b"_ ", b"1,", b"0", b"\n", b"- \t", b"&amp;", b"1:\n",
        b"\\n", b"aa\n  ", b"1 ", b"1u8", b":00", b"-\n",
    ],
)  # fmt: skip
def test_a_megabyte_of_anything_takes_bounded_time_and_memory(part: bytes) -> None:
    data = (part * (MAX_BYTES // len(part) + 1))[:MAX_BYTES]
    started = time.process_time()
    forms = plain_forms(data)
    assert time.process_time() - started < 10  # about one second here; hours where a step is quadratic
    assert sum(map(len, forms)) < 6 * MAX_BYTES


@pytest.mark.parametrize("name", [*OF_TEXT, *OF_BYTES])
@pytest.mark.parametrize("identity", [LINE, RSA_LINE], ids=["EC", "RSA"])
def test_a_key_is_refused_in_every_notation_that_a_certificate_is_read_in(name: str, identity: Identity) -> None:
    """Alone, and after a certificate that would be accepted."""
    key = identity.key_pem if name in OF_TEXT else from_base64(pem_blocks(identity.key_pem)[0][1])
    written = {**OF_TEXT, **OF_BYTES}[name](key)
    for data in (written, identity.pem + b"\n" + written):
        with pytest.raises(DecodingError) as refusal:
            read_upload(data)
        assert refusal.value.code == "private-key"
