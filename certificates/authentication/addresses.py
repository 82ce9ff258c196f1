"""Names that are IP addresses: the same address in any notation is the same name. Pure.

Sources: RFC 4291 section 2.2 and RFC 5952 (IPv6 as text), RFC 3986 section 3.2.2 (brackets).
"""

import ipaddress
import re
from collections.abc import Iterable

_MAY_BE_ADDRESS = re.compile(r"[\s\[]*[0-9a-fA-F:.]*[.:][0-9a-fA-F:.]*(?:%\S*)?[\]\s]*")


def address_of(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that this name is, with or without brackets; None where it is none."""
    if not _MAY_BE_ADDRESS.fullmatch(name):  # as almost no name is one, and a refused address costs ten times as much
        return None
    try:
        return ipaddress.ip_address(name.strip().strip("[]"))
    except ValueError:
        return None


class AddressIndex(dict[str, tuple[str, ...]]):
    """The keys of the clients whose authentication names are addresses, by the address as RFC 5952 writes it.

    So a client is found by its address without asking every client. Whoever changes the clients keeps it true; a reader
    in another thread sees each entry before or after a change.
    """

    @classmethod
    def of(cls, keys: Iterable[str]) -> "AddressIndex":
        index = cls()
        for key in keys:
            index.add(key)
        return index

    def add(self, key: str) -> None:
        address = address_of(key)
        if address is not None:
            self[str(address)] = tuple(sorted({*self.get(str(address), ()), key}))

    def discard(self, key: str) -> None:
        address = address_of(key)
        if address is not None:
            rest = tuple(other for other in self.get(str(address), ()) if other != key)
            if rest:
                self[str(address)] = rest
            else:
                self.pop(str(address), None)
