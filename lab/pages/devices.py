"""What the pages of a device show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from certificates.models import CACertificate
from lab.devices import control
from lab.devices.problems import DeviceProblem, DevicesAway, NoSuchDevice
from lab.models import BrowserDevice
from namespaces.connections.hidden_names import texts_without_hidden_names
from namespaces.connections.mqtt_endpoints import emulator_endpoint
from namespaces.connections.sample_programs import Program, Trial, programs
from namespaces.forms.prefill import create_client_url
from namespaces.models import Client, ConnectionAttempt, Namespace
from portal.models import User

LAST_ROUND = 450  # a page left open stops asking
POLL_SECONDS = 2
AWAY, GONE, UNKNOWN = "away", "gone", "unknown"
# State → what status.html shows.
STATE_WORDS: Mapping[str, tuple[str, str]] = {
    "ready": ("Not connected yet", "waiting"),
    "connecting": ("Connecting", "waiting"),
    "connected": ("Connected", "good"),
    "refused": ("Refused", "bad"),
    "failed": ("No connection", "bad"),
    "disconnected": ("Disconnected", "waiting"),
    GONE: ("Ended", "waiting"),
    AWAY: ("Not available", "bad"),
}


@dataclass(frozen=True)
class ListedDevice:
    row: BrowserDevice
    state: str

    @property
    def words(self) -> str:
        return STATE_WORDS[self.state][0]

    @property
    def kind(self) -> str:
        return STATE_WORDS[self.state][1]


@dataclass(frozen=True)
class Line:
    """A packet or a line of the log. `at` is aware."""

    at: datetime
    direction: str
    packet: str
    text: str
    code: str
    is_bad: bool


@dataclass(frozen=True)
class LiveDevice:
    """A device as it is now. `problem`: why it cannot be shown; then everything else is empty."""

    row: BrowserDevice
    state: str
    round: int = 0
    newest: int = 0
    packets: Sequence[Line] = ()
    log: Sequence[Line] = ()
    filters: Mapping[str, int] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)
    attempt: ConnectionAttempt | None = None
    has_restarted: bool = False

    @property
    def words(self) -> str:
        return STATE_WORDS[self.state][0]

    @property
    def kind(self) -> str:
        return STATE_WORDS[self.state][1]

    @property
    def is_gone(self) -> bool:
        return self.state == GONE

    @property
    def is_away(self) -> bool:
        return self.state == AWAY

    @property
    def is_connected(self) -> bool:
        return self.state == "connected"

    @property
    def is_busy(self) -> bool:
        return self.state in {"connected", "connecting"}

    @property
    def is_over(self) -> bool:
        return self.round >= LAST_ROUND or self.is_gone

    @property
    def delay(self) -> int:
        return POLL_SECONDS

    @property
    def next_round(self) -> int:
        return self.round + 1

    @property
    def fingerprint(self) -> str:
        """Return a text that differs wherever the live part differs."""
        return f"{self.state}-{self.newest}-{self.attempt.cursor if self.attempt else 0}"

    @property
    def next_query(self) -> str:
        """What the page knows, for its next request."""
        return urlencode({"round": self.next_round, "seen": self.fingerprint, "said": self.state})


def devices_of(user: User, namespace: Namespace) -> list[ListedDevice]:
    """Return a person's devices in a namespace, each with its state."""
    rows = list(BrowserDevice.objects.visible_to(user, namespace))
    try:
        states = control.ask("states", owner=user.pk, namespace=namespace.resource_key)["states"] if rows else {}
    except DeviceProblem:
        return [ListedDevice(row, AWAY) for row in rows]
    return [ListedDevice(row, states.get(row.handle, GONE)) for row in rows]


def live_device(row: BrowserDevice, *, round_number: int = 0) -> LiveDevice:
    """Return a device as it is now. `row.namespace` must have been read for its owner."""
    try:
        found = control.ask("view", owner=row.owner_id, namespace=row.namespace.resource_key, device=row.handle)
    except NoSuchDevice:
        since = control.running_since()
        restarted = since is not None and datetime.fromtimestamp(since, UTC) > row.created_at
        return LiveDevice(row, GONE, round_number, has_restarted=restarted, attempt=attempt_of(row))
    except DevicesAway:
        return LiveDevice(row, AWAY, round_number)
    return LiveDevice(
        row=row,
        state=found["state"],
        round=round_number,
        newest=found["newest"],
        packets=shown_lines(row.namespace, found["packets"]),
        log=shown_lines(row.namespace, found["log"]),
        filters=found["filters"],
        certificates=found["certificates"],
        attempt=attempt_of(row),
    )


def shown_lines(namespace: Namespace, lines: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Return lines for display, newest first, as the person may read them: a reason may name what is hidden."""
    found = list(lines)[::-1]
    texts = texts_without_hidden_names(namespace, (each["text"] for each in found))
    return [
        Line(datetime.fromisoformat(each["at"]), each["direction"], each["packet"], text, each["code"], each["is_bad"])
        for each, text in zip(found, texts, strict=True)
    ]


def attempt_of(row: BrowserDevice) -> ConnectionAttempt | None:
    """Return the newest attempt of a device in the portal's log: no other client has its certificate."""
    seen = ConnectionAttempt.objects.visible_to(row.namespace.sight)
    return seen.filter(namespace=row.namespace, thumbprint=row.thumbprint).order_by("-cursor").first()


@dataclass(frozen=True)
class NextSteps:
    """What a device needs to be let in, as links. `ca_name` is proposed; `may_upload` says whether the person may."""

    may_upload: bool
    ca_name: str
    create_url: str


def next_steps(row: BrowserDevice) -> NextSteps:
    rights = row.namespace.rights
    create_url = create_client_url(
        row.namespace.pk,
        authentication_name=row.authentication_name,
        scheme=row.validation_scheme,
        thumbprint=row.thumbprint,
    )
    registered = Client.visible_to(row.namespace.sight).present().filter(namespace=row.namespace)
    is_registered = registered.filter(authentication_name__in=[row.authentication_name]).exists()
    return NextSteps(
        bool(rights.reach(CACertificate)), f"device-{row.thumbprint[:8]}", "" if is_registered else create_url
    )


def programs_for(row: BrowserDevice, topic: str) -> tuple[Program, ...]:
    """Return the same attempt for those who have tools: the programs of *Try it*."""
    endpoint = emulator_endpoint(row.namespace.resource_key)
    if endpoint is None:
        return ()
    trial = Trial(
        endpoint.host, endpoint.port, endpoint.ca, row.client_id, row.authentication_name, topic, topic_filter=topic
    )
    return programs(trial)
