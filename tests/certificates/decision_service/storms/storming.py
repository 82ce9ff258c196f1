"""A storm of CONNECTs: light MQTT 5 clients over mutual TLS, each with the verdict that it has to get."""

import asyncio
import itertools
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from tests.emulator.mqtt import raw_client as w
from tests.support.certificates.chains import Identity, authority

ALLOW, DENY, UNAVAILABLE = 0x00, 0x87, 0x88
AT_ONCE = 24
SECONDS = 60.0  # for one CONNECT; the broker waits five seconds for its webhook


@dataclass(frozen=True)
class Fleet:
    """Devices with their certificates, from `at` on. The name of a device is its authentication name."""

    at: datetime

    @property
    def line(self) -> Identity:
        return authority("Storm CA", at=self.at)

    @property
    def good(self) -> list[str]:
        return [f"device-{number}" for number in range(AT_ONCE)]

    @property
    def registered(self) -> list[str]:
        return [*self.good, "revoked", "stolen", "disabled", "other"]

    def device(self, name: str) -> Identity:
        return _issued(self.at, name)


@cache
def _issued(at: datetime, name: str) -> Identity:
    issuer = authority("Other CA" if name == "other" else "Storm CA", at=at)
    return issuer.issue(name)


@dataclass(frozen=True)
class Visitor:
    """A device that connects as `user_name`. `expected`: ALLOW or DENY at the moment, None where both are right."""

    name: str
    user_name: str
    context: ssl.SSLContext
    expected: Callable[[], int | None]


@dataclass
class Storm:
    """The clients and what they were answered. `phase` names what happens meanwhile."""

    host: str
    port: int
    phase: str = "calm"
    is_over: bool = False
    done: int = 0
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    last_allowed: float = 0.0  # when the last CONNECT began that was allowed

    async def rage(self, good: list[Visitor], bad: list[Visitor]) -> None:
        """Let each good device connect again and again, and a bad one after each, until the storm is over."""
        order = [bad[place:] + bad[:place] for place in range(len(bad))]
        await asyncio.gather(*(self._connect_often(each, order[n % len(bad)]) for n, each in enumerate(good)))
        await asyncio.sleep(0)  # the aborted connections are closed

    async def _connect_often(self, good: Visitor, bad: list[Visitor]) -> None:
        for number, other in enumerate(itertools.cycle(bad)):
            for visitor in (good, other):
                if self.is_over:
                    return
                await self._connect(visitor, f"{visitor.name}-{good.name}" if visitor is other else good.name, number)

    async def _connect(self, visitor: Visitor, session: str, number: int) -> None:
        began, phase, before = time.monotonic(), self.phase, visitor.expected()
        try:
            async with asyncio.timeout(SECONDS):
                reason = await self._reason_of(visitor, session)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.wrong.append(f"{session} {number} during {phase}: {type(error).__name__} {error}")
            return
        finally:
            self.done += 1
        self.answers[phase, {ALLOW: "allow", DENY: "deny", UNAVAILABLE: "unavailable"}.get(reason, hex(reason))] += 1
        if reason == ALLOW:
            self.last_allowed = max(self.last_allowed, began)
        right = {UNAVAILABLE, before, visitor.expected()}  # what is right may have changed meanwhile
        if reason not in (ALLOW, DENY, UNAVAILABLE) or (None not in right and reason not in right):
            self.wrong.append(f"{session} {number} during {phase}: {reason:#x}")

    async def _reason_of(self, visitor: Visitor, session: str) -> int:
        """Connect, and return the reason code of the CONNACK. Each connection has a TLS session of its own."""
        opened = asyncio.open_connection(self.host, self.port, ssl=visitor.context, server_hostname=self.host)
        reader, writer = await opened
        try:
            writer.write(w.connect(session, visitor.user_name))
            (kind,) = await reader.readexactly(1)
            assert kind >> 4 == w.CONNACK, kind
            while (await reader.readexactly(1))[0] & 128:
                pass  # the length
            _, reason = await reader.readexactly(2)
            if reason == ALLOW:
                writer.write(w.disconnect())
            return reason
        finally:
            writer.transport.abort()  # without waiting for the other side's end of TLS


def visitors(
    fleet: Fleet, folder: Path, ca: str, expected_of_stolen: Callable[[], int | None]
) -> tuple[list[Visitor], list[Visitor]]:
    """Return the good devices, with one that is going to be stolen, and the bad ones: revoked, disabled, unknown, of another CA, and
    with the name of another one."""

    def visitor(name: str, user_name: str, expected: Callable[[], int | None]) -> Visitor:
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(fleet.device(name).pem)
        key.write_bytes(fleet.device(name).key_pem)
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(certificate, key)
        return Visitor(name, user_name, context, expected)

    good = [visitor(name, name, lambda: ALLOW) for name in fleet.good]
    good.append(visitor("stolen", "stolen", expected_of_stolen))
    bad = [visitor(name, name, lambda: DENY) for name in ("revoked", "disabled", "unknown", "other")]
    return good, [*bad, visitor("device-0", "device-1", lambda: DENY)]
