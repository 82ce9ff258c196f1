"""Shared subscriptions in the broker without a network: every order of events, with the clock as an argument."""

import random

import pytest

from emulator.mqtt.limits import MAX_GROUP_QUEUED_MESSAGES, SHARED_RETRY_SECONDS
from emulator.mqtt.sessions.broker import Broker
from emulator.mqtt.sessions.session import Message, Session
from emulator.mqtt.wire.packets import Subscription

SHARED = "$share/workers/jobs/#"
Event = tuple[str, str, str]  # "sent" or "acknowledged", the member, the message


class Member:
    """A client of a shared subscription that notes what it is sent."""

    def __init__(self, broker: Broker, name: str, events: list[Event], *, expiry: int = 60, qos: int = 1) -> None:
        self.broker, self.name, self.events, self.expiry = broker, name, events, expiry
        self.is_congested = False
        self.received: dict[int, str] = {}  # by packet identifier, until it is acknowledged
        self.qos = qos
        self.session: Session | None = None

    def connect(self, now: float = 0.0) -> None:
        session, _ = self.broker.open(self.name, self.name, clean=False, now=now)
        session.expiry_seconds = self.expiry
        self.received.clear()
        session.attach(self)
        self.broker.attach(session)
        self.session = session
        if SHARED not in session.subscriptions:
            self.broker.subscribe(session, Subscription(SHARED, self.qos))
        session.pump(now)

    def send(self, message: Message, packet_id: int, now: float, *, duplicate: bool = False) -> bool:
        text = message.payload.decode()
        if packet_id:
            self.received[packet_id] = text
        self.events.append(("sent", self.name, text))
        return True

    def acknowledge(self, now: float, text: str = "") -> None:
        """Acknowledge one message: the oldest, or this one."""
        assert self.session is not None
        packet_id = next(p for p, found in self.received.items() if text in ("", found))
        self.events.append(("acknowledged", self.name, self.received.pop(packet_id)))
        self.session.acknowledge(packet_id)
        self.session.pump(now)

    def vanish(self, now: float) -> None:
        assert self.session is not None
        self.received.clear()
        self.broker.detach(self.session, now)
        if not self.expiry:
            self.broker.drop(self.session, now)
        self.session = None


def a_group(count: int, *, seed: int = 1) -> tuple[Broker, list[Member], list[Event]]:
    broker, events = Broker(chance=random.Random(seed)), list[Event]()
    members = [Member(broker, f"m{number}", events) for number in range(count)]
    for member in members:
        member.connect()
    return broker, members, events


def publish(broker: Broker, *texts: str, now: float = 0.0, qos: int = 1) -> None:
    for text in texts:
        assert not broker.publish(Message("jobs/1", text.encode(), qos, False), None, now)


def receivers(events: list[Event], text: str) -> list[str]:
    return [member for kind, member, found in events if kind == "sent" and found == text]


def broken_promises(events: list[Event]) -> list[Event]:
    """What another member was sent after the broker had read the first member's acknowledgement."""
    acknowledged: dict[str, str] = {}
    broken = []
    for kind, member, text in events:
        if kind == "acknowledged":
            acknowledged.setdefault(text, member)
        elif acknowledged.get(text, member) != member:
            broken.append((kind, member, text))
    return broken


def test_each_message_goes_to_one_member_and_all_get_some() -> None:
    broker, members, events = a_group(3)
    texts = [str(number) for number in range(30)]
    publish(broker, *texts)
    assert all(len(receivers(events, text)) == 1 for text in texts)
    assert {member for _, member, _ in events} == {member.name for member in members}


def test_a_message_waits_until_a_member_has_room() -> None:
    broker, (slow, other), events = a_group(2)
    publish(broker, *(str(number) for number in range(40)))
    assert (len(slow.received), len(other.received)) == (16, 16)
    other.acknowledge(0)
    assert receivers(events, "32") == [other.name]


def test_a_member_that_cannot_read_is_passed_over() -> None:
    broker, (slow, other), events = a_group(2)
    slow.is_congested = True
    publish(broker, "a", "b", "c")
    publish(broker, "d", qos=0)
    assert {member for _, member, _ in events} == {other.name}


def test_what_a_dying_member_has_not_acknowledged_goes_to_the_others_in_order() -> None:
    broker, (dying, other), events = a_group(2)
    publish(broker, *"abcdefgh")
    lost = list(dying.received.values())
    assert lost
    dying.vanish(0)
    assert [text for _, member, text in events if member == other.name][-len(lost) :] == lost
    dying.connect(1)
    assert not dying.received


def test_a_member_alone_gets_its_own_messages_again() -> None:
    broker, (alone,), events = a_group(1)
    publish(broker, "a", "b")
    alone.vanish(0)
    publish(broker, "c")
    alone.connect(1)
    assert list(alone.received.values()) == ["a", "b", "c"]
    assert len(events) == 5


def test_messages_of_a_member_that_is_away_go_to_one_that_connects() -> None:
    broker, (first,), events = a_group(1)
    second = Member(broker, "m1", events)
    publish(broker, "a")
    first.vanish(0)
    second.connect(1)
    assert list(second.received.values()) == ["a"]
    second.acknowledge(1)
    first.connect(2)
    assert (first.received, broken_promises(events)) == ({}, [])


def test_messages_of_an_expired_session_go_to_the_others() -> None:
    broker, (dying,), events = a_group(1)
    away = Member(broker, "away", events)
    away.connect()
    away.vanish(0)
    publish(broker, "a")
    dying.expiry = 0
    dying.vanish(1)
    assert broker.ledger.held == len("jobs/1") + 1
    away.connect(2)
    assert list(away.received.values()) == ["a"]


def test_the_last_member_takes_the_messages_with_it() -> None:
    broker, (only,), _ = a_group(1)
    publish(broker, *(str(number) for number in range(20)))
    only.expiry = 0
    only.vanish(0)
    assert (broker.ledger.held, broker._groups) == (0, {})
    only.connect(1)
    assert not only.received


def test_a_slow_members_message_goes_to_another_after_a_while() -> None:
    broker, members, events = a_group(2)
    publish(broker, "a")
    other = members[1 if members[0].received else 0]
    broker.expire(SHARED_RETRY_SECONDS - 1)
    assert not other.received
    broker.expire(SHARED_RETRY_SECONDS)
    assert list(other.received.values()) == ["a"]
    broker.expire(SHARED_RETRY_SECONDS * 2)  # both have it now
    assert len(receivers(events, "a")) == 2


def test_after_a_late_acknowledgement_nobody_else_is_sent_the_message() -> None:
    broker, members, events = a_group(2)
    publish(broker, "a")
    slow, other = members if members[0].received else members[::-1]
    broker.expire(SHARED_RETRY_SECONDS)
    other.vanish(30)
    slow.acknowledge(31)
    other.connect(32)
    assert (other.received, broken_promises(events), broker.ledger.held) == ({}, [], 0)


def test_a_member_that_unsubscribes_may_still_acknowledge() -> None:
    broker, (leaving, other), events = a_group(2)
    publish(broker, *"abcdef")
    assert leaving.session is not None
    assert broker.unsubscribe(leaving.session, SHARED)
    publish(broker, "g")
    assert receivers(events, "g") == [other.name]
    while leaving.received:
        leaving.acknowledge(0)
    leaving.vanish(1)
    assert broken_promises(events) == []


def test_a_waiting_message_expires() -> None:
    broker, (member,), events = a_group(1)
    member.vanish(0)
    broker.publish(Message("jobs/1", b"old", 1, False, expires_at=5), None, 0)
    publish(broker, "new")
    member.connect(10)
    assert [text for _, _, text in events] == ["new"]


def test_the_quality_of_service_is_the_members() -> None:
    broker, events = Broker(), list[Event]()
    member = Member(broker, "m", events, qos=0)
    member.connect()
    publish(broker, "a")
    assert (receivers(events, "a"), member.received, broker.ledger.held) == (["m"], {}, 0)
    member.vanish(0)
    publish(broker, "b")
    member.connect(1)
    assert receivers(events, "b") == []


def test_a_group_keeps_a_bounded_number_of_messages() -> None:
    broker, (member,), _ = a_group(1)
    member.vanish(0)
    publish(broker, *("x" for _ in range(MAX_GROUP_QUEUED_MESSAGES + 5)))
    assert broker.ledger.held == MAX_GROUP_QUEUED_MESSAGES * len("jobs/1x")
    session = broker.sessions[member.name]
    assert session.tally.dropped[1] == 5
    broker.ledger.limit = broker.ledger.held
    publish(broker, "y")
    assert session.tally.dropped[1] == 6


@pytest.mark.parametrize("seed", range(60))
def test_every_message_arrives_and_none_after_an_acknowledgement(seed: int) -> None:
    """Three members acknowledge, stall, vanish, return and expire at random. One with seed 0 to 19 never acknowledges."""
    chance = random.Random(seed)
    broker, events = Broker(chance=random.Random(seed)), list[Event]()
    members = [Member(broker, f"m{n}", events, expiry=chance.choice((0, 3, 600))) for n in range(3)]
    members[0].expiry = 600  # so that the group lasts
    for member in members:
        member.connect()
    now, texts = 0.0, []
    for number in range(400):
        now += chance.choice((0.0, 0.1, 2.0))
        member = chance.choice(members)
        step = chance.random()
        if step < 0.4:
            texts.append(str(number))
            publish(broker, texts[-1], now=now)
        elif step < 0.8 and member.received and not (seed < 20 and member is members[1]):
            member.acknowledge(now, chance.choice(list(member.received.values())))
        elif step < 0.84 and member.session is not None:
            member.vanish(now)
        elif step < 0.92 and member.session is None:
            member.connect(now)
        elif step < 0.94:
            member.is_congested = not member.is_congested
            if member.session is not None:
                member.session.pump(now)
        else:
            broker.expire(now)
    for member in members:
        member.is_congested = False
        if member.session is None:
            member.connect(now)
        assert member.session is not None
        member.session.pump(now)
    while any(member.received for member in members):
        for member in members:
            while member.received:
                member.acknowledge(now)
    acknowledged = {text for kind, _, text in events if kind == "acknowledged"}
    assert acknowledged == set(texts)
    assert broken_promises(events) == []
    assert broker.ledger.held == 0
    for session in tuple(broker.sessions.values()):
        broker.drop(session, now)
    assert broker._groups == {}
    assert not broker._index.match("jobs/1").groups
