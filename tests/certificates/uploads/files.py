"""Files of a certificate in every notation, broken files, other files, bundles and leaves."""

import gzip
import io
import zipfile
from base64 import b64encode
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

from tests.certificates.uploads.chains import (
    BARE,
    DAY,
    LINE,
    ROOT,
    RSA_LINE,
    RSA_ROOT,
    RSA_SENSOR,
    SENSOR,
    Upload,
    in_one_line,
)
from tests.certificates.uploads.written_uploads import broken_again, readable
from tests.support.certificates.chains import AT, authority, name_of, public_key_pem, self_signed, signing_request
from tests.support.certificates.der import sequence


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
