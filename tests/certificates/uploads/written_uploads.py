"""Certificates inside other notations and files: each with the code that must come out."""

import json
from base64 import b64encode, urlsafe_b64encode

from tests.certificates.x509.notations import OF_BYTES, OF_TEXT
from tests.support.certificates.chains import Identity


def _armoured(body: bytes) -> bytes:
    lines = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"\n-----END CERTIFICATE-----\n"


def broken_again(ca: Identity) -> bytes:
    """PEM in PEM, with a line of the inner one missing."""
    lines = ca.pem.splitlines(keepends=True)
    return _armoured(b64encode(b"".join(lines[:3] + lines[4:])))


def readable(ca: Identity) -> dict[str, bytes]:
    """One CA certificate in every notation that is read."""
    text = {f"PEM as {name}": write(ca.pem) for name, write in OF_TEXT.items()}
    numbers = {f"DER as {name}": write(ca.der) for name, write in OF_BYTES.items()}
    numbers |= {f"PEM as {name}": OF_BYTES[name](ca.pem) for name in ("xxd -i", "xxd", "a JSON Buffer", "base64")}
    return text | numbers | _in_files(ca)


def _in_files(ca: Identity) -> dict[str, bytes]:
    body, pem = b64encode(ca.der).decode(), ca.pem.decode()
    secret = b64encode(ca.pem).decode()
    header = urlsafe_b64encode(json.dumps({"alg": "ES256", "x5c": [body]}).encode()).decode().rstrip("=")
    return {
        "Azure Key Vault": json.dumps({"attributes": {"enabled": True}, "cer": body, "kid": "https://v.example/k/1"}).encode(),
        "x5c of a JSON Web Key": json.dumps({"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "x5c": [body]}).encode(),
        "x5c of a token": f"{header}.e30.c2lnbmF0dXJl".encode(),
        "AWS IoT": json.dumps({"certificateArn": "arn:aws:iot:eu-west-1:1:cert/1", "certificatePem": pem}, indent=2).encode(),
        "Vault": json.dumps({"request_id": "1", "data": {"issuing_ca": pem, "serial_number": "39:dd"}}).encode(),
        "Kubernetes Secret": f"apiVersion: v1\nkind: Secret\ndata:\n  ca.crt: {secret}\ntype: Opaque\n".encode(),
        "Kubernetes Secret as JSON": json.dumps({"kind": "Secret", "data": {"ca.crt": secret}}).encode(),
        "kubeconfig": f"clusters:\n- cluster:\n    certificate-authority-data: {secret}\n    server: https://k\n".encode(),
        "SAML metadata": f"<md:EntityDescriptor><ds:X509Certificate>{body}</ds:X509Certificate></md:EntityDescriptor>".encode(),
        "XML in lines": f"<X509Certificate>\n{body[:76]}\n{body[76:152]}\n{body[152:]}\n</X509Certificate>".encode(),
        "data URL": f"data:application/x-x509-ca-cert;base64,{body}".encode(),
        "base64url": urlsafe_b64encode(ca.der),
        "base64url in JSON": json.dumps({"certificate": urlsafe_b64encode(ca.der).decode().rstrip("=")}).encode(),
        "PEM in PEM": _armoured(b64encode(ca.pem)),
        "PEM in PEM in PEM": _armoured(b64encode(_armoured(b64encode(ca.pem)))),
        "PEM in PEM without line breaks": _armoured(b64encode(ca.pem)).replace(b"\n", b""),
        "base64 in PEM": _armoured(b64encode(b64encode(ca.der))),
        "base64 of base64": b64encode(b64encode(ca.der)),
        "base64 of PEM in base64": b64encode(b64encode(ca.pem)),
        "base64 of PEM with byte order mark": b64encode(b"\xef\xbb\xbf" + ca.pem),
        "base64 of PEM in UTF-16": b64encode(pem.encode("utf-16")),
        "base64 of hex": b64encode(ca.der.hex().encode()),
        "base64 in string literals": b"\n".join(f'"{body[at : at + 64]}"'.encode() for at in range(0, len(body), 64)),
        "base64 in a JSON array": json.dumps([body[at : at + 64] for at in range(0, len(body), 64)]).encode(),
        "base64 in numbered lines": b"\n".join(f"{at}: {body[at * 64 : at * 64 + 64]}".encode() for at in range(len(body) // 64 + 1)),
        "properties file": f"mqtt.ca={body}\nmqtt.host=broker.example\n".encode(),
    }  # fmt: skip
