"""Names that are addresses are found by address, and an updated index equals a new one."""

import random

import pytest

from certificates.authentication.ip_addresses import AddressIndex, address_of

SAME = ["2001:db8::1", "[2001:db8::1]", "2001:DB8:0:0::1", "2001:0db8:0000:0000:0000:0000:0000:0001", " 2001:db8::1 "]
OTHERS = [
    "192.0.2.17",
    "[192.0.2.17]",
    "64:ff9b::192.0.2.33",
    "fe80::1%eth0",
    "sensor-1",
    "a.example",
    "12345",
    "",
    "::",
]


def test_every_notation_of_an_address_is_that_address() -> None:
    assert {address_of(name) for name in SAME} == {address_of("2001:db8::1")}
    assert str(address_of("64:ff9b::192.0.2.33")) == "64:ff9b::c000:221"
    assert str(address_of("fe80::1%eth0")) == "fe80::1%eth0"


@pytest.mark.parametrize(
    "name", ["", "sensor-1", "a.example", "192.0.2.017", "12345", "1.2.3", "2001:db8::1/64", "cafe"]
)
def test_what_is_no_address_is_none(name: str) -> None:
    assert address_of(name) is None


def test_an_index_kept_through_changes_is_that_of_what_is_left() -> None:
    chance, keys, index = random.Random(7), set[str](), AddressIndex()
    for _ in range(500):
        key = chance.choice(SAME + OTHERS).lower()
        if chance.random() < 0.5:
            keys.add(key)
            index.add(key)
        else:
            keys.discard(key)
            index.discard(key)
        assert index == AddressIndex.of(keys)
