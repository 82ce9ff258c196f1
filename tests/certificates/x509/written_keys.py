"""Private keys, and the ways in which programs write bytes."""

import base64
import csv
import io
import random
import subprocess
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tests.certificates.uploads.key_uploads import PASSPHRASE
from tests.support.certificates.seeded_keys import dsa_key, rsa_key

AnyKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | x25519.X25519PrivateKey
    | dsa.DSAPrivateKey
)
SECRET = random.Random("written").randbytes(56)


@dataclass(frozen=True)
class Written:
    """One key in its binary formats and in PEM."""

    kind: str
    key: AnyKey

    def bytes_of(self, encoding: Encoding, form: PrivateFormat, *, locked: bool = False) -> bytes:
        lock: KeySerializationEncryption = PASSPHRASE if locked else NoEncryption()
        return self.key.private_bytes(encoding, form, lock)

    @property
    def der(self) -> bytes:
        return self.bytes_of(Encoding.DER, PrivateFormat.PKCS8)

    @property
    def traditional(self) -> bytes:
        """PKCS#1 or SEC1, which some kinds of keys do not have."""
        return self.bytes_of(Encoding.DER, self._traditional_form)

    @property
    def pem(self) -> str:
        return self.bytes_of(Encoding.PEM, PrivateFormat.PKCS8).decode()

    @property
    def traditional_pem(self) -> str:
        return self.bytes_of(Encoding.PEM, self._traditional_form).decode()

    @property
    def _traditional_form(self) -> PrivateFormat:
        has_one = isinstance(self.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey)
        return PrivateFormat.TraditionalOpenSSL if has_one else PrivateFormat.PKCS8

    @property
    def number(self) -> bytes:
        """The secret number."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            exponent = self.key.private_numbers().d
            return exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.private_numbers().private_value.to_bytes((self.key.curve.key_size + 7) // 8, "big")
        assert isinstance(self.key, ed25519.Ed25519PrivateKey)
        return self.key.private_bytes_raw()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Letters that no page may show: the end of its base64, and the middle of its number in hex."""
        return base64.b64encode(self.der).decode().rstrip("=")[-24:-4], self.number.hex()[8:40]


@cache
def keys() -> tuple[Written, ...]:
    return (
        Written("RSA", rsa_key(2048, "written")),
        Written("P-256", ec.derive_private_key(int.from_bytes(SECRET[:32], "big"), ec.SECP256R1())),
        Written("P-384", ec.derive_private_key(int.from_bytes(SECRET[:48], "big"), ec.SECP384R1())),
        Written("Ed25519", ed25519.Ed25519PrivateKey.from_private_bytes(SECRET[:32])),
    )


@cache
def other_keys() -> tuple[Written, ...]:
    """Kinds of keys that only a few devices have."""
    return (
        Written("RSA 1024", rsa_key(1024, "written")),
        Written("RSA 4096", rsa_key(4096, "written")),
        Written("P-521", ec.derive_private_key(int.from_bytes(SECRET, "big"), ec.SECP521R1())),
        Written("secp256k1", ec.derive_private_key(int.from_bytes(SECRET[:31], "big"), ec.SECP256K1())),
        Written("Ed448", ed448.Ed448PrivateKey.from_private_bytes(SECRET + b"\x07")),
        Written("X25519", x25519.X25519PrivateKey.from_private_bytes(SECRET[:32])),
        Written("DSA", dsa_key("written")),
    )


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_lines(text: str, width: int = 64) -> list[str]:
    return [text[at : at + width] for at in range(0, len(text), width)]


def hex_pairs(data: bytes) -> list[str]:
    return [f"{byte:02x}" for byte in data]


def rows(items: list[str], count: int) -> list[list[str]]:
    return [items[at : at + count] for at in range(0, len(items), count)]


def readable(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def xxd(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        words = " ".join(row.hex()[each : each + 4] for each in range(0, 2 * len(row), 4))
        lines.append(f"{at:08x}: {words:<39}  {readable(row)}")
    return "\n".join(lines) + "\n"


def hexdump_c(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        pairs = hex_pairs(row)
        lines.append(f"{at:08x}  {' '.join(pairs[:8]):<23}  {' '.join(pairs[8:]):<23}  |{readable(row)}|")
    return "\n".join([*lines, f"{len(data):08x}"]) + "\n"


def od_words(data: bytes, form: str) -> str:
    """Two bytes as one number, the last byte first."""
    padded = data + b"\0" * (len(data) % 2)
    words = [format(int.from_bytes(padded[at : at + 2], "little"), form) for at in range(0, len(padded), 2)]
    return "\n".join(f"{16 * at:07o} {' '.join(row)}" for at, row in enumerate(rows(words, 8))) + "\n"


def od_bytes(data: bytes, form: str) -> str:
    numbers = [format(byte, form) for byte in data]
    return "\n".join(f"{16 * at:07o} {' '.join(row)}" for at, row in enumerate(rows(numbers, 16))) + "\n"


def c_array(data: bytes) -> str:
    body = ",\n".join("  " + ", ".join(f"0x{pair}" for pair in row) for row in rows(hex_pairs(data), 12))
    return f"unsigned char client_key_der[] = {{\n{body}\n}};\nunsigned int client_key_der_len = {len(data)};\n"


def openssl(*options: str, given: bytes) -> str:
    return subprocess.run(["openssl", *options], input=given, capture_output=True, check=True).stdout.decode()


def twice(text: str) -> str:
    return b64(b64(text.encode()).encode())


def lines_with(prefix: str, text: str, suffix: str = "") -> str:
    return "\n".join(f"{prefix}{line}{suffix}" for line in text.splitlines())


def numbered(text: str, form: str = "{:3d}  {}") -> str:
    return "\n".join(form.format(at, line) for at, line in enumerate(text.splitlines(), start=1))


def jwk(key: Written) -> dict[str, str]:
    number = base64.urlsafe_b64encode(key.number).decode().rstrip("=")
    return {"kty": "EC" if key.kind.startswith("P-") else key.kind, "crv": key.kind, "x": "AA", "d": number}


def dot_net(key: Written) -> str:
    parts = {
        "Modulus": b64(key.number[::-1]),
        "Exponent": "AQAB",
        "P": "AA==",
        "DP": b64(key.number),
        "D": b64(key.number),
    }
    body = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
    return f"<RSAKeyValue>{body}</RSAKeyValue>"


def csv_row(*cells: str) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def putty_body(key: Written) -> str:
    lines = in_lines(b64(b"\0\0\0\x20" + key.number))
    return "\n".join([f"Private-Lines: {len(lines)}", *lines, f"Private-MAC: {key.number[:32].hex()}"])


def pkcs12_of(key: Written) -> bytes:
    loaded = key.key
    assert isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
    return pkcs12.serialize_key_and_certificates(b"client", loaded, None, None, PASSPHRASE)
