"""Records of HTTP publishes that were denied, in the connection log of the namespace."""

from collections.abc import Callable

from emulator.mqtt.limits import MAX_DENIALS_LOGGED
from emulator.mqtt.recording.records import PUBLISH, record_of
from emulator.storage.connection_records import ConnectionRecord

PROTOCOL = "http-publish"  # Azure's name in its metrics and logs
_SECONDS = 60.0


class DenialLog:
    """Records each reason once a minute, and a bounded number of them, so that a flood does not flood the log."""

    def __init__(self, namespace_id: str, record: Callable[[ConnectionRecord], None]) -> None:
        self._namespace_id = namespace_id
        self._record = record
        self._recorded: set[tuple[str, str]] = set()
        self._since = float("-inf")

    def add(self, caller: str, peer: str, sentence: str, request_id: str, now: float) -> None:
        """Record a denied publish. `caller`: the object id, recorded as session name; `now`: in seconds."""
        if now - self._since > _SECONDS:
            self._since = now
            self._recorded.clear()
        if (caller, sentence) in self._recorded or len(self._recorded) >= MAX_DENIALS_LOGGED:
            return
        self._recorded.add((caller, sentence))
        self._record(
            record_of(
                PUBLISH,
                namespace_id=self._namespace_id,
                succeeded=False,
                signature="AuthorizationError",
                description=sentence,
                code="not-permitted",
                peer=peer,
                protocol=PROTOCOL,
                session_name=caller,
                trace_id=request_id,
                authentication_type="AccessToken",
            )
        )
