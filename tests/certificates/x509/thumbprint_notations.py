"""Notations of one thumbprint, for the tests of the pure function, the form and the search."""

from base64 import b64encode, urlsafe_b64encode

THUMBPRINT = "0123456789abcdef" * 4
SHA1_THUMBPRINT = "0123456789abcdef01234567" + "89abcdef01234567"
COLONS = ":".join(THUMBPRINT[start : start + 2] for start in range(0, 64, 2))
SHA1_COLONS = ":".join(SHA1_THUMBPRINT[start : start + 2] for start in range(0, 40, 2))

NOTATIONS = {
    "plain": THUMBPRINT,
    "upper case": THUMBPRINT.upper(),
    "colons": COLONS,
    "spaces": COLONS.replace(":", " "),
    "dashes": COLONS.replace(":", "-"),
    "no-break spaces": COLONS.replace(":", "\u00a0"),
    "two lines": f"{THUMBPRINT[:32]}\r\n{THUMBPRINT[32:]}\n",
    "0x": f"0x{THUMBPRINT}",
    "openssl 1": f"SHA256 Fingerprint={COLONS.upper()}",
    "openssl 3": f"sha256 Fingerprint={COLONS.upper()}",
    "keytool": f"\t SHA256: {COLONS.upper()}",
    "browser": f"SHA-256 Fingerprint\n{COLONS.upper()}",
    "hyphen and colon": f"SHA-256: {THUMBPRINT}",
    "lower-case name": f"sha256:{THUMBPRINT}",
    "name and space": f"sha256 {THUMBPRINT}",
    "thumbprint": f"Thumbprint: {THUMBPRINT}",
    "name in parentheses": f"Fingerprint (SHA-256): {COLONS}",
    "name behind": f"SHA-256 Fingerprint (hex) = {COLONS}",
    "soft hyphen": f"\u00ad{COLONS}",
    "commas": COLONS.replace(":", ", "),
    "bytes of C": "{" + ", ".join(f"0x{byte}" for byte in COLONS.split(":")) + "}",
    "escapes of a string": '"' + "".join(f"\\x{byte}" for byte in COLONS.split(":")) + '"',
    "double quotes": f'"{THUMBPRINT}"',
    "single quotes": f"'{COLONS}'",
    "typographic quotes": f"“{THUMBPRINT}”",
    "left-to-right mark": f"\u200e{THUMBPRINT}",  # copied from the certificate dialog of Windows
    "byte order mark": f"\ufeff{THUMBPRINT}",
    "zero-width space": f"\u200b{COLONS}",
    "zero-width spaces between": "\u200b".join(COLONS),
    "bidirectional isolate": f"\u2068SHA256 Fingerprint={COLONS}\u2069",
    "certutil": f"Cert Hash(sha256): {COLONS.replace(':', ' ')}",
    "openssl dgst": f"SHA2-256(ca.der)= {THUMBPRINT}",
    "sha256sum": f"{THUMBPRINT}  ca.der",
    "sha256sum of a binary": f"{THUMBPRINT} *ca.der",
    "a file and its hash": f"ca.pem: {THUMBPRINT}",
    "URN": f"urn:sha256:{THUMBPRINT}",
    "Envoy": f"Hash={THUMBPRINT}",
    "ratio signs": COLONS.replace(":", "\u2236"),
    "base64": b64encode(bytes.fromhex(THUMBPRINT)).decode(),
    "x5t#S256": f'"x5t#S256": "{urlsafe_b64encode(bytes.fromhex(THUMBPRINT)).decode().rstrip("=")}"',
    "full-width digits": THUMBPRINT.translate({ord(digit): chr(0xFF10 + int(digit)) for digit in "0123456789"}),
    "full-width letters": THUMBPRINT.upper().translate({ord(letter): ord(letter) + 0xFEE0 for letter in "ABCDEF"}),
}
SHA1_NOTATIONS = {
    "plain": SHA1_THUMBPRINT,
    "colons": SHA1_COLONS.upper(),
    "openssl": f"SHA1 Fingerprint={SHA1_COLONS.upper()}",
    "openssl 3": f"sha1 Fingerprint={SHA1_COLONS.upper()}",
    "hyphen": f"SHA-1: {SHA1_THUMBPRINT}",
    "name in parentheses": f"Thumbprint (SHA-1): {SHA1_COLONS}",
    "quotes": f"“SHA1 Fingerprint={SHA1_COLONS}”",
    "invisible mark": f"\u200e{SHA1_THUMBPRINT}",
    "certutil": f"Cert Hash(sha1): {SHA1_COLONS.replace(':', ' ')}",
    "sha1sum": f"{SHA1_THUMBPRINT}  ca.der",
    "named SHA-1, truncated": f"SHA1 Fingerprint={SHA1_COLONS[:29]}",
}
INVALID = {
    "": "not-hex",
    "primary": "not-hex",
    "0x": "not-hex",
    "SHA256 Fingerprint=": "not-hex",
    "g" * 64: "not-hex",
    "²" * 64: "not-hex",
    "٣" * 64: "not-hex",  # Arabic-Indic digits
    THUMBPRINT[:-1]: "length",
    THUMBPRINT + "0": "length",
    f"{THUMBPRINT} {THUMBPRINT}": "length",
    "MD5 Fingerprint=" + COLONS[:47]: "length",
    "SHA512 Fingerprint=" + f"{COLONS}:{COLONS}": "length",
    "x" * 43: "not-hex",
    f"SHA256:{THUMBPRINT} SHA256:{THUMBPRINT}": "not-hex",
}
