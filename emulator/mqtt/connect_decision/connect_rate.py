"""How often one session may connect: once a second in Event Grid.

Source: "Azure Event Grid quotas and limits". How Azure answers is not documented: docs/policy.md.
"""

from emulator.mqtt.connect_decision.connack import Refusal
from emulator.mqtt.wire.packets import Reason

CODE = "connect-rate"


class ConnectRate:
    """The times at which the sessions of a namespace connected last. `per_second`: 0 = no limit.

    Only accepted CONNECTs count. A client that tries too early is accepted at its first attempt in time, and no client can
    keep another one out. Times are in seconds on the broker's clock.
    """

    def __init__(self, per_second: int) -> None:
        self.least_seconds = 1 / per_second if per_second else 0.0
        self._last: dict[str, float] = {}  # by session name, the oldest first

    def refusal(self, session_name: str, now: float) -> Refusal | None:
        """Refuse a session that connects again too early."""
        last = self._last.get(session_name)
        if last is None or now - last >= self.least_seconds:
            return None
        sentence = (
            f"The session {session_name} connected {now - last:.1f} s ago, and one session may send a CONNECT every"
            f" {self.least_seconds:.3g} s. Wait longer before you connect again, and give each device a client id of its own."
        )
        return Refusal(Reason.CONNECTION_RATE_EXCEEDED, sentence, "QuotaExceeded", CODE)

    def connected(self, session_name: str, now: float) -> None:
        """Note that a session has connected."""
        if self.least_seconds:
            self._last.pop(session_name, None)
            self._last[session_name] = now

    def forget_before(self, now: float) -> None:
        """Forget the sessions that may connect again."""
        while self._last:
            name = next(iter(self._last))
            if now - self._last[name] < self.least_seconds:
                return
            del self._last[name]
