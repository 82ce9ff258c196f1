"""What a connection and its namespace need of each other: each depends on these protocols, not on the other's class."""

from collections.abc import Iterable
from typing import Protocol

from emulator.mqtt.connect_decision.connack import Refusal
from emulator.mqtt.connect_decision.decision import NamespaceSettings
from emulator.mqtt.recording.recorder import Peer
from emulator.mqtt.sessions.session import Message, Session
from emulator.mqtt.wire.packets import Reason, Will
from emulator.storage.connection_records import ConnectionRecord


class Wire(Peer, Protocol):
    """What carries a connection's bytes: TLS alone, or a WebSocket on it."""

    @property
    def is_congested(self) -> bool: ...

    def write(self, data: bytes) -> None: ...

    def await_end(self) -> None:
        """Wait for the client, which has disconnected, to close, then close too; after a while without it."""

    def close(self) -> None: ...


class ClientConnection(Protocol):
    """What a namespace needs of a connection."""

    session_name: str
    session: Session | None
    valid_until: float

    @property
    def peer(self) -> str:
        """Address and port of the client."""

    @property
    def ca_name(self) -> str: ...

    @property
    def thumbprints(self) -> Iterable[str]:
        """The SHA-256 thumbprints of the certificates that the client presented."""

    def authenticate_again(self) -> Refusal | None: ...

    def end(self, reason: Reason, sentence: str, cause: str, *, code: str = "") -> None: ...


class Namespace(NamespaceSettings, Protocol):
    """What a connection needs of its namespace, besides what decides its CONNECT."""

    namespace_id: str

    def record(self, record: ConnectionRecord) -> None: ...

    def connected(self, connection: ClientConnection) -> None: ...

    def closed(self, connection: ClientConnection) -> None: ...

    def is_current(self, connection: ClientConnection) -> bool: ...

    def connections(self) -> Iterable[ClientConnection]: ...

    def connections_of(self, owner: str) -> Iterable[ClientConnection]: ...

    def connection_of(self, session: Session) -> ClientConnection | None: ...

    def take_over(self, session_name: str, newcomer: ClientConnection) -> None: ...

    def publish(self, message: Message, publisher: Session | None, now: float) -> None: ...

    def publish_will(self, will: Will, session: Session, delay: int) -> None: ...
