"""Index the clients of a namespace by address, thumbprint and client name. Pure."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from certificates.authentication.ip_addresses import AddressIndex
from certificates.x509.text import plain_letters


class _Client(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def thumbprints(self) -> Sequence[str]: ...


class KeysByText(dict[str, tuple[str, ...]]):
    """Index of clients: text → keys of the clients that have it, usually one."""

    def add(self, text: str, key: str) -> None:
        self[text] = tuple(sorted({*self.get(text, ()), key}))

    def remove(self, text: str, key: str) -> None:
        rest = tuple(other for other in self.get(text, ()) if other != key)
        if rest:
            self[text] = rest
        else:
            self.pop(text, None)


class ClientIndex:
    """Client keys by address, by thumbprint, by client name and by what is seen of a name with invisible characters or letters of other alphabets, so that no lookup walks through every client.

    The code that changes the clients also updates the index; a reader in another thread sees each entry either before or
    after a change.
    """

    def __init__(self) -> None:
        self.addresses = AddressIndex()
        self.thumbprints = KeysByText()
        self.names = KeysByText()
        self.seen = KeysByText()  # only names that differ from what is seen of them

    @classmethod
    def of(cls, clients: Mapping[str, _Client]) -> "ClientIndex":
        index = cls()
        for key, client in clients.items():
            index.put(key, client)
        return index

    def put(self, key: str, client: _Client, before: _Client | None = None) -> None:
        """Add a client, or replace its former state `before`."""
        if before is not None:
            self.discard(key, before)
        self.addresses.add(key)
        self.names.add(client.name, key)
        if (seen := plain_letters(key)) != key:
            self.seen.add(seen, key)
        for thumbprint in client.thumbprints:
            self.thumbprints.add(thumbprint, key)

    def discard(self, key: str, client: _Client) -> None:
        self.addresses.discard(key)
        self.names.remove(client.name, key)
        if (seen := plain_letters(key)) != key:
            self.seen.remove(seen, key)
        for thumbprint in client.thumbprints:
            self.thumbprints.remove(thumbprint, key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClientIndex) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # mutable, so not hashable
