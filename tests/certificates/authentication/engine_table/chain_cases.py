"""Rows about certificates: the one presented, its issuer, and the chain to an uploaded CA certificate."""

from dataclasses import replace
from typing import Any

from cryptography import x509

from tests.certificates.authentication.engine_table.cases import (
    CHAIN,
    CONNACK,
    DAY,
    ISSUER,
    PRESENTS_NONE,
    PURPOSE,
    READABLE,
    TLS_OF_CLIENT,
    VALIDITY,
    Case,
    Plant,
    a_client,
)
from tests.support.certificates.chains import (
    authority,
    key_identifier,
    malformed,
    name_of,
    only_dns,
    revocation_points,
    self_signed,
    unknown_extension,
)


def _states(serial: int, p: Plant) -> tuple[x509.ExtensionType, bool]:
    """An authority key identifier with issuer and serial number, as OpenSSL's "issuer:always" writes it."""
    return x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(p.root.subject)], serial), False


def certificate_rows(p: Plant) -> list[Case]:
    return [
        replace(p.row("certificate: none presented", fails_at=READABLE), presented=None),
        p.row(
            "certificate: not readable", raw=b"\x30\x03\x02\x01\x01", fails_at=READABLE, presentable=False, layer=TLS_OF_CLIENT,
        ),
        p.good("certificate: negative serial number", p.leaf(serial=b"\x85")),
        p.good("certificate: serial number zero", p.leaf(serial=b"\x00")),
        p.row(
            "certificate: RSA 16384", p.leaf(key="RSA 16384"), fails_at=READABLE, shows=("RSA 16384",), presentable=False,
            layer=TLS_OF_CLIENT,
        ),
        p.row(
            "certificate: expired", p.leaf(not_after=p.at - DAY), fails_at=VALIDITY,
            shows=(f"to {p.at - DAY:%d %b %Y}",),
        ),
        p.row(
            "certificate: not yet valid", p.leaf(not_before=p.at + DAY), fails_at=VALIDITY,
            shows=(f"{p.at + DAY:%d %b %Y}",),
        ),
        p.row(
            "certificate: expired is reported before an unknown name", p.leaf(not_after=p.at - DAY), user_name="nobody",
            fails_at=VALIDITY, shows=(f"to {p.at - DAY:%d %b %Y}",),
        ),
        p.good("certificate: version 1", p.leaf(version_1=True)),
        p.good("certificate: no authority key identifier", p.leaf(aki=None)),
        p.good("certificate: no subject key identifier", p.leaf(has_ski=False)),
        p.good("certificate: no key usage and no basic constraints", p.leaf(key_usage=None, ca=None)),
        p.good("certificate: an unknown extension that is not critical", p.leaf(extensions=[unknown_extension(critical=False)])),
        p.good("certificate: points to a revocation list", p.leaf(extensions=[(revocation_points(), False)])),
        p.row(
            "certificate: an unknown critical extension", p.leaf(extensions=[unknown_extension(critical=True)]),
            fails_at=CHAIN, shows=("critical extension: 1.3.6.1.4.1.55555.1", "at: CN=sensor-1"),
            fix=("1.3.6.1.4.1.55555.1",),
        ),
    ]  # fmt: skip


def strength_rows(p: Plant) -> list[Case]:
    rsa_line = authority("RSA Line CA", key="RSA 2048", at=p.at)
    return [
        p.good("key: RSA 2048", p.leaf(key="RSA 2048")),
        p.good("key: P-384", p.leaf(key="P-384")),
        p.good("key: P-521", p.leaf(key="P-521")),
        p.good("key: Ed25519", p.leaf(key="Ed25519")),
        p.good("key: RSA from CA to client", rsa_line.issue("sensor-1", key="RSA 2048"), uploaded={"line-1": rsa_line}),
        p.good("signature: SHA-512", p.leaf(digest="SHA-512")),
        p.good("signature: RSA-PSS with SHA-256", rsa_line.issue("sensor-1", digest="PSS SHA-256"), uploaded={"line-1": rsa_line}),
        *(
            p.row(
                f"key: {kind}", p.leaf(key=kind), fails_at=CHAIN, shows=(kind, "CN=sensor-1"), fix=("EC P-256",),
                presentable=False, layer=layer,
            )
            for kind, layer in (
                ("secp192r1", TLS_OF_CLIENT),
                ("secp224r1", PRESENTS_NONE),
                ("secp256k1", PRESENTS_NONE),
                ("brainpoolP256r1", PRESENTS_NONE),
                ("DSA", PRESENTS_NONE),
                ("Ed448", CONNACK),
            )
        ),
        p.row(
            "key: RSA with a wide exponent", p.leaf(key="RSA 2048 wide"), fails_at=READABLE,
            shows=("public exponent of 2001 bits",), presentable=False, layer=TLS_OF_CLIENT,
        ),
        p.row(
            "signature: SHA-224", p.leaf(digest="SHA-224"), fails_at=CHAIN, shows=("ECDSA with SHA-224",), fix=("SHA-256",),
            presentable=False, layer=CONNACK,
        ),
        p.row(
            "signature: SHA-3", p.leaf(digest="SHA3-256"), fails_at=CHAIN, shows=("ECDSA with SHA-3-256",), fix=("SHA-256",),
            presentable=False, layer=TLS_OF_CLIENT,
        ),
        p.row(
            "signature: RSA-PSS with SHA-224", rsa_line.issue("sensor-1", digest="PSS SHA-224"),
            uploaded={"line-1": rsa_line}, fails_at=CHAIN, shows=("RSA-PSS with SHA-224",), fix=("SHA-256",),
            presentable=False, layer=CONNACK,
        ),
        p.row("key: RSA 1024", p.leaf(key="RSA 1024"), fails_at=CHAIN, shows=("RSA 1024", "CN=sensor-1"), weak=True, layer=TLS_OF_CLIENT),
        p.row(
            "signature: SHA-1", p.leaf(digest="SHA-1"), fails_at=CHAIN, shows=("ECDSA with SHA-1", "CN=sensor-1"),
            fix=("SHA-256",), weak=True, layer=TLS_OF_CLIENT,
        ),
        p.row(
            "signature: RSA with SHA-1", rsa_line.issue("sensor-1", digest="SHA-1"), uploaded={"line-1": rsa_line},
            fails_at=CHAIN, shows=("RSA with SHA-1",), fix=("SHA-256",), weak=True, layer=TLS_OF_CLIENT,
        ),
        p.row(
            "signature: MD5", rsa_line.issue("sensor-1", digest="MD5"), uploaded={"line-1": rsa_line},
            fails_at=CHAIN, shows=("RSA with MD5",), fix=("SHA-256",), weak=True, layer=TLS_OF_CLIENT,
        ),
    ]  # fmt: skip


def purpose_rows(p: Plant) -> list[Case]:
    web_ca = p.root.issue("Web CA", ca=True, purposes=["serverAuth"])
    client_ca = p.root.issue("Client CA", ca=True, purposes=["clientAuth"])
    return [
        p.good("purpose: no extended key usage", p.leaf(purposes=None)),
        p.good("purpose: server and client, as the step CLI makes it", p.leaf(purposes=["serverAuth", "clientAuth"])),
        p.good("purpose: any", p.leaf(purposes=["anyExtendedKeyUsage"])),
        p.good("purpose: key agreement alone", p.leaf(key_usage=["keyAgreement"])),
        p.row(
            "purpose: servers only", p.leaf(purposes=["serverAuth"]), fails_at=PURPOSE, shows=("serverAuth",),
            fix=("clientAuth",),
        ),
        p.row("purpose: code signing only", p.leaf(purposes=["codeSigning"]), fails_at=PURPOSE, shows=("codeSigning",)),
        p.row(
            "purpose: the key may only encipher keys", p.leaf(key_usage=["keyEncipherment"]), fails_at=PURPOSE,
            shows=("keyEncipherment",), fix=("digitalSignature",),
        ),
        p.row(
            "purpose: a CA certificate presented as client", p.line, uploaded={"plant-root": p.root},
            clients=(a_client("Line 1 CA"),), user_name="Line 1 CA", fails_at=PURPOSE, shows=("keyCertSign",),
        ),
        p.row(
            "purpose: the CA may issue servers only", web_ca.issue("sensor-1"), uploaded={"web": web_ca},
            fails_at=PURPOSE, shows=("CN=Web CA", "serverAuth"),
        ),
        p.good("purpose: the CA may issue clients", client_ca.issue("sensor-1"), uploaded={"clients": client_ca}, anchor="clients"),
    ]  # fmt: skip


def issuer_rows(p: Plant) -> list[Case]:
    other = authority("Other Root CA", at=p.at)
    twin = p.root.issue("Line 1 CA", ca=True, path_length=0, key_label="twin of line 1")
    alone = self_signed("sensor-1", at=p.at, key_label="alone")
    old = p.root.issue("Line 1 CA", ca=True, path_length=0, serial=b"\x11", not_after=p.at - DAY)
    renewed = p.root.issue("Line 1 CA", ca=True, path_length=0, serial=b"\x22")
    by_serial = p.leaf(aki=None, extensions=[_states(0x11, p)])
    return [
        p.row("issuer: no CA certificate uploaded", uploaded={}, fails_at=ISSUER, shows=("CN=Line 1 CA", "none")),
        p.row(
            "issuer: another CA certificate uploaded", uploaded={"other": other}, fails_at=ISSUER,
            shows=("CN=Line 1 CA", "CN=Other Root CA", key_identifier(p.line)), fix=("CN=Line 1 CA",),
        ),
        p.row(
            "issuer: the root uploaded, the intermediate not sent", uploaded={"plant-root": p.root}, fails_at=ISSUER,
            shows=("CN=Line 1 CA", "CN=Plant Root CA"),
        ),
        p.row(
            "issuer: right name, other key", uploaded={"line-1": twin}, fails_at=ISSUER,
            shows=(key_identifier(p.line), key_identifier(twin)),
        ),
        p.row(
            "issuer: right name, other key, no key identifiers", p.leaf(aki=None), uploaded={"line-1": twin},
            fails_at=ISSUER, shows=("key identifier needed: not stated", key_identifier(twin)),
        ),
        p.good("issuer: two of one name, the second signed", p.leaf(aki=None), uploaded={"twin": twin, "line-1": p.line}),
        p.good("issuer: two of one name, the first signed", p.leaf(aki=None), uploaded={"line-1": p.line, "twin": twin}),
        p.row(
            "issuer: right key, other key identifier", p.leaf(aki=b"\x01" * 20), fails_at=ISSUER,
            shows=("01" * 20, key_identifier(p.line)),
        ),
        p.row(
            "issuer: renewed, the old serial number stated", by_serial, uploaded={"line-1": renewed}, fails_at=ISSUER,
            shows=("serial number needed: 11", "serial number found: 22"),
        ),
        p.row(
            "issuer: renewed, the old one expired", by_serial, uploaded={"old": old, "line-1": renewed}, fails_at=CHAIN,
            shows=(f"{p.at - DAY:%d %b %Y}", "serial number is 22", "states 11"),
        ),
        p.good("issuer: renewed, the new serial number stated", p.leaf(aki=None, extensions=[_states(0x22, p)]), uploaded={"line-1": renewed}),
        p.good("issuer: named with other blanks", p.leaf(issuer=name_of("CN= Line  1 CA "))),
        p.good("issuer: named in capitals", p.leaf(issuer=name_of("CN=LINE 1 CA"))),
        p.row(
            "issuer: self-signed with a subject scheme", alone, fails_at=ISSUER, shows=("issuer needed: CN=sensor-1",),
            fix=("Thumbprint Match",),
        ),
        p.row(
            "issuer: the client certificate itself was uploaded", alone, uploaded={"mine": alone}, fails_at=ISSUER,
            shows=("uploaded CA certificates: mine (CN=sensor-1)",), fix=("Thumbprint Match",),
        ),
        p.row(
            "issuer: a CA-issued client certificate was uploaded instead of its CA", uploaded={"mine": p.sensor},
            fails_at=ISSUER, shows=("uploaded CA certificates: mine (CN=sensor-1)", "CN=Line 1 CA"),
            fix=("CN=Line 1 CA", "mine"),
        ),
    ]  # fmt: skip


def chain_rows(p: Plant) -> list[Case]:
    root_b = authority("Second Root CA", at=p.at)
    crossed = root_b.issue("Line 1 CA", ca=True, path_length=0)  # the same name and key, signed by another root
    cell = p.line.issue("Cell CA", ca=True)
    free_line = p.root.issue("Free Line CA", ca=True)
    deep = free_line.issue("Deep CA", ca=True)
    roots: dict[str, Any] = {"uploaded": {"plant-root": p.root}, "anchor": "plant-root"}
    old_line = p.root.issue("Line 1 CA", ca=True, path_length=0, not_after=p.at - DAY)
    return [
        p.good("chain: the root uploaded, the intermediate sent", chain=(p.line,), **roots),
        p.good("chain: the root uploaded, the whole chain sent", chain=(p.line, p.root), **roots),
        p.good("chain: sent in the wrong order", deep.issue("sensor-1"), chain=(free_line, deep), **roots),
        p.good("chain: root and intermediate uploaded", uploaded={"plant-root": p.root, "line-1": p.line}),
        p.good("chain: the certificate itself sent twice", chain=(p.sensor, p.line)),
        p.good("chain: unrelated certificates sent too", chain=(root_b, authority("Stranger CA", at=p.at))),
        p.good("chain: cross-signed, the second root uploaded", chain=(p.line, crossed), uploaded={"second": root_b}, anchor="second"),
        p.good("chain: the CA renewed with the same key, both uploaded", uploaded={"old": old_line, "line-1": p.line}),
        p.row(
            "chain: sent up to a root that is not uploaded", chain=(p.line, p.root), uploaded={"second": root_b},
            fails_at=CHAIN, shows=("CN=Plant Root CA", "neither uploaded nor sent"), fix=("CN=Line 1 CA",),
        ),
        p.row(
            "chain: path length exceeded", cell.issue("sensor-1"), chain=(cell,), fails_at=CHAIN,
            shows=("path length: 0", "at: CN=Line 1 CA", "CN=Cell CA"),
            fix=("CN=Line 1 CA",),
        ),
        p.row(
            "chain: the sent intermediate has expired", chain=(old_line,), uploaded={"plant-root": p.root},
            fails_at=CHAIN, shows=("at: CN=Line 1 CA", "certificate has expired"),
        ),
        p.row(
            "chain: the sent intermediate is signed with SHA-1",
            chain=(p.root.issue("Line 1 CA", ca=True, digest="SHA-1"),), uploaded={"plant-root": p.root},
            fails_at=CHAIN, shows=("CN=Line 1 CA", "ECDSA with SHA-1"), weak=True, layer=TLS_OF_CLIENT,
        ),
        p.row(
            "chain: the client certificate signed by another client", p.line.issue("sensor-0").issue("sensor-1"),
            chain=(p.line.issue("sensor-0"),), fails_at=CHAIN, shows=("at: CN=sensor-0", "basic constraints: CA:FALSE"),
        ),
    ]  # fmt: skip


def bad_ca_rows(p: Plant) -> list[Case]:
    def under(case_id: str, fails_at: str = "", *shows: str, **options: Any) -> Case:
        ca = p.root.issue("Line 2 CA", **{"ca": True, **options})
        anchor = "" if fails_at else "line-2"
        names = {"dns": ["sensor-1.plant.example"]}
        return p.row(
            case_id,
            ca.issue("sensor-1", **names),
            uploaded={"line-2": ca},
            fails_at=fails_at,
            shows=shows,
            anchor=anchor,
        )

    big = p.root.issue("Line 2 CA", ca=True, key="RSA 16384")
    old_root = authority("SHA-1 Root CA", digest="SHA-1", at=p.at)
    unsigned = p.line.issue("sensor-1", issuer=name_of("CN=Line 2 CA"), aki=None)
    return [
        under("ca: unreadable name constraints", CHAIN, "name constraints", "CN=Line 2 CA", extensions=[malformed("2.5.29.30")]),
        under("ca: without key usage, as openssl req makes it", key_usage=None),
        under("ca: Ed25519", key="Ed25519"),
        under("ca: permits the client's DNS name", name_constraints=only_dns("plant.example")),
        p.good("ca: a root whose own signature is SHA-1", old_root.issue("sensor-1"), uploaded={"line-1": old_root}),
        under("ca: an intermediate whose own signature is SHA-1", digest="SHA-1"),
        under("ca: expired", CHAIN, "at: CN=Line 2 CA", "certificate has expired", not_after=p.at - DAY),
        under("ca: not yet valid", CHAIN, "at: CN=Line 2 CA", "certificate is not yet valid", not_before=p.at + DAY),
        under("ca: CA flag false", CHAIN, "at: CN=Line 2 CA", "basic constraints: CA:FALSE", ca=False, purposes=None),
        under("ca: no basic constraints", CHAIN, "at: CN=Line 2 CA", "basic constraints: none", ca=None),
        under("ca: key usage without keyCertSign", CHAIN, "CN=Line 2 CA", "cRLSign", key_usage=["cRLSign"]),
        *(
            under(f"ca: {curve}", CHAIN, "CN=Line 2 CA", curve, key=curve)
            for curve in ("secp192r1", "secp224r1", "secp256k1", "brainpoolP256r1", "DSA", "Ed448")
        ),
        under("ca: RSA 1024", CHAIN, "CN=Line 2 CA", "RSA 1024", key="RSA 1024"),
        under("ca: an unknown critical extension", CHAIN, "at: CN=Line 2 CA", "critical extension: 1.3.6.1.4.1.55555.1", extensions=[unknown_extension(critical=True)]),
        under("ca: does not permit the client's DNS name", CHAIN, "name constraints of CN=Line 2 CA: permitted DNS:office.example", name_constraints=only_dns("office.example")),
        p.row("ca: RSA 16384", unsigned, uploaded={"line-2": big}, fails_at=CHAIN, shows=("CN=Line 2 CA", "RSA 16384")),
    ]  # fmt: skip
