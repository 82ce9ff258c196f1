"""A private key is recognised in every notation, and nothing else is taken for one."""

import base64
import json
import random

import pytest

from certificates.x509.private_keys import holds_a_private_key, private_key_kind
from certificates.x509.reading import read_upload
from tests.certificates.uploads import LINE, ROOT, RSA_LINE, RSA_SENSOR, SENSOR, uploads
from tests.certificates.x509.key_notations import CODE, ESCAPED, NOTATIONS, PEM_TEXTS, Notation
from tests.certificates.x509.notations import OF_BYTES
from tests.certificates.x509.written_keys import Written, keys, other_keys
from tests.support.certificates.chains import Identity

# Notations that a certificate cannot have, or in which the name of the format says that it is a key.
OF_KEYS = {
    *("PEM with a passphrase", "PEM behind its parameters", "OpenSSH", "OpenSSH without armour", "SSH2", "PGP"),
    *("PuTTY", "PuTTY without its head", "hex labelled as private", "hex labelled in camel case", ".NET XML"),
    *("openssl pkey -text", "openssl pkey -text without its first lines", "openssl asn1parse"),
    *(
        "openssl asn1parse of the traditional format",
        "PKCS#12 as base64",
        "PKCS#12 in JSON",
        "Java key store as base64",
    ),
    *("encrypted DER as base64", *(name for name in NOTATIONS if name.startswith("JSON Web Key"))),
}
TRADITIONAL = {name for name in NOTATIONS if "traditional" in name}


class Published(Written):
    """A certificate, to be written as a key is."""

    identity: Identity

    def __init__(self, identity: Identity) -> None:
        vars(self).update(kind="certificate", key=None, identity=identity)

    @property
    def der(self) -> bytes:
        return self.identity.der

    traditional = der

    @property
    def pem(self) -> str:
        return self.identity.pem.decode()

    traditional_pem = pem


def exists(key: Written, name: str) -> bool:
    has_traditional = key.kind not in {"Ed25519", "Ed448", "X25519"}
    return has_traditional or name not in TRADITIONAL


@pytest.mark.parametrize("name", NOTATIONS)
def test_a_key_is_recognised_in_each_notation(name: str) -> None:
    missed = [key.kind for key in keys() if exists(key, name) and not holds_a_private_key(NOTATIONS[name](key))]
    assert missed == []


@pytest.mark.parametrize(
    "name", [*ESCAPED, *CODE, *(name for name in PEM_TEXTS if not name.startswith(("OpenSSH", "SSH", "PGP", "PuTTY")))]
)
def test_seldom_kinds_of_keys_are_recognised(name: str) -> None:
    missed = [key.kind for key in other_keys() if exists(key, name) and not holds_a_private_key(NOTATIONS[name](key))]
    assert missed == []


@pytest.mark.parametrize("name", [name for name in NOTATIONS if name not in OF_KEYS])
def test_a_certificate_is_no_key_in_any_notation(name: str) -> None:
    texts = [NOTATIONS[name](Published(identity)) for identity in (SENSOR, RSA_SENSOR, LINE, ROOT)]
    assert [private_key_kind(text.encode()) for text in texts] == [""] * 4


def test_no_upload_of_certificates_is_taken_for_a_key() -> None:
    assert {upload.id: private_key_kind(upload.data) for upload in uploads() if private_key_kind(upload.data)} == {}


@pytest.mark.parametrize("size", [16, 24, 32, 48, 64, 96, 128, 256, 512, 1024])
def test_random_base64_is_no_key(size: int) -> None:
    chance = random.Random(size)
    found = [text for _ in range(1000) if private_key_kind(text := base64.b64encode(chance.randbytes(size)))]
    assert found == []


def test_random_hex_is_no_key() -> None:
    chance = random.Random(7)
    assert [text for _ in range(1000) if holds_a_private_key(text := chance.randbytes(32).hex(":"))] == []


PLAIN = [
    *(SENSOR.thumbprint, SENSOR.thumbprint.upper(), ":".join(SENSOR.thumbprint[at : at + 2] for at in range(0, 64, 2))),
    *(f"SHA256 Fingerprint={SENSOR.thumbprint}", f"thumbprint: {LINE.thumbprint}, {ROOT.thumbprint}"),
    *("press-1.line-4.plant.example.com", "CN=press-1,OU=Line 4,O=Contoso,C=NZ", "Presse für Linie 4 – Halle 17"),
    *("vehicles/${client.authenticationName}/telemetry/#", "devices/${client.attributes.floor}/+/state"),
    *('attributes.type IN ["press", "oven"] AND attributes.floor > 3', "The private key of press 1 is kept in the TPM."),
    *("Ask for its private key: nobody has it", "privateEndpointConnections: []", "https://example.com/a?b=c%20d&e=%2F"),
    *(", ".join(map(str, range(1, 300))), "pk=1&pk=2&pk=3&" * 30, "SharedAccessKeyName=RootManageSharedAccessKey"),
    *("BEGIN with the private part of the plan, END with the key points", "-----BEGIN PUBLIC KEY-----"),
    *("private-topic-space-for-the-press-line-of-hall-17", "private: 12 presses, 3 ovens, 5 robots", "1.3.6.1.4.1.311.20.2.3"),
    *("2026-11-29T10:00:00Z 2026-11-30T10:00:00Z 192.168.100.200 fe80::1:2:3:4", "0x00 0x01 0x02 0x03", "\\server\\share\\new"),
    *("/subscriptions/12345678-abcd-4f00-9d00-1234567890ab/resourceGroups/rg/providers/Microsoft.EventGrid/namespaces/x",),
    *("openssl req -new -newkey ec -keyout press-1.key -out press-1.csr", "-extfile <(printf 'keyUsage=digitalSignature')"),
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_what_people_write_elsewhere_is_no_key(text: str) -> None:
    assert private_key_kind(text.encode()) == ""
    assert private_key_kind(json.dumps({"description": text, "more": [text]}).encode()) == ""


@pytest.mark.parametrize("identity", [SENSOR, RSA_SENSOR])
def test_a_certificate_in_text_is_still_read(identity: Identity) -> None:
    assert [found.der for found in read_upload(identity.pem)] == [identity.der]


# What the threat model says is not seen: it changes together with this list.
NOT_SEEN: dict[str, Notation] = {
    "ASCII85": lambda key: base64.a85encode(key.der).decode(),
    "base85": lambda key: base64.b85encode(key.der).decode(),
    "a number without a label": lambda key: key.number.hex(),
    "letters in reverse": lambda key: base64.b64encode(key.der).decode()[::-1],
}


@pytest.mark.parametrize("name", NOT_SEEN)
def test_the_threat_model_lists_what_is_not_seen(name: str) -> None:
    assert not holds_a_private_key(NOT_SEEN[name](keys()[1]))


@pytest.mark.parametrize("name", ["hexdump", "od -x", "od -t x1", "od -A x -t x1", "xxd", "a log of bytes"])
def test_no_dump_of_a_certificate_is_a_key_wherever_its_bytes_are(name: str) -> None:
    """A dump is read in several ways, of which all but one give other bytes. The identifier of RSA is nearly that of PBES."""
    for length in range(1, 33):  # the identifier's place in its line
        certificate = RSA_LINE.issue("s" * length, key="RSA 2048", key_label="rsa-sensor")
        assert private_key_kind(OF_BYTES[name](certificate.der)) == ""
