"""What a device sent, received and logged: the last lines only."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from lab.devices.limits import LOG_KEPT, LONGEST_TEXT, PACKETS_KEPT, SHOWN_PAYLOAD

SENT, RECEIVED, NOTE = "sent", "received", "note"


@dataclass(frozen=True)
class Line:
    """A packet, or a note. `packet` is its name, such as CONNACK; `code` its reason code as written in the standard, or ""."""

    number: int
    at: str
    direction: str
    packet: str
    text: str
    code: str = ""
    is_bad: bool = False


class Record:
    """The tails of packets and log. Lines are numbered over both, so that a page can tell whether there is news."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._packets: deque[Line] = deque(maxlen=PACKETS_KEPT)
        self._log: deque[Line] = deque(maxlen=LOG_KEPT)
        self.newest = 0

    def packet(self, direction: str, name: str, text: str, *, code: str = "", is_bad: bool = False) -> None:
        self._packets.append(self._line(direction, name, text, code, is_bad))

    def note(self, text: str, *, is_bad: bool = False) -> None:
        self._packets.append(self._line(NOTE, "", text, "", is_bad))

    def log(self, text: str) -> None:
        self._log.append(self._line(NOTE, "", text, "", False))

    def _line(self, direction: str, name: str, text: str, code: str, is_bad: bool) -> Line:
        self.newest = next(self._numbers)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Line(self.newest, now, direction, name, text[:LONGEST_TEXT], code, is_bad)

    def as_dict(self) -> dict[str, Any]:
        packets, log = list(self._packets), list(self._log)  # a thread may add to them while it connects
        return {"newest": self.newest, "packets": [asdict(each) for each in packets], "log": [asdict(e) for e in log]}


def shown_payload(payload: bytes) -> str:
    """Return the beginning of a message as text, or as hex where it is none."""
    start = payload[:SHOWN_PAYLOAD]
    try:
        text = start.decode("utf-8", "strict" if len(payload) <= SHOWN_PAYLOAD else "ignore")
    except UnicodeDecodeError:
        text = start.hex(" ")
    more = len(payload) - len(start)
    return f"{text} … and {more} more bytes" if more else text
