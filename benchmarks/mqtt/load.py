"""The load for bench_mqtt, in separate processes: `python -m benchmarks.mqtt.load JSON` prints a JSON result.

Raw packets over the standard library's TLS, the same bytes for every broker: MQTT 3.1.1, user name as Event Grid expects it.
"""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ROOT = Path(__file__).resolve().parents[2]
PAYLOAD = b"x" * 100
STANDSTILL_SECONDS = 10.0
RSA_ONLY = """\
openssl_conf = start
[start]
ssl_conf = tls
[tls]
system_default = clients
[clients]
SignatureAlgorithms = rsa_pss_rsae_sha256
"""


@dataclass(frozen=True)
class Where:
    host: str
    port: int
    ca: str
    certificate: str
    key: str
    openssl_configuration: str = ""  # a file; "" = OpenSSL's own

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def open(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        raw = socket.create_connection((self.host, self.port), timeout=60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(raw, server_hostname=self.host)


def client_configuration(folder: Path, label: str) -> str:
    """Write the OpenSSL configuration of the clients: those with RSA accept RSA signatures alone, others what they like."""
    if label != "rsa":
        return ""
    path = folder / "rsa-only.cnf"
    path.write_text(RSA_ONLY)
    return str(path)


def _length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def connect_packet(session: str, user: str) -> bytes:
    body = _text("MQTT") + b"\x04\x82\x02\x58" + _text(session) + _text(user)
    return b"\x10" + _length(len(body)) + body


def read_exactly(tls: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = tls.recv(count - len(data))
        if not more:
            raise ConnectionError("The broker closed the connection.")
        data += more
    return data


def log_in(where: Where, context: ssl.SSLContext, session: str, user: str) -> ssl.SSLSocket:
    tls = where.open(context)
    tls.sendall(connect_packet(session, user))
    answer = read_exactly(tls, 4)
    if answer[3]:
        raise ConnectionError(f"The broker refused {session}: {answer[3]}.")
    return tls


def connections(where: Where, seconds: float, user: str, name: str) -> dict[str, Any]:
    """Connect and disconnect repeatedly."""
    context, done = where.context(), 0
    with where.open(context) as tls:
        server = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"").public_key()
    assert isinstance(server, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        tls = log_in(where, context, f"{name}-{done}", user)
        tls.sendall(b"\xe0\x00")
        tls.close()
        done += 1
    return {"count": done, "seconds": time.perf_counter() - began, "server_key_bits": server.key_size}


def messages(where: Where, seconds: float, user: str, name: str, qos: int, window: int) -> dict[str, Any]:
    """Send messages from a publisher to a subscriber, with at most `window` messages in flight."""
    context, topic = where.context(), f"bench/{name}"
    reader, sender = (log_in(where, context, f"{name}-{role}", user) for role in ("r", "s"))
    for each in (reader, sender):
        each.settimeout(STANDSTILL_SECONDS)
    wanted = b"\x00\x01" + _text(topic) + bytes([qos])
    reader.sendall(b"\x82" + _length(len(wanted)) + wanted)
    read_exactly(reader, 5)
    body = [_text(topic) + (n.to_bytes(2, "big") if qos else b"") + PAYLOAD for n in range(1, window + 1)]
    one = 1 + len(_length(len(body[0]))) + len(body[0])
    batch = b"".join(bytes([0x30 | qos << 1]) + _length(len(each)) + each for each in body)
    id_at = one - len(PAYLOAD) - 2
    done = 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        sender.sendall(batch)
        got = b""
        acknowledged = 0
        while len(got) < one * window:
            more = reader.recv(65_536)
            if not more:
                raise ConnectionError("The broker closed the connection.")
            got += more
            whole = len(got) // one
            if qos and whole > acknowledged:
                ids = (got[n * one + id_at : n * one + id_at + 2] for n in range(acknowledged, whole))
                reader.sendall(b"".join(b"\x40\x02" + each for each in ids))
                acknowledged = whole
        if qos:
            read_exactly(sender, 4 * window)
        done += window
    return {"count": done, "seconds": time.perf_counter() - began}


def latency(where: Where, count: int, user: str, name: str) -> dict[str, Any]:
    """Measure one QoS 1 message after another, from the publisher's write to the subscriber's read."""
    context, topic = where.context(), f"bench/{name}"
    reader, sender = (log_in(where, context, f"{name}-{role}", user) for role in ("r", "s"))
    wanted = b"\x00\x01" + _text(topic) + b"\x01"
    reader.sendall(b"\x82" + _length(len(wanted)) + wanted)
    read_exactly(reader, 5)
    body = _text(topic) + b"\x00\x01" + PAYLOAD
    packet = b"\x32" + _length(len(body)) + body
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        sender.sendall(packet)
        got = read_exactly(reader, len(packet))
        taken.append(time.perf_counter() - began)
        reader.sendall(b"\x40\x02" + got[len(packet) - len(PAYLOAD) - 2 : len(packet) - len(PAYLOAD)])
        read_exactly(sender, 4)
    return {"seconds": sorted(taken)[count // 2]}


def hold(where: Where, count: int, users: list[str], name: str) -> None:
    """Hold `count` idle connections: print "held", and close them when standard input ends."""
    context = where.context()
    held = [log_in(where, context, f"{name}-{n}", users[n % len(users)]) for n in range(count)]
    print(json.dumps({"held": len(held)}), flush=True)
    sys.stdin.read()


def start_load(work: str, where: Where, **wish: Any) -> subprocess.Popen[str]:
    order = json.dumps({"work": work, "where": asdict(where), **wish})
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.mqtt.load", order],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **({"OPENSSL_CONF": where.openssl_configuration} if where.openssl_configuration else {})},
    )


def finish(processes: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    found = []
    for process in processes:
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, "The load has failed."
        found.append(json.loads(out))
    return found


def main() -> None:
    wish = json.loads(sys.argv[1])
    works: dict[str, Callable[..., dict[str, Any] | None]] = {
        "connections": connections,
        "messages": messages,
        "latency": latency,
        "hold": hold,
    }
    answer = works[wish.pop("work")](Where(**wish.pop("where")), **wish)
    if answer is not None:
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
