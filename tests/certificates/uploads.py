"""Files that people really bring, each with the code that must come out. Made by the chain builder, from fixed dates."""

import gzip
import io
import zipfile
from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    pkcs7,
)

from tests.certificates.written_uploads import broken_again, readable
from tests.support.chains import (
    AT,
    Identity,
    authority,
    malformed,
    name_of,
    public_key_pem,
    self_signed,
    signing_request,
    unknown_extension,
)
from tests.support.der import sequence

DAY = timedelta(days=1)
BARE: dict[str, Any] = {"ca": None, "key_usage": None, "purposes": None}  # without these extensions
ROOT = authority("Plant Root CA")
LINE = ROOT.issue("Line 1 CA", ca=True, path_length=0)
SENSOR = LINE.issue("sensor-1")
RSA_ROOT = authority("RSA Root CA", key="RSA 2048")
RSA_LINE = RSA_ROOT.issue("RSA Line CA", key="RSA 2048", ca=True, path_length=0)
RSA_SENSOR = RSA_LINE.issue("rsa-sensor", key="RSA 2048")


@dataclass(frozen=True)
class Upload:
    """A file. `says` and `next_step` are data that the sentence and the next step contain; `fix` is the fix's action."""

    id: str
    data: bytes
    code: str
    says: str = ""
    next_step: str = ""
    fix: str = ""
    fix_subject: str = ""
    warns: tuple[str, ...] = ()
    existing: tuple[tuple[str, Identity], ...] = ()
    known: tuple[Identity, ...] = ()
    detail: str = ""


def uploads() -> list[Upload]:
    """Every file that holds no private key."""
    return [
        *good_notations(),
        *broken_files(),
        *other_files(),
        *bundles(),
        *leaves(),
        *unmarked_cas(),
        *other_authorities(),
        *unfit_cas(),
        *warned_cas(),
    ]


def in_one_line(pem: bytes) -> bytes:
    return pem.replace(b"\n", b"")


def good_notations() -> list[Upload]:
    pem, der = LINE.pem, LINE.der
    body = b64encode(der)
    notations = {
        "PEM": pem,
        "PEM without line breaks": in_one_line(pem),
        "PEM with line breaks only beside the armour": b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----",
        "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "PEM with CR alone": pem.replace(b"\n", b"\r"),
        "PEM with byte order mark": b"\xef\xbb\xbf" + pem,
        "PEM as UTF-16 with mark": pem.decode().encode("utf-16"),
        "PEM as UTF-16 big-endian without mark": pem.decode().encode("utf-16-be"),
        "PEM with Bag Attributes": b"Bag Attributes\n    friendlyName: line 1\nsubject=CN = Line 1 CA\n" + pem,
        "PEM with text around it": b"Dear colleague, here it is:\n\n" + pem + b"\nKind regards\n",
        "PEM with trailing zero-width space": pem + "\u200b".encode(),
        "PEM out of JSON with backslash n": pem.replace(b"\n", b"\\n"),
        "PEM indented": b"".join(b"    " + line + b"\n" for line in pem.splitlines()),
        "PEM with the old label": pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        "trusted certificate PEM": b"-----BEGIN TRUSTED CERTIFICATE-----\n"
        + b64encode(der + sequence(sequence(b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02")))
        + b"\n-----END TRUSTED CERTIFICATE-----\n",
        "the same certificate twice": pem + pem,
        "DER": der,
        "DER with trailing bytes": der + b"\r\n",
        "base64 without armour": body,
        "base64 without armour in lines": b"\n".join(body[i : i + 64] for i in range(0, len(body), 64)) + b"\n",
        "hex dump": der.hex().encode(),
        "hex dump with colons in lines": der.hex(":").upper().encode().replace(b":30:", b":30:\n"),
        "RSA PEM": RSA_LINE.pem,
        "PEM with words about private keys": b"# Keep the private key on the CA machine - never send it!\n# END. Private key: not here.\n" + pem,
        "PEM as openssl prints it": b"X509v3 extensions:\n    X509v3 Private Key Usage Period: \n        Not Before: Mar  1\n" + pem,
    }  # fmt: skip
    return [Upload(f"good: {name}", data, "accepted") for name, data in (notations | readable(LINE)).items()]


def broken_files() -> list[Upload]:
    pem, der = LINE.pem, LINE.der
    lines = pem.splitlines(keepends=True)
    return [
        Upload("broken: empty", b"", "empty"),
        Upload("broken: only white space", b" \r\n\t ", "empty"),
        Upload("broken: larger than 1 MB", b"A" * (1_048_576 + 1), "too-large", "1 MB"),
        Upload("broken: DER that ends early", der[:-20], "broken-certificate", detail="truncated"),
        Upload("broken: DER with a damaged inside", der[:30] + b"\xff" * 30 + der[60:], "broken-certificate", detail="damaged"),
        Upload("broken: PEM without its end", b"".join(lines[:-1]), "broken-certificate", "BEGIN CERTIFICATE", detail="incomplete-armour"),
        Upload("broken: PEM without its beginning", b"".join(lines[1:]), "broken-certificate", "END CERTIFICATE", detail="incomplete-armour"),
        Upload("broken: PEM with a line missing", b"".join(lines[:3] + lines[4:]), "broken-certificate", detail="damaged"),
        Upload("broken: PEM with a NUL", pem[:100] + b"\x00" + pem[100:], "nul-byte"),
        Upload("broken: PEM that is not base64", lines[0] + b"?? not base64 ??\n" + lines[-1], "broken-certificate", detail="not-base64"),
        Upload("broken: PEM in PEM, damaged inside", broken_again(LINE), "broken-certificate", "encoded twice", "base64 -d", detail="encoded-twice"),
        Upload("broken: a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "binary"),
        Upload("broken: one byte", b"0", "not-a-certificate"),
        Upload("broken: plain text", b"hello, is this the right file?", "not-a-certificate"),
        Upload("broken: 51 certificates", pem * 51, "too-many-certificates", "50"),
        Upload("broken: 51 certificates in DER", der * 51, "too-many-certificates", "50"),
    ]  # fmt: skip


def other_files() -> list[Upload]:
    certificates = [ROOT.certificate, LINE.certificate]
    request = signing_request(SENSOR)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("line_1_ca.crt", LINE.pem)
    revocation = revocation_list()
    jwk = b'{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'
    return [
        Upload("other: PKCS#7 PEM", pkcs7.serialize_certificates(certificates, Encoding.PEM), "pkcs7", "PKCS#7", "openssl pkcs7"),
        Upload("other: PKCS#7 DER", pkcs7.serialize_certificates(certificates, Encoding.DER), "pkcs7", "PKCS#7", "-inform DER"),
        Upload("other: request PEM", request.public_bytes(Encoding.PEM), "csr"),
        Upload("other: request DER", request.public_bytes(Encoding.DER), "csr"),
        Upload("other: revocation list PEM", revocation.public_bytes(Encoding.PEM), "crl"),
        Upload("other: revocation list DER", revocation.public_bytes(Encoding.DER), "crl"),
        Upload("other: public key PEM", public_key_pem(LINE), "public-key"),
        Upload(
            "other: public key DER",
            LINE.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "public-key",
        ),
        Upload(
            "other: SSH public key",
            LINE.certificate.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" ada@line1",
            "public-key", "SSH",
        ),
        Upload("other: public JSON Web Key", jwk, "public-key", "JSON Web Key"),
        Upload("other: web page", b"<!DOCTYPE html><html><body>Sign in</body></html>", "html"),
        Upload("other: XML", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "html"),
        Upload("other: ZIP with a certificate", archive.getvalue(), "zip", "ZIP"),
        Upload("other: gzip with a certificate", gzip.compress(LINE.pem, mtime=0), "zip", "gzip"),
        Upload("other: base64 of gzip with a certificate", b64encode(gzip.compress(LINE.pem, mtime=0)), "zip", "gzip"),
        Upload("other: base64 of words", b64encode(b"The quick brown fox jumps over the lazy dog. " * 5), "not-a-certificate"),
        Upload(
            "other: key parameters", b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
            "not-a-certificate", detail="key-parameters",
        ),
    ]  # fmt: skip


def revocation_list() -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder().issuer_name(LINE.subject).last_update(AT).next_update(AT + DAY)
    return builder.sign(cast(ec.EllipticCurvePrivateKey, LINE.key), hashes.SHA256())


def bundles() -> list[Upload]:
    several, choose = "several-certificates", "choose-certificate"
    old_line = ROOT.issue("Line 1 CA", ca=True, path_length=0, not_after=AT - DAY)
    large = ROOT.issue("Large CA", ca=True, key="RSA 16384")
    old_root = authority("Old Root CA", not_after=AT - DAY)
    line_2 = ROOT.issue("Line 2 CA", ca=True, path_length=0)
    return [
        Upload("bundle: leaf and intermediate", SENSOR.pem + LINE.pem, several, "2 certificates", "CN=Line 1 CA", choose, "CN=Line 1 CA"),
        Upload("bundle: whole chain", SENSOR.pem + LINE.pem + ROOT.pem, several, "3 certificates", "CN=Line 1 CA", choose, "CN=Line 1 CA"),
        Upload(
            "bundle: whole chain, the intermediate already here", SENSOR.pem + LINE.pem + ROOT.pem, several, "3 certificates",
            "plant-intermediate",
            "create-client", "CN=sensor-1", existing=(("plant-intermediate", LINE),),
        ),
        Upload(
            "bundle: leaf and root, the intermediate already here", SENSOR.pem + ROOT.pem, several, "2 certificates",
            "plant-intermediate", "create-client", "CN=sensor-1",
            existing=(("plant-intermediate", LINE),), known=(RSA_SENSOR,),
        ),
        Upload(
            "bundle: root and intermediate, the intermediate already here", ROOT.pem + LINE.pem, several, "2 certificates",
            "plant-intermediate",
            existing=(("plant-intermediate", LINE),),
        ),
        Upload(
            "bundle: expired leaf, the intermediate already here", LINE.issue("s", not_after=AT - DAY).pem + ROOT.pem, several,
            "2 certificates", "plant-intermediate", existing=(("plant-intermediate", LINE),),
        ),
        Upload(
            "bundle: a renewed intermediate while the old one is here", SENSOR.pem + LINE.pem, several, "2 certificates",
            "CN=Line 1 CA", choose, "CN=Line 1 CA", existing=(("old", old_line),),
        ),
        Upload(
            "bundle: the intermediate that is here has expired", SENSOR.pem + ROOT.pem, several, "2 certificates",
            "CN=Line 1 CA", existing=(("old", old_line),),
        ),
        Upload("bundle: DER, one behind the other", SENSOR.der + LINE.der, several, "2 certificates", "CN=Line 1 CA", choose, "CN=Line 1 CA"),
        Upload("bundle: DER in hex, and something behind it", (SENSOR.der + LINE.der + b"\x30\x01\x05").hex().encode(), several, "2 certificates", "CN=Line 1 CA", choose, "CN=Line 1 CA"),
        Upload("bundle: root first", ROOT.pem + LINE.pem, several, "2 certificates", "CN=Line 1 CA", choose, "CN=Line 1 CA"),
        Upload("bundle: RSA chain", RSA_ROOT.pem + RSA_LINE.pem + RSA_SENSOR.pem, several, "3 certificates", "", choose, "CN=RSA Line CA"),
        Upload("bundle: leaf and root, the intermediate missing", SENSOR.pem + ROOT.pem, several, "2 certificates", "CN=Line 1 CA"),
        Upload("bundle: two unrelated roots", ROOT.pem + RSA_ROOT.pem, several, "2 certificates", detail="choose"),
        Upload("bundle: root and two intermediates", ROOT.pem + LINE.pem + line_2.pem, several, "3 certificates", detail="choose"),
        Upload("bundle: root and an expired intermediate", ROOT.pem + old_line.pem, several, "2 certificates", "CN=Line 1 CA", detail="likely-signer-unusable"),
        Upload("bundle: a self-signed client and a root", self_signed("s", key_label="s").pem + ROOT.pem, several, "2 certificates", "CN=Plant Root CA", choose, "CN=Plant Root CA"),
        Upload("bundle: the signer's key is too large", LINE.issue("s", issuer=name_of("CN=Large CA"), aki=None).pem + large.pem, several, "2 certificates", "RSA 16384", detail="likely-signer-unusable"),
        Upload("bundle: two CAs that have both expired", old_line.pem + old_root.pem, several, "2 certificates", "CN=Line 1 CA", detail="none-usable"),
        Upload("bundle: two leaves", SENSOR.pem + RSA_SENSOR.pem, several, "2 certificates", detail="no-ca"),
        Upload("bundle: the signer has expired", SENSOR.pem + old_line.pem, several, "2 certificates", "28 Feb 2026", detail="signer-unusable"),
        Upload("bundle: an expired and a renewed signer", old_line.pem + LINE.pem + SENSOR.pem, several, "3 cert", "", choose, "CN=Line 1 CA"),
        Upload(
            "bundle: two unrelated CAs, clients known", ROOT.pem + RSA_LINE.pem, several, "2 certificates", "",
            choose, "CN=RSA Line CA", known=(RSA_SENSOR,),
        ),
    ]  # fmt: skip


def leaves() -> list[Upload]:
    thumbprint, alone = "create-thumbprint-client", self_signed("sensor-1", key_label="alone")
    server = LINE.issue("web-1", purposes=["serverAuth"])
    return [
        Upload("leaf: client certificate", SENSOR.pem, "leaf", "", "CN=Line 1 CA", thumbprint, "CN=sensor-1"),
        Upload("leaf: RSA, as DER", RSA_SENSOR.der, "leaf", "", "CN=RSA Line CA", thumbprint, "CN=rsa-sensor"),
        Upload("leaf: server certificate", server.pem, "leaf", "", "CN=Line 1 CA", thumbprint, "CN=web-1"),
        Upload("leaf: self-signed", alone.pem, "self-signed-leaf", "", "Thumbprint Match", thumbprint, "CN=sensor-1"),
        Upload(
            "leaf: its CA is already here", SENSOR.pem, "leaf-of-known-ca", "line-1", "",
            "create-client", "CN=sensor-1", existing=(("line-1", LINE),),
        ),
        Upload("leaf: expired", LINE.issue("s", not_after=AT - DAY).pem, "leaf"),
        Upload("leaf: self-signed and expired", self_signed("s", not_after=AT - DAY).pem, "self-signed-leaf"),
        Upload(
            "leaf: expired, its CA is already here", LINE.issue("s", not_after=AT - DAY).pem, "leaf-of-known-ca",
            "line-1", "", existing=(("line-1", LINE),),
        ),
        Upload("leaf: self-signed, version 1", authority("press-1", version_1=True).pem, "self-signed-leaf", "", "basicConstraints CA:TRUE", thumbprint, "CN=press-1"),
        Upload("leaf: no extensions", LINE.issue("press-1", **BARE).pem, "leaf", "", "basicConstraints CA:TRUE", thumbprint, "CN=press-1"),
    ]  # fmt: skip


def unmarked_cas() -> list[Upload]:
    """CA certificates that are not marked as one, as `openssl x509 -req` signs them without -extfile."""
    unmarked, several = "not-marked-as-ca", "several-certificates"
    line = ROOT.issue("L1", **BARE)
    device = line.issue("press-1", **BARE)
    denied = ROOT.issue("L2", ca=False)
    missing, stated = (
        "CN=L1 signed CN=press-1 but is not marked as a CA (basicConstraints CA:TRUE is missing)",
        "CN=L2 signed",
    )
    return [
        Upload("unmarked: alone, by its name", ROOT.issue("Line 1 Intermediate", **BARE).pem, unmarked, "CA:TRUE is missing", "-extfile"),
        Upload("unmarked: keyCertSign without basic constraints", ROOT.issue("L1", ca=None, key_usage=["keyCertSign"]).pem, unmarked, "CA:TRUE is missing"),
        Upload("unmarked: CA:FALSE with keyCertSign", ROOT.issue("Line 3 CA", key_usage=["keyCertSign"]).pem, unmarked, "CA:FALSE"),
        Upload("unmarked: a version 1 root", authority("Old Root", version_1=True).pem, unmarked, "CN=Old Root"),
        Upload("unmarked: a version 1 root with the serial number 1, which begins as a key does", authority("Old Root", version_1=True, serial=b"\x01").pem, unmarked),
        Upload("unmarked: alone, its client known", line.pem, unmarked, missing, "-extfile", known=(device,)),
        Upload("unmarked: CA:FALSE, its client known", denied.pem, unmarked, stated, known=(denied.issue("press-2"),)),
        Upload("unmarked: with its client", line.pem + device.pem, several, "2 certificates", missing, detail="signer-not-marked"),
        Upload("unmarked: with its client and root", line.pem + device.pem + ROOT.pem, several, "3 certificates", missing, detail="signer-not-marked"),
        Upload("unmarked: with its root, its client known", ROOT.pem + line.pem, several, "", missing, detail="signer-not-marked", known=(device,)),
        Upload("unmarked: with its root, by its name", ROOT.pem + ROOT.issue("Sub-CA 7", **BARE).pem, several, "", "CN=Sub-CA 7", detail="signer-not-marked"),
        Upload("unmarked: with its root, or a client without extensions", ROOT.pem + line.pem, several, "", "CA:TRUE is missing", detail="leaf-or-unmarked-ca"),
    ]  # fmt: skip


def other_authorities() -> list[Upload]:
    """A renewed CA with the same key and name, and clients whose authority key identifier names the one before."""
    old = ROOT.issue("Line 7 CA", ca=True, serial=b"\x11", not_after=AT - DAY)
    valid = ROOT.issue("Line 7 CA", ca=True, serial=b"\x11")
    new = ROOT.issue("Line 7 CA", ca=True, serial=b"\x22")
    client = new.issue("press-7", aki=None, extensions=[names_serial(0x11, ROOT.subject)])
    stranger = new.issue("press-8", aki=bytes(20))
    warned = ("other-authority",)
    return [
        Upload("authority: renewed, the client names the old serial number", new.pem, "accepted", warns=warned, known=(client,)),
        Upload("authority: renewed, the old one here", new.pem, "accepted", warns=(*warned, "same-key"), known=(client,), existing=(("old", old),)),
        Upload("authority: the client names another key identifier", new.pem, "accepted", warns=warned, known=(stranger,)),
        Upload("authority: renewed, with the client", new.pem + client.pem, "several-certificates", "", "serial number 11", detail="signer-differs"),
        Upload("authority: renewed, with the client, the old one here", new.pem + client.pem, "several-certificates", "", "as line-7, but expired on 28 Feb 2026", detail="signer-differs", existing=(("line-7", old),)),
        Upload(
            "authority: renewed, with the client, the old one here and valid", new.pem + client.pem, "several-certificates", "", "already uploaded as line-7",
            "create-client", "CN=press-7", detail="signer-differs", existing=(("line-7", valid),),
        ),
        Upload("authority: both and the client", old.pem + new.pem + client.pem, "several-certificates", "", "28 Feb 2026", detail="signer-unusable"),
    ]  # fmt: skip


def names_serial(serial: int, issuer: x509.Name) -> tuple[x509.ExtensionType, bool]:
    return x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(issuer)], serial), False


def odd_name(tag: bytes, value: bytes) -> bytes:
    """A CA certificate whose organization is a string of this type, with these six bytes."""
    swap = (b"\x0c\x06Meller", tag + b"\x06" + value)
    return ROOT.issue("Line 2 CA", ca=True, subject=name_of("O=Meller", "CN=Line 2 CA"), swap=swap).pem


def unfit_cas() -> list[Upload]:
    def made(**options: object) -> bytes:
        return ROOT.issue("Line 2 CA", **{"ca": True, **options}).pem

    return [
        Upload("unfit: expired", made(not_after=AT - DAY), "expired", "28 Feb 2026"),
        Upload("unfit: not yet valid", made(not_before=AT + DAY), "not-yet-valid", "02 Mar 2026"),
        Upload("unfit: key usage without keyCertSign", made(key_usage=["cRLSign"]), "no-key-cert-sign", "keyCertSign"),
        Upload("unfit: RSA 1024", made(key="RSA 1024"), "weak-key", "RSA 1024", "RSA 2048"),
        Upload("unfit: RSA 16384", made(key="RSA 16384"), "key-too-large", "RSA 16384", "2048 to 4096"),
        Upload("unfit: Ed448", made(key="Ed448"), "key-type", "Ed448", "EC P-256"),
        Upload("unfit: DSA", made(key="DSA"), "key-type", "DSA 2048", "EC P-256"),
        Upload("unfit: RSA with a wide exponent", made(key="RSA 2048 wide"), "key-too-large", "RSA 2048 with a public exponent of 2001 bits"),
        Upload("unfit: secp192r1", made(key="secp192r1"), "weak-key", "EC secp192r1", "EC P-256"),
        Upload("unfit: secp224r1", made(key="secp224r1"), "key-type", "EC secp224r1", "EC P-256"),
        Upload("unfit: secp256k1", made(key="secp256k1"), "key-type", "EC secp256k1", "EC P-256"),
        Upload("unfit: brainpoolP256r1", made(key="brainpoolP256r1"), "key-type", "EC brainpoolP256r1", "EC P-256"),
        Upload("unfit: explicit curve parameters", made(explicit_curve=True), "explicit-curve", "explicit curve parameters", "P-256"),
        Upload("unfit: a name in VisibleString", odd_name(b"\x1a", b"Miller"), "not-usable"),
        Upload("unfit: UTF8String that is not UTF-8", odd_name(b"\x0c", b"M\xfcller"), "not-usable"),
        *(
            Upload(f"unfit: unreadable {extension}", made(extensions=[malformed(oid)], **left_out), "not-usable", extension)
            for extension, oid, left_out in (
                ("CRL distribution points", "2.5.29.31", {}),
                ("name constraints", "2.5.29.30", {}),
                ("Netscape certificate type", "2.16.840.1.113730.1.1", {}),
                ("subject key identifier", "2.5.29.14", {"has_ski": False}),
                ("authority key identifier", "2.5.29.35", {"aki": None}),
            )
        ),
        Upload("unfit: already here", LINE.pem, "duplicate", "line-1", "line-1", existing=(("line-1", LINE),)),
    ]  # fmt: skip


def warned_cas() -> list[Upload]:
    ok = "accepted"
    web = authority("Web CA", subject=name_of("C=US", "O=DigiCert Inc", "CN=DigiCert Test Root"))
    baseline = x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)
    issuing = ROOT.issue("DV CA", ca=True, extensions=[(x509.CertificatePolicies([baseline]), False)])
    renewed = ROOT.issue("Line 1 CA", ca=True, path_length=0, not_after=AT + timedelta(days=900))
    twin = ROOT.issue("Line 1 CA", ca=True, path_length=0, key_label="twin of line 1")
    same_key = ROOT.issue("Line 9 CA", ca=True, path_length=0, key_label="Line 1 CA")
    cell = LINE.issue("Cell CA", ca=True)
    direct = ROOT.issue("sensor-5")
    here = (("line-1", LINE),)

    def made(**options: object) -> bytes:
        return ROOT.issue("Line 2 CA", **{"ca": True, **options}).pem

    bare = ROOT.issue("Bare CA", **BARE)
    rekeyed = ROOT.issue("Line 1 CA", ca=True, path_length=0, key_label="before")
    return [
        Upload("warned: expires in 30 days", made(not_after=AT + 30 * DAY), ok, warns=("expires-soon",)),
        Upload("not warned: T61String in Latin-1", odd_name(b"\x14", b"M\xfcller"), ok),
        Upload("not warned: T61String in UTF-8", odd_name(b"\x14", "Mülle".encode()), ok),
        Upload("not warned: PrintableString with other letters", odd_name(b"\x13", b"M@ll_*"), ok),
        Upload("not warned: BMPString", odd_name(b"\x1e", "Mül".encode("utf-16-be")), ok),
        Upload("warned: serial number zero", made(serial=b"\x00"), ok, warns=("serial-number",)),
        Upload("warned: negative serial number", made(serial=b"\x90"), ok, warns=("serial-number",)),
        Upload("warned: root", ROOT.pem, ok, warns=("root",)),
        Upload("warned: public CA by its organization", web.pem, ok, warns=("root", "public-ca")),
        Upload("warned: public CA by its policy", issuing.pem, ok, warns=("public-ca",)),
        Upload("warned: same subject and key as another", renewed.pem, ok, warns=("same-key",), existing=here),
        Upload("warned: same key under another subject", same_key.pem, ok, warns=("same-key",), existing=here),
        Upload("warned: same subject, other key", twin.pem, ok, warns=("same-subject",), existing=here),
        Upload("warned: no key usage", made(key_usage=None), ok, warns=("no-key-usage",)),
        Upload("not warned: SHA-512", made(digest="SHA-512"), ok),
        Upload("not warned: RSA-PSS with SHA-256", RSA_ROOT.issue("Line 2 CA", ca=True, digest="PSS SHA-256").pem, ok),
        Upload(
            "warned: root signed with SHA-224", authority("SHA-224 Root", digest="SHA-224").pem, ok,
            warns=("root", "weak-self-signature"),
        ),
        Upload("warned: SHA-1", made(digest="SHA-1"), ok, warns=("weak-hash",)),
        Upload("warned: RSA with MD5", RSA_ROOT.issue("Line 2 CA", ca=True, digest="MD5").pem, ok, warns=("weak-hash",)),
        Upload("warned: SHA-224", made(digest="SHA-224"), ok, warns=("signature-type",)),
        Upload("warned: SHA-3", made(digest="SHA3-256"), ok, warns=("signature-type",)),
        Upload(
            "warned: RSA-PSS with SHA-224", RSA_ROOT.issue("Line 2 CA", ca=True, digest="PSS SHA-224").pem, ok,
            warns=("signature-type",),
        ),
        Upload("warned: Ed25519", made(key="Ed25519"), ok, warns=("uncommon-key",)),
        Upload(
            "warned: root signed with SHA-1", authority("SHA-1 Root", digest="SHA-1").pem, ok,
            warns=("root", "weak-self-signature"),
        ),
        Upload(
            "warned: root, while an intermediate signs the clients", ROOT.pem, ok,
            warns=("intermediate-signs-clients",), known=(SENSOR, LINE),
        ),
        Upload(
            "warned: root, while clients without a chain are signed by an uploaded intermediate", ROOT.pem, ok,
            warns=("intermediate-signs-clients",), known=(SENSOR,), existing=here,
        ),
        Upload(
            "warned: root, while clients without a chain name another issuer", ROOT.pem, ok,
            warns=("intermediate-signs-clients",), known=(SENSOR,),
        ),
        Upload(
            "warned: root, while the clients have an unrelated CA here", RSA_ROOT.pem, ok, warns=("root",), known=(SENSOR,),
            existing=here,
        ),
        Upload("warned: intermediate, while the root signs the clients", LINE.pem, ok, warns=("root-signs-clients",), known=(direct,)),
        Upload("warned: path length 0 above a CA that signs", LINE.pem, ok, warns=("path-length",), known=(cell, cell.issue("s"))),
        Upload(
            "warned: root, while an intermediate that is not marked as a CA signed the clients", ROOT.pem, ok,
            warns=("unmarked-signs-clients", "root"), known=(bare, bare.issue("s")),
        ),
        Upload("warned: the clients were signed with another key of this name", LINE.pem, ok, warns=("other-key",), known=(rekeyed.issue("s"),)),
        Upload("not warned: intermediate that signs the clients", LINE.pem, ok, known=(SENSOR,)),
        Upload("not warned: root that signs the clients", ROOT.pem, ok, known=(direct,)),
        Upload("not warned: an unknown critical extension", made(extensions=[unknown_extension(critical=False)]), ok),
    ]  # fmt: skip
