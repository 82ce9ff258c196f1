"""Records of one connection: its attempt to connect, what it was denied, and its end."""

import uuid
from collections.abc import Callable
from typing import Protocol

from certificates.authentication.engine import Decision
from emulator.mqtt.limits import MAX_DENIALS_LOGGED
from emulator.mqtt.recording.records import CONNECT, DISCONNECT, evidence_of, protocol_name, record_of
from emulator.storage.connection_records import NO_EVIDENCE, ConnectionRecord


class Peer(Protocol):
    """The client's side of a connection."""

    peer: str  # address and port
    peer_chain: tuple[bytes, ...]  # the certificates it presented, as DER, leaf first
    protocol_suffix: str  # "-WS" over WebSocket


class Recorder:
    """Writes the records of one connection. `write` is called with each record."""

    __slots__ = (
        "_denials",
        "_namespace_id",
        "_write",
        "authentication_name",
        "authentication_type",
        "client_name",
        "decision",
        "session_name",
        "trace_id",
        "user_name",
        "version",
    )

    def __init__(self, namespace_id: str, write: Callable[[ConnectionRecord], None]) -> None:
        self._namespace_id = namespace_id
        self._write = write
        self.trace_id = str(uuid.uuid4())
        self._denials: set[tuple[str, str]] = set()
        self.session_name = ""
        self.user_name: str | None = None
        self.decision: Decision | None = None
        self.version = 0
        self.authentication_type = ""  # the rest only where a webhook decided
        self.client_name = ""
        self.authentication_name = ""

    def connect(
        self,
        peer: Peer,
        description: str,
        *,
        signature: str = "",
        code: str = "",
        evidence: str = "",
        succeeded: bool = False,
    ) -> None:
        """Record an attempt to connect, with its evidence."""
        self._record(
            CONNECT,
            peer,
            signature=signature,
            description=description,
            code=code,
            evidence=evidence or evidence_of(peer.peer_chain, None),
            succeeded=succeeded,
        )

    def denied(self, peer: Peer, operation: str, sentence: str) -> None:
        """Record a denied publish or subscribe; each kind once, so that a client in a loop does not fill the log."""
        kind = (operation, sentence)
        if kind not in self._denials and len(self._denials) < MAX_DENIALS_LOGGED:
            self._denials.add(kind)
            self._record(operation, peer, signature="AuthorizationError", description=sentence, code="not-permitted")

    def disconnected(self, peer: Peer, cause: str, description: str, code: str) -> None:
        """Record the end of a connection. `cause` is one of Azure's disconnection reasons."""
        self._record(DISCONNECT, peer, signature=cause, description=description, code=code, succeeded=True)

    def _record(
        self,
        operation: str,
        peer: Peer,
        *,
        signature: str,
        description: str,
        code: str,
        evidence: str = NO_EVIDENCE,
        succeeded: bool = False,
    ) -> None:
        self._write(
            record_of(
                operation,
                namespace_id=self._namespace_id,
                succeeded=succeeded,
                signature=signature,
                description=description,
                code=code,
                peer=peer.peer,
                protocol=protocol_name(self.version, peer.protocol_suffix),
                session_name=self.session_name,
                user_name=self.user_name,
                decision=self.decision,
                evidence=evidence,
                trace_id=self.trace_id,
                authentication_type=self.authentication_type,
                client_name=self.client_name,
                authentication_name=self.authentication_name,
            )
        )
