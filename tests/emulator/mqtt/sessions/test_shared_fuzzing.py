"""Fuzz shared subscriptions at the endpoint: members that acknowledge, stall, leave, return and send broken packets.

The packets are decoded and sent by the endpoint itself, in its own loop, without a network. Each message is delivered at
least once, and to no second member after the endpoint has read the first one's PUBACK.
"""

import asyncio
import random

import pytest

from emulator.mqtt.connections.connection import Connection
from emulator.mqtt.limits import SHARED_RETRY_SECONDS
from emulator.mqtt.sessions.session import Message
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.http_api.test_http_fuzzing import Kept
from tests.emulator.mqtt.in_process import LocalPlant
from tests.emulator.mqtt.wire.test_bad_packets import mutated
from tests.support.waiting import until

SHARED = "$share/workers/jobs/#"
STEPS = 1_500
OTHERS = [
    w.subscribe(SHARED, "$share/other/jobs/+", "jobs/#"),
    w.subscribe("$share/workers/#", "$share/w/", "$share//a", "$share/workers"),
    w.unsubscribe(SHARED, "jobs/#", "$share/none/a"),
    w.puback(1),
    w.puback(3) + w.puback(4),
    w.packet(0x40, b"\x00\x02\x80"),
    w.disconnect(4, w.four(w.SESSION_EXPIRY, 60)),
]


class Member:
    """A client that is always connected or about to be. It notes what it was sent and what it has acknowledged."""

    def __init__(self, plant: LocalPlant, name: str, delivered: dict[bytes, list[str]]) -> None:
        self.plant, self.name = plant, name
        self.delivered = delivered
        self.acknowledged: set[bytes] = set()
        self.held: dict[int, bytes] = {}  # by packet identifier
        self.connection: Connection | None = None

    def connect(self, *, clean: bool = False) -> None:
        sample = self.plant.sample("robot-1")
        self.wire = Kept(sample)
        self.connection = Connection(self.plant.namespace, self.wire)
        self.wire.application = self.connection
        self.held.clear()
        expiry = w.four(w.SESSION_EXPIRY, 600)
        self.say(w.connect(self.name, "robot-1", clean=clean, properties=expiry))
        self.say(w.subscribe(SHARED))

    def say(self, data: bytes) -> None:
        """Send bytes, and note what was sent because of them."""
        if self.connection is not None and not self.wire.is_over:
            self.connection.data_received(data)
        self.note()

    def note(self) -> None:
        if self.connection is None:
            return
        for packet in packets(bytes(self.wire.written)):
            if packet.kind == w.PUBLISH and packet.qos:
                self.held[packet.packet_id] = packet.payload()
                self.delivered.setdefault(packet.payload(), []).append(self.name)
        self.wire.written.clear()

    def acknowledge(self, packet_id: int) -> bytes:
        text = self.held.pop(packet_id)
        self.acknowledged.add(text)
        self.say(w.puback(packet_id))
        return text

    def cut(self) -> None:
        if self.connection is not None:
            self.connection.connection_lost()
            self.connection = None
            self.held.clear()


def packets(data: bytes) -> list[w.Received]:
    reader, found = w.Wire(None), []  # type: ignore[arg-type]
    reader._held = data
    while (packet := reader._cut()) is not None:
        found.append(packet)
    assert reader._held == b"", "The endpoint sent a part of a packet."
    return found


class Play:
    """Three members that keep the rules, and outsiders of the same group that break them."""

    def __init__(self, plant: LocalPlant, seed: int) -> None:
        self.plant, self.chance = plant, random.Random(seed)
        self.delivered: dict[bytes, list[str]] = {}
        self.members = [Member(plant, f"m{number}", self.delivered) for number in range(3)]
        self.outsiders = [Member(plant, f"o{number}", self.delivered) for number in range(3)]
        self.done: dict[bytes, str] = {}  # by whom it was acknowledged first
        self.broken: list[str] = []
        self.texts: list[bytes] = []

    def note_all(self) -> None:
        """Note what everyone was sent, and whether it had been acknowledged by another."""
        before = {text: len(self.delivered.get(text, ())) for text in self.done}
        for each in (*self.members, *self.outsiders):
            each.note()
        self.check(before)

    def check(self, before: dict[bytes, int]) -> None:
        for text, count in before.items():
            self.broken += [f"{name} was sent {text!r}" for name in self.delivered[text][count:]]

    def publish(self, number: int) -> None:
        text = str(number).encode()
        self.texts.append(text)
        namespace = self.plant.namespace
        namespace.publish(Message("jobs/1", text, 1, False), None, asyncio.get_running_loop().time())

    def acknowledge(self, member: Member) -> None:
        if member.connection is None or member.wire.is_over or not member.held:
            return
        packet_id = self.chance.choice(sorted(member.held))
        text = member.held[packet_id]
        self.done.setdefault(text, member.name)
        before = {each: len(self.delivered[each]) for each in self.done}
        member.acknowledge(packet_id)
        self.check(before)

    def step(self, number: int) -> None:
        chance, member, outsider = self.chance, self.chance.choice(self.members), self.chance.choice(self.outsiders)
        step = chance.random()
        if step < 0.35:
            self.publish(number)
        elif step < 0.75:
            self.acknowledge(member)
        elif step < 0.80:
            member.cut()
        elif step < 0.86:
            if member.connection is None or member.wire.is_over:
                member.cut()
                member.connect()
        elif step < 0.88:
            now = asyncio.get_running_loop().time()
            self.plant.namespace.broker.expire(now + SHARED_RETRY_SECONDS + 1)
        elif outsider.connection is None or outsider.wire.is_over:
            outsider.cut()
            outsider.connect(clean=chance.random() < 0.5)
        else:
            outsider.say(mutated(chance.choice(OTHERS), chance))
        self.note_all()

    async def run(self) -> None:
        self.members[0].connect()
        for number in range(STEPS):
            self.step(number)

    async def end(self) -> None:
        """The outsiders leave for good; the members acknowledge everything."""
        namespace = self.plant.namespace
        for each in self.outsiders:
            each.cut()
            if each.name in namespace.broker.sessions:
                namespace.broker.drop(namespace.broker.sessions[each.name], asyncio.get_running_loop().time())
        for each in self.members:
            if each.connection is None or each.wire.is_over:
                each.cut()
                each.connect()
        self.note_all()
        while any(each.held for each in self.members):
            for each in self.members:
                self.acknowledge(each)
                self.note_all()

    async def leave(self) -> None:
        namespace = self.plant.namespace
        for each in self.members:
            each.cut()
        for session in tuple(namespace.broker.sessions.values()):
            namespace.broker.drop(session, asyncio.get_running_loop().time())


@pytest.mark.parametrize("seed", range(4))
def test_a_group_keeps_its_promises_whatever_its_members_send(local_plant: LocalPlant, seed: int) -> None:
    local_plant.configure(maximumClientSessionsPerAuthenticationName=100)
    until(lambda: local_plant.namespace.sessions_per_name == 100, "100 sessions are allowed")
    local_plant.namespace.broker._chance = random.Random(seed)
    play = Play(local_plant, seed)
    local_plant.run(play.run())
    local_plant.run(play.end())
    assert play.broken == []
    by_outsiders = {text for text, names in play.delivered.items() if any(name[0] == "o" for name in names)}
    assert set(play.texts) <= set(play.done) | by_outsiders
    assert set(play.texts) == set(play.delivered)
    assert len(set(play.texts) - by_outsiders) > 50
    broker = local_plant.namespace.broker
    assert broker.ledger.held == 0
    local_plant.run(play.leave())
    assert (broker.ledger.held, broker._groups) == (0, {})
    assert not broker._index.match("jobs/1").groups
