"""Bytes that break the format or the protocol: answered with MQTT 5's reason code or closed, never a traceback."""

import random
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.mqtt.wire.packets import PacketError
from emulator.mqtt.wire.reading import Decoder
from tests.emulator.mqtt import raw_client as w
from tests.emulator.mqtt.plant import Plant
from tests.emulator.mqtt.raw_client import connected, packet, wire

SUBSCRIBE_HEAD = b"\x00\x01\x00"
BAD_PACKETS = {
    "remaining length of five bytes": (b"\x30\xff\xff\xff\xff\x01", 0x81),
    "publish: topic longer than the packet": (packet(0x30, b"\x00\x09abc"), 0x81),
    "publish: topic not UTF-8": (w.publish(b"\xff\xfe", b""), 0x81),
    "publish: topic with a surrogate": (w.publish(b"\xed\xa0\x80", b""), 0x81),
    "publish: topic with NUL": (w.publish(b"a\x00b", b""), 0x81),
    "publish: wildcard in the topic": (w.publish("a/+/c", b""), 0x90),
    "publish: hash in the topic": (w.publish("a/#", b""), 0x90),
    "publish: no topic and no alias": (w.publish("", b""), 0x90),
    "publish: QoS 3": (packet(0x36, w.text("a") + b"\x00\x01\x00"), 0x81),
    "publish: duplicate at QoS 0": (packet(0x38, w.text("a") + b"\x00"), 0x81),
    "publish: packet id 0": (w.publish("a", b"", qos=1, packet_id=0), 0x82),
    "publish: a property of another packet": (w.publish("a", b"", properties=w.four(0x11, 1)), 0x81),
    "publish: an unknown property": (w.publish("a", b"", properties=b"\x7f\x01"), 0x81),
    "publish: a property twice": (w.publish("a", b"", properties=w.four(0x02, 1) * 2), 0x82),
    "publish: properties longer than the packet": (packet(0x30, w.text("a") + b"\x7f\x01"), 0x81),
    "publish: properties cut in the middle": (w.publish("a", b"", properties=b"\x02\x00"), 0x81),
    "publish: payload format 2": (w.publish("a", b"", properties=b"\x01\x02"), 0x82),
    "publish: response topic with a wildcard": (w.publish("a", b"", properties=b"\x08" + w.text("a/#")), 0x82),
    "publish: subscription identifier": (w.publish("a", b"", properties=b"\x0b\x01"), 0x82),
    "puback: packet id 0": (packet(0x40, b"\x00\x00"), 0x82),
    "puback: too short": (packet(0x40, b"\x00"), 0x81),
    "puback: reserved flags": (packet(0x41, b"\x00\x01"), 0x81),
    "pubrec": (packet(0x50, b"\x00\x01"), 0x82),
    "pubrel": (packet(0x62, b"\x00\x01"), 0x82),
    "subscribe: reserved flags": (packet(0x80, SUBSCRIBE_HEAD + w.text("a") + b"\x00"), 0x81),
    "subscribe: packet id 0": (w.subscribe("a", packet_id=0), 0x82),
    "subscribe: no filter": (packet(0x82, SUBSCRIBE_HEAD), 0x82),
    "subscribe: no options": (packet(0x82, SUBSCRIBE_HEAD + w.text("a")), 0x81),
    "subscribe: QoS 3": (packet(0x82, SUBSCRIBE_HEAD + w.text("a") + b"\x03"), 0x82),
    "subscribe: reserved options": (packet(0x82, SUBSCRIBE_HEAD + w.text("a") + b"\x40"), 0x82),
    "subscribe: retain handling 3": (packet(0x82, SUBSCRIBE_HEAD + w.text("a") + b"\x30"), 0x82),
    "subscribe: identifier 0": (packet(0x82, b"\x00\x01\x02\x0b\x00" + w.text("a") + b"\x00"), 0x82),
    "subscribe: two identifiers": (packet(0x82, b"\x00\x01\x04\x0b\x01\x0b\x02" + w.text("a") + b"\x00"), 0x82),
    "subscribe: a long identifier": (
        packet(0x82, b"\x00\x01\x06\x0b\xff\xff\xff\xff\x7f" + w.text("a") + b"\x00"),
        0x81,
    ),
    "subscribe: shared and no local": (w.subscribe("$share/g/a", options=0x04), 0x82),
    "subscribe: user property": (packet(0x82, b"\x00\x01" + w.block(w.pair("a", "b")) + w.text("a") + b"\x00"), 0x83),
    "unsubscribe: no filter": (packet(0xA2, SUBSCRIBE_HEAD), 0x82),
    "ping with content": (packet(0xC0, b"x"), 0x81),
    "ping with flags": (packet(0xC1), 0x81),
    "disconnect with flags": (packet(0xE1), 0x81),
    "a second CONNECT": (w.connect("again", "press-07"), 0x82),
    "AUTH": (packet(0xF0, b"\x18\x00"), 0x82),
    "CONNACK from a client": (packet(0x20, b"\x00\x00\x00"), 0x82),
    "SUBACK from a client": (packet(0x90, b"\x00\x01\x00"), 0x82),
    "PINGRESP from a client": (packet(0xD0), 0x82),
    "kind 0": (packet(0x00), 0x82),
}
each_bad_packet = pytest.mark.parametrize(("data", "reason"), BAD_PACKETS.values(), ids=BAD_PACKETS.keys())


@each_bad_packet
def test_a_connected_mqtt_5_client_gets_the_reason_code(plant: Plant, data: bytes, reason: int) -> None:
    with connected(plant, uuid.uuid4().hex) as opened:
        opened.send(data)
        end = opened.expect_end(reason)
        assert end is not None
        assert end.properties[0x1F].endswith(".")


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x01",
        packet(0x30, b"\x00\x09abc"),
        w.publish("a/+", b"", version=4),
        w.publish("a", b"", qos=1, packet_id=0, version=4),
        packet(0x82, b"\x00\x01" + w.text("a") + b"\x04"),
        packet(0xF0),
        packet(0xE0, b"\x00"),
    ],
)
def test_a_3_1_1_connection_is_closed(plant: Plant, data: bytes) -> None:
    with connected(plant, uuid.uuid4().hex, version=4) as opened:
        opened.send(data)
        opened.expect_end(None)


BAD_CONNECTS = {
    "version 6": (w.connect("x", "press-07", version=6), 0x84),
    "version 3": (w.connect("x", "press-07", version=3, protocol=b"MQIsdp"), 1),
    "version 3 under the new name": (w.connect("x", "press-07", version=3), 1),
    "another protocol": (w.connect("x", "press-07", protocol=b"HTTP"), None),
    "reserved flag": (packet(0x10, w.text("MQTT") + b"\x05\x01\x00\x3c\x00" + w.text("x")), 0x81),
    "will QoS without a will": (packet(0x10, w.text("MQTT") + b"\x05\x08\x00\x3c\x00" + w.text("x")), 0x81),
    "will QoS 3": (
        packet(0x10, w.text("MQTT") + b"\x05\x1c\x00\x3c\x00" + w.text("x") + b"\x00\x00\x01a\x00\x00"),
        0x81,
    ),
    "will with a wildcard": (w.connect("x", "press-07", will=w.will("a/#", b""), will_flags=4), 0x90),
    "will with 16 segments": (w.connect("x", "press-07", will=w.will("a/" * 15, b""), will_flags=4), 0x90),
    "receive maximum 0": (w.connect("x", "press-07", properties=w.two(0x21, 0)), 0x82),
    "maximum packet size 0": (w.connect("x", "press-07", properties=w.four(0x27, 0)), 0x82),
    "session expiry twice": (w.connect("x", "press-07", properties=w.four(0x11, 1) * 2), 0x82),
    "request problem information 2": (w.connect("x", "press-07", properties=b"\x17\x02"), 0x82),
    "a property of another packet": (w.connect("x", "press-07", properties=w.two(0x23, 1)), 0x81),
    "user name not UTF-8": (
        packet(0x10, w.text("MQTT") + b"\x05\x80\x00\x3c\x00" + w.text("x") + w.text(b"\xff")),
        0x81,
    ),
    "bytes behind its content": (packet(0x10, w.connect("x", "press-07")[2:] + b"x"), 0x81),
    "cut in the middle": (packet(0x10, w.text("MQTT") + b"\x05\x00\x00\x3c\x00\x00\x09x"), 0x81),
    "client id longer than 128 bytes": (w.connect("x" * 129, "press-07"), 0x85),
    "password without user name in 3.1.1": (
        packet(0x10, w.text("MQTT") + b"\x04\x40\x00\x3c" + w.text("x") + w.text("secret")),
        None,
    ),
    "PUBLISH before CONNECT": (w.publish("a", b""), None),
    "PINGREQ before CONNECT": (w.PINGREQ, None),
    "larger than a first packet may be": (b"\x10\xff\xff\x7f", None),
}


@pytest.mark.parametrize(("data", "reason"), BAD_CONNECTS.values(), ids=BAD_CONNECTS.keys())
def test_a_bad_connect_is_answered_where_its_version_is_known_and_logged(
    plant: Plant, data: bytes, reason: int | None
) -> None:
    before = len(plant.log())
    with wire(plant) as opened:
        opened.send(data)
        if reason is not None:
            assert opened.expect(w.CONNACK).reason == reason
        assert opened.receive() is None
        record = plant.record_from(opened.address, before)
    assert (record["resultType"], record["resultSignature"]) == ("Failed", "ClientError")
    assert record["resultDescription"].endswith(".")
    assert record["presentedChain"]


def test_nothing_of_this_leaves_a_traceback(plant: Plant) -> None:
    with connected(plant, uuid.uuid4().hex) as witness:
        for data, _ in [*BAD_PACKETS.values(), *BAD_CONNECTS.values()]:
            with wire(plant, "robot-1") as opened:
                opened.send(data)
                while opened.receive() is not None:
                    pass
        assert witness.silent()
    assert "Traceback" not in plant.emulator.log()


def test_thousands_of_mutated_packets_harm_no_connection(plant: Plant) -> None:
    chance = random.Random(20_261_130)
    good = [
        *(data for data, _ in BAD_PACKETS.values()),
        w.subscribe("a/#"),
        w.publish("a/b", b"x" * 50, qos=1),
        w.PINGREQ,
    ]
    with connected(plant, uuid.uuid4().hex, "robot-2") as witness:
        for _ in range(60):
            with connected(plant, uuid.uuid4().hex) as opened:
                for _ in range(50):
                    try:
                        opened.send(mutated(chance.choice(good), chance))
                    except OSError:
                        break  # the endpoint has closed: the next connection goes on
        assert witness.silent()
    assert "Traceback" not in plant.emulator.log()


def mutated(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(out)) if out else 0
        match chance.randrange(4):
            case 0 if out:
                out[at] = chance.randrange(256)
            case 1:
                out.insert(at, chance.randrange(256))
            case 2 if len(out) > 1:
                del out[at]
            case _:
                out = out[: max(1, at)]
    return bytes(out)


# The codec alone

ANY_PACKET = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([data for data, _ in [*BAD_PACKETS.values(), *BAD_CONNECTS.values()]]),
    st.builds(lambda first, body: packet(first, body), st.integers(0, 255), st.binary(max_size=100)),
    st.builds(
        lambda data, seed: mutated(data, random.Random(seed)),
        st.sampled_from([data for data, _ in [*BAD_PACKETS.values(), *BAD_CONNECTS.values()]]),
        st.integers(),
    ),
)


@settings(max_examples=2_000, deadline=None)
@given(st.lists(ANY_PACKET, max_size=5), st.sampled_from([0, 4, 5]))
def test_the_decoder_answers_any_bytes_with_packets_or_its_own_error(parts: list[bytes], version: int) -> None:
    decoder = Decoder(version=version)
    error = None
    try:
        for part in parts:
            list(decoder.feed(part))
    except PacketError as raised:
        error = raised
    assert error is None or (str(error).endswith(".") and error.reason >= 0x80)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_how_the_bytes_are_cut_makes_no_difference(data: st.DataObject) -> None:
    whole = b"".join(
        [
            w.connect("session", "name", properties=w.four(0x11, 7), will=w.will("t", b"w"), will_flags=4),
            w.publish("a/b", b"x" * 300, qos=1, packet_id=7, properties=w.pair("k", "v")),
            w.subscribe("a/#", "b"),
            w.puback(3),
            w.PINGREQ,
            w.unsubscribe("b"),
            w.disconnect(4),
        ]
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    decoder = Decoder()
    in_pieces = [found for piece in pieces for found in decoder.feed(piece)]
    assert in_pieces == list(Decoder().feed(whole))
    assert len(in_pieces) == 7


def test_a_large_packet_in_single_bytes_is_put_together_once() -> None:
    decoder = Decoder(version=5)
    data = w.publish("a", b"x" * 100_000)
    found = [each for byte in data for each in decoder.feed(bytes([byte]))]
    assert len(found) == 1
