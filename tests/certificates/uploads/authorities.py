"""CA certificates that are not marked as one, that cannot be used, and that are accepted with a warning."""

from datetime import timedelta

from cryptography import x509

from tests.certificates.uploads.chains import BARE, DAY, LINE, ROOT, RSA_ROOT, SENSOR, Upload
from tests.support.certificates.chains import AT, authority, malformed, name_of, unknown_extension


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
