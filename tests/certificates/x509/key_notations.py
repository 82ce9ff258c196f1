"""Private keys as people write them in texts: each notation makes a text of each kind of key. All keys are the same in each run."""

import base64
import gzip
import html
import json
import plistlib
import quopri
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PrivateFormat,
)

from tests.certificates.x509.notations import OF_BYTES
from tests.certificates.x509.written_keys import (
    Written,
    b64,
    c_array,
    csv_row,
    dot_net,
    hex_pairs,
    hexdump_c,
    in_lines,
    jwk,
    keys,
    lines_with,
    numbered,
    od_bytes,
    od_words,
    openssl,
    pkcs12_of,
    putty_body,
    rows,
    twice,
    xxd,
)

Notation = Callable[[Written], str]

PEM_TEXTS: dict[str, Notation] = {
    "PEM": lambda key: key.pem,
    "traditional PEM": lambda key: key.traditional_pem,
    "PEM in one line": lambda key: key.pem.replace("\n", ""),
    "PEM with blanks for line breaks": lambda key: key.pem.replace("\n", " "),
    "PEM with CRLF": lambda key: key.pem.replace("\n", "\r\n"),
    "PEM with tabs": lambda key: lines_with("\t\t", key.pem),
    "PEM with a passphrase": lambda key: key.bytes_of(Encoding.PEM, PrivateFormat.PKCS8, locked=True).decode(),
    "PEM behind its parameters": lambda key: (
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + key.traditional_pem
    ),
    "PEM with bag attributes": lambda key: (
        "Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n" + key.pem
    ),
    "PEM in small letters": lambda key: key.pem.replace("BEGIN PRIVATE KEY", "begin private key"),
    "PEM in full width": lambda key: key.pem.translate({at: at + 0xFEE0 for at in range(33, 127)}),
    "PEM with en dashes": lambda key: key.pem.replace("--", "–"),
    "PEM with em dashes": lambda key: key.pem.replace("-----", "——-"),
    "PEM with escaped dashes": lambda key: key.pem.replace("-", "\\-"),
    "PEM with zero-width spaces": lambda key: key.pem.replace("E", "E\u200b").replace("A", "A\u200b"),
    "PEM with no-break spaces": lambda key: key.pem.replace(" ", "\u00a0").replace("\n", "\u00a0\n"),
    "PEM with a soft hyphen in each line": lambda key: "\n".join(
        f"{line[:9]}\u00ad{line[9:]}" for line in key.pem.splitlines()
    ),
    "PEM without its BEGIN line": lambda key: key.pem.split("\n", 1)[1],
    "PEM without its END line": lambda key: key.pem.rsplit("\n", 2)[0],
    "PEM without armour": lambda key: "\n".join(key.pem.splitlines()[1:-1]),
    "PEM in lines of 16 letters": lambda key: "\n".join(in_lines(b64(key.der), 16)),
    "OpenSSH": lambda key: key.bytes_of(Encoding.PEM, PrivateFormat.OpenSSH).decode(),
    "OpenSSH without armour": lambda key: "".join(
        key.bytes_of(Encoding.PEM, PrivateFormat.OpenSSH).decode().splitlines()[1:-1]
    ),
    "SSH2": lambda key: (
        f'---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: "press"\n{b64(key.der)}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n'
    ),
    "PGP": lambda key: (
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{b64(b'.' + key.der)}\n-----END PGP PRIVATE KEY BLOCK-----\n"
    ),
    "PuTTY": lambda key: f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: press\n{putty_body(key)}\n",
    "PuTTY without its head": putty_body,
}

ESCAPED: dict[str, Notation] = {
    "JSON string": lambda key: json.dumps(key.pem),
    "JSON object": lambda key: json.dumps({"name": "press-1", "key": key.pem}),
    "JSON in JSON": lambda key: json.dumps({"text": json.dumps({"key": key.pem})}),
    "JSON in JSON in JSON": lambda key: json.dumps(json.dumps(json.dumps(key.pem))),
    "JSON with escaped slashes": lambda key: json.dumps(key.pem).replace("/", "\\/"),
    "JSON with escaped dashes": lambda key: json.dumps(key.pem).replace("-", "\\u002d"),
    "JSON array of lines": lambda key: json.dumps(key.pem.splitlines(), indent=2),
    "JSON array of base64 lines": lambda key: json.dumps(in_lines(b64(key.der), 32)),
    "YAML block": lambda key: "tls:\n  key: |\n" + lines_with("    ", key.pem),
    "YAML folded": lambda key: "key: >-\n" + lines_with("  ", key.pem.replace("\n", "\n\n")),
    "YAML quoted": lambda key: f'key: "{key.pem.replace(chr(10), chr(92) + "n")}"',
    "YAML list of lines": lambda key: "key:\n" + lines_with("  - ", key.pem),
    "TOML": lambda key: f'key = """\n{key.pem}"""',
    ".env with escaped line breaks": lambda key: f'TLS_KEY="{key.pem.replace(chr(10), chr(92) + "n")}"',
    ".env in one line of base64": lambda key: f"TLS_KEY={b64(key.der)}",
    "INI with continued lines": lambda key: "key = " + key.pem.replace("\n", " \\\n  "),
    "url-encoded": lambda key: quote(key.pem, safe=""),
    "url-encoded with plus signs": lambda key: quote_plus(key.pem),
    "url-encoded twice": lambda key: quote(quote(key.pem, safe=""), safe=""),
    "url-encoded three times": lambda key: quote(quote(quote(key.pem, safe=""), safe=""), safe=""),
    "url-encoded, every letter": lambda key: "".join(f"%{ord(letter):02X}" for letter in key.pem),
    "url-encoded DER": lambda key: "".join(f"%{byte:02x}" for byte in key.der),
    "url-encoded base64, decoded once too often": lambda key: b64(key.der).replace("+", " "),
    "JavaScript escape()": lambda key: "".join(f"%u{ord(letter):04X}" for letter in key.pem),
    "HTML entities": lambda key: html.escape(key.pem).replace("-", "&#45;").replace("\n", "&#10;"),
    "HTML entities in hex": lambda key: "".join(f"&#x{ord(letter):x};" for letter in key.pem),
    "HTML entities with names": lambda key: key.pem.replace("/", "&sol;").replace("+", "&plus;").replace("-", "&hyphen;"),
    "HTML entities twice": lambda key: key.pem.replace("-", "&amp;#45;").replace("\n", "&amp;#10;"),
    "HTML line breaks": lambda key: key.pem.replace("\n", "<br>\n"),
    "XML text": lambda key: f"<key>{escape(key.pem)}</key>",
    "XML CDATA": lambda key: f"<key><![CDATA[{key.pem}]]></key>",
    "property list": lambda key: plistlib.dumps({"key": key.der}).decode(),
    "twice escaped line breaks": lambda key: key.pem.replace("\n", "\\\\n"),
    "four times escaped line breaks": lambda key: key.pem.replace("\n", "\\" * 8 + "n"),
    "quoted-printable": lambda key: quopri.encodestring(key.pem.encode(), quotetabs=True).decode(),
    "quoted-printable, every letter": lambda key: "".join(f"={ord(letter):02X}" for letter in key.pem),
    "MIME part": lambda key: (
        "Content-Type: application/pkcs8\nContent-Transfer-Encoding: base64\n\n" + "\n".join(in_lines(b64(key.der), 76))
    ),
    "quoted mail": lambda key: lines_with("> ", key.pem),
    "quoted mail twice": lambda key: lines_with("> > ", key.pem),
    "Markdown quote with bars": lambda key: lines_with("| ", key.pem, " |"),
    "line numbers": lambda key: numbered(key.pem),
    "line numbers with dots": lambda key: numbered(key.pem, "{}. {}"),
    "line numbers without armour": lambda key: numbered("\n".join(in_lines(b64(key.der), 24)), "{:03d}| {}"),
    "diff": lambda key: lines_with("+", key.pem),
    "comment of C": lambda key: lines_with(" * ", key.pem),
    "comment of a shell": lambda key: lines_with("# ", key.pem),
    "log lines": lambda key: lines_with("2026-11-29T10:00:00Z INFO device ", key.pem),
    "CSV": lambda key: csv_row("press-1", key.pem, "x"),
    "CSV in CSV": lambda key: csv_row("press-1", csv_row("x", key.pem)),
    "SQL string": lambda key: "INSERT INTO keys VALUES (E'" + key.pem.replace("\n", "\\n") + "');",
    "SQL with CHR(10)": lambda key: "'" + key.pem.replace("\n", "' || CHR(10) || '") + "'",
    "terraform heredoc": lambda key: f"private_key = <<-EOT\n{lines_with('    ', key.pem)}\n  EOT\n",
    "PowerShell here-string": lambda key: f'$key = @"\n{key.pem}"@',
    "PowerShell escapes": lambda key: f'"{key.pem.replace(chr(10), "`n")}"',
    "shell with $'…'": lambda key: f"KEY=$'{key.pem.replace(chr(10), chr(92) + 'n')}'",
    "Dockerfile": lambda key: "RUN echo '" + key.pem.replace("\n", "\\n\\\n") + "' > key.pem",
}  # fmt: skip

CODE: dict[str, Notation] = {
    "C string literals": lambda key: (
        "const char key[] =\n" + "\n".join(f'"{line}\\n"' for line in key.pem.splitlines()) + ";"
    ),
    "C string literals of base64": lambda key: "\n".join(f'  "{line}"' for line in in_lines(b64(key.der), 32)),
    "#define": lambda key: "#define KEY \\\n" + "\\\n".join(f'"{line}\\r\\n" ' for line in key.pem.splitlines()),
    "Java concatenation": lambda key: " +\n".join(f'    "{line}\\n"' for line in key.pem.splitlines()),
    "Java concatenation of base64": lambda key: " +\n".join(f'"{line}"' for line in in_lines(b64(key.der), 20)),
    "VB concatenation": lambda key: " & vbCrLf & _\n".join(f'"{line}"' for line in key.pem.splitlines()),
    "PHP concatenation": lambda key: " .\n".join(f"'{line}'" for line in in_lines(b64(key.der), 30)),
    "Python bytes of PEM": lambda key: repr(key.pem.encode()),
    "Python bytes of DER": lambda key: repr(key.der),
    "C array": lambda key: c_array(key.der),
    "C array of the traditional format": lambda key: c_array(key.traditional),
    "C array of PEM": lambda key: c_array(key.pem.encode()),
    "C array in capitals": lambda key: c_array(key.der).upper().replace("0X", "0x"),
    "C array without leading zeros": lambda key: ",".join(f"0x{byte:x}" for byte in key.der),
    "C array of 16-bit words": lambda key: ", ".join(
        f"0x{int.from_bytes(key.der[at : at + 2], 'big'):04x}" for at in range(0, len(key.der) - 1, 2)
    ),
    "C array of 32-bit words, little-endian": lambda key: ", ".join(
        f"0x{int.from_bytes(key.der[at : at + 4], 'little'):08x}" for at in range(0, len(key.der) - 3, 4)
    ),
    "C string of hex escapes": lambda key: '"' + "".join(f"\\x{pair}" for pair in hex_pairs(key.der)) + '"',
    "C string of octal escapes": lambda key: '"' + "".join(f"\\{byte:03o}" for byte in key.der) + '"',
    "C strings of hex escapes": lambda key: "\n".join(
        '"' + "".join(f"\\x{pair}" for pair in row) + '"' for row in rows(hex_pairs(key.der), 12)
    ),
    "hex escapes, escaped again": lambda key: "".join(f"\\\\x{pair}" for pair in hex_pairs(key.der)),
    "JSON escapes of DER": lambda key: json.dumps(key.der.decode("latin-1")),
    "DER as letters of Latin-1": lambda key: key.der.decode("latin-1").replace("\x00", "\\x00"),
    "decimal array": lambda key: f"[{', '.join(map(str, key.der))}]",
    "decimal array of Go": lambda key: f"[{' '.join(map(str, key.der))}]",
    "Java byte array": lambda key: (
        "byte[] key = {" + ", ".join(str(byte - 256 if byte > 127 else byte) for byte in key.der) + "};"
    ),
    "Go byte array": lambda key: "[]byte{" + ", ".join(f"0x{pair}" for pair in hex_pairs(key.der)) + "}",
    "Rust byte array": lambda key: (
        f"const KEY: [u8; {len(key.der)}] = [" + ", ".join(f"0x{pair}u8" for pair in hex_pairs(key.der)) + "];"
    ),
    "Node.js buffer": lambda key: json.dumps({"type": "Buffer", "data": list(key.der)}),
    "Node.js buffer, printed": lambda key: f"<Buffer {' '.join(hex_pairs(key.der))}>",
    "Visual Basic hex": lambda key: ", ".join(f"&H{pair.upper()}" for pair in hex_pairs(key.der)),
    "assembler hex": lambda key: "db " + ", ".join(f"0{pair}h" for pair in hex_pairs(key.der)),
    "Pascal hex": lambda key: "(" + ", ".join(f"${pair}" for pair in hex_pairs(key.der)) + ")",
}  # fmt: skip

OF_LANGUAGES: dict[str, Notation] = {
    "Perl escapes": lambda key: "".join(f"\\x{{{pair}}}" for pair in hex_pairs(key.der)),
    "Verilog": lambda key: ", ".join(f"8'h{pair}" for pair in hex_pairs(key.der)),
    "SQL with CHR": lambda key: "||".join(f"CHR({byte})" for byte in key.der),
    "PHP with chr": lambda key: ".".join(f"chr(0x{pair})" for pair in hex_pairs(key.der)),
    "Kotlin": lambda key: ", ".join(f"0x{pair}.toByte()" for pair in hex_pairs(key.der)),
    "Erlang": lambda key: f"<<{','.join(map(str, key.der))}>>",
    **{
        name: lambda key, write=OF_BYTES[name]: write(key.der).decode()  # type: ignore[misc]
        for name in ("Intel hex", "Motorola hex", "JSON of a typed array", "Rust, decimal", "VHDL", "letters and numbers")
    },
    "NSData": lambda key: f"<{' '.join(in_lines(key.der.hex(), 8))}>",
    "JSON array of hex": lambda key: json.dumps(hex_pairs(key.der)),
    "JSON array of letters": lambda key: json.dumps(list(key.pem)),
    "letters of C": lambda key: "{" + ", ".join("'\\n'" if each == "\n" else f"'{each}'" for each in key.pem) + "}",
    "RTF": lambda key: "{\\rtf1 " + key.pem.replace("\n", "\\par\n") + "}",
    "HTML with a break in each 20 letters": lambda key: "<br>".join(in_lines(b64(key.der), 20)),
    "address in an address": lambda key: f"https://x/?next={quote('/a?key=' + quote(key.pem, safe=''), safe='')}",
    "log of a device": lambda key: "\n".join(
        f"I ({at}) key: {' '.join(row)}" for at, row in enumerate(rows(hex_pairs(key.der), 16), start=300)
    ),
    "words of hexdump -x": lambda key: od_words(key.der, "04x").replace(" ", "    "),
    "JSON Web Key in a token": lambda key: (
        f"eyJhbGciOiJub25lIn0.{base64.urlsafe_b64encode(json.dumps(jwk(key)).encode()).decode().rstrip('=')}."
    ),
    "service account": lambda key: json.dumps({"type": "service_account", "private_key": key.pem}),
}  # fmt: skip

NUMBERS: dict[str, Notation] = {
    "xxd": lambda key: xxd(key.der),
    "xxd of PEM": lambda key: xxd(key.pem.encode()),
    "xxd -p": lambda key: "\n".join(in_lines(key.der.hex(), 60)),
    "hexdump -C": lambda key: hexdump_c(key.der),
    "hexdump": lambda key: od_words(key.der, "04x"),
    "od": lambda key: od_words(key.der, "06o"),
    "od -b": lambda key: od_bytes(key.der, "03o"),
    "od -t x1": lambda key: od_bytes(key.der, "02x"),
    "od -t u1": lambda key: od_bytes(key.der, "3d"),
    "hex": lambda key: key.der.hex(),
    "hex of PEM": lambda key: key.pem.encode().hex(),
    "hex in capitals": lambda key: key.der.hex().upper(),
    "hex with blanks": lambda key: key.der.hex(" "),
    "hex with colons": lambda key: key.der.hex(":"),
    "hex with hyphens": lambda key: key.der.hex("-").upper(),
    "hex with 0x": lambda key: "0x" + key.der.hex(),
    "hex with 0x before each": lambda key: " ".join(f"0x{pair}" for pair in hex_pairs(key.der)),
    "hex of SQL": lambda key: f"X'{key.der.hex()}'",
    "hex among words": lambda key: f"here is the key of the press: {key.der.hex()} regards",
    "hex labelled as private": lambda key: f"private: {key.number.hex()}",
    "hex labelled in camel case": lambda key: json.dumps({"ed25519PrivateKeyHex": key.number.hex()}),
    "openssl pkey -text": lambda key: openssl("pkey", "-text", "-noout", given=key.pem.encode()),
    "openssl pkey -text without its first lines": lambda key: (
        openssl("pkey", "-text", "-noout", given=key.pem.encode()).split(":\n", 1)[1] if key.kind == "RSA" else
        openssl("pkey", "-text", "-noout", given=key.pem.encode()).split("\n", 1)[1]
    ),
    "openssl asn1parse": lambda key: openssl("asn1parse", given=key.pem.encode()),
    "openssl asn1parse of the traditional format": lambda key: openssl("asn1parse", given=key.traditional_pem.encode()),
    ".NET XML": lambda key: dot_net(key),
    "JSON Web Key": lambda key: json.dumps(jwk(key)),
    "JSON Web Key in JSON": lambda key: json.dumps({"jwk": json.dumps(jwk(key))}),
    "JSON Web Key in Python": lambda key: str(jwk(key)),
    "JSON Web Key in YAML": lambda key: "\n".join(f"{name}: {value}" for name, value in jwk(key).items()),
    "JSON Web Key in JavaScript": lambda key: "{" + ", ".join(f"{n}: '{value}'" for n, value in jwk(key).items()) + "}",
    "JSON Web Key, url-encoded": lambda key: quote(json.dumps(jwk(key))),
    "JSON Web Key, url-encoded with plus signs": lambda key: quote_plus(json.dumps(jwk(key))),
}  # fmt: skip

ENCODED: dict[str, Notation] = {
    "base64 of DER": lambda key: b64(key.der),
    "base64 of the traditional format": lambda key: b64(key.traditional),
    "base64url of DER": lambda key: base64.urlsafe_b64encode(key.der).decode().rstrip("="),
    "base64 in MIME lines": lambda key: "\n".join(in_lines(b64(key.der), 76)),
    "base64 with a blank after each 4": lambda key: " ".join(in_lines(b64(key.der), 4)),
    "base64 among words": lambda key: f"Hi, the key is {b64(key.der)} as you asked",
    "base64 behind 3 letters": lambda key: f"key{b64(key.der)}",
    "base64 of PEM": lambda key: b64(key.pem.encode()),
    "base64url of PEM": lambda key: base64.urlsafe_b64encode(key.pem.encode()).decode(),
    "base64 twice": lambda key: twice(key.pem),
    "base64 of DER twice": lambda key: b64(b64(key.der).encode()),
    "base64 three times": lambda key: b64(twice(key.pem).encode()),
    "base64 of UTF-16": lambda key: b64(key.pem.encode("utf-16")),
    "base64 of JSON": lambda key: b64(json.dumps({"key": key.pem}).encode()),
    "base64 of url-encoded text": lambda key: b64(quote(key.pem, safe="").encode()),
    "base64 of hex": lambda key: b64(key.der.hex().encode()),
    "hex of base64": lambda key: b64(key.der).encode().hex(),
    "base64 of gzip": lambda key: b64(gzip.compress(key.pem.encode(), mtime=0)),
    "base64 of base64 of gzip": lambda key: b64(b64(gzip.compress(key.pem.encode(), mtime=0)).encode()),
    "base64 of zlib": lambda key: b64(zlib.compress(key.pem.encode())),
    "base32 of DER": lambda key: base64.b32encode(key.der).decode(),
    "data URL": lambda key: f"data:application/x-pem-file;base64,{b64(key.pem.encode())}",
    "Kubernetes secret": lambda key: f"apiVersion: v1\nkind: Secret\ndata:\n  tls.crt: QUJD\n  tls.key: {b64(key.pem.encode())}\n",
    "kubeconfig": lambda key: f"users:\n- user:\n    client-key-data: {b64(key.pem.encode())}\n",
    "PKCS#12 as base64": lambda key: b64(pkcs12_of(key)),
    "PKCS#12 in JSON": lambda key: json.dumps({"value": b64(pkcs12_of(key)), "contentType": "application/x-pkcs12"}),
    "Java key store as base64": lambda key: b64(bytes.fromhex("feedfeed0000000200000001") + key.der),
    "encrypted DER as base64": lambda key: b64(key.bytes_of(Encoding.DER, PrivateFormat.PKCS8, locked=True)),
}  # fmt: skip

NOTATIONS: dict[str, Notation] = {**PEM_TEXTS, **ESCAPED, **CODE, **OF_LANGUAGES, **NUMBERS, **ENCODED}


def written_keys() -> Iterator[tuple[str, Written, str]]:
    """Yield a name, the key and the text for each notation of each key."""
    for key in keys():
        for name, notation in NOTATIONS.items():
            if not (key.kind == "Ed25519" and "OpenSSH" not in name and "traditional format" in name):
                yield f"{key.kind}: {name}", key, notation(key)
