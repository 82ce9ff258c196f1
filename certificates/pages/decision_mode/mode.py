"""Who decides in a namespace now, what has been checked before a switch, and what is known after it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.conf import settings

from certificates.models import RevocationAlarm
from certificates.pages.decision_mode.replay import MOST, Changed, shown_of
from certificates.pages.decision_rules.let_in import Outcome, RevokedCheck, revoked_check
from namespaces.actions.decision_points import endpoint_url, webhook_findings
from namespaces.models import DecisionPoint, Namespace, NamespaceConfiguration, SwitchCheck
from namespaces.pages.overview.deciding import Mode, mode_of
from namespaces.pages.sync_polling import MOVING, Poll
from sync.arm.decision_probe import ProbeStep, has_passed
from sync.models import Finding

WATCH_MS, RARELY_MS = 2_000, 10_000
LONG_WATCHED = 300  # rounds


class Confirmation(StrEnum):
    """What is known of a namespace that this portal decides about. The codes are for tests and styles."""

    CHANGED = "changed"  # Azure holds another setting, or none
    SENDING = "sending"  # the setting is on its way to Azure
    SILENT = "silent"  # Azure has not asked yet
    ASKED = "asked"  # it has asked, but not about a registered client
    CONFIRMED = "confirmed"


@dataclass(frozen=True)
class ShownCheck:
    """The last check before a switch. `refused` and `unlike`: the pairs that the person may see of those that would change."""

    at: datetime
    steps: tuple[ProbeStep, ...]
    replay: dict[str, Any]
    since: datetime | None
    refused: tuple[Changed, ...]
    unlike: tuple[Changed, ...]

    @property
    def passed(self) -> bool:
        return has_passed(self.steps)

    @property
    def replay_outcome(self) -> str:
        """Return "changed" where a device would be refused, else "passed"."""
        return "changed" if self.replay.get("refused") or self.replay.get("unlike") else "passed"

    @property
    def hidden(self) -> int:
        """Return how many of those that would be refused are not listed."""
        return int(self.replay.get("refused", 0)) - len(self.refused)

    @property
    def hidden_unlike(self) -> int:
        return int(self.replay.get("unlike", 0)) - len(self.unlike)


@dataclass(frozen=True)
class ShownMode:
    """What the page shows. `url`: the endpoint's address, "" while none is known."""

    mode: Mode
    url: str
    has_address: bool
    point: DecisionPoint | None
    check: ShownCheck | None
    confirmation: Confirmation | None
    let_in: int = 0  # open alarms about devices whose certificate is revoked
    revoked_check: RevokedCheck | None = None
    most: int = MOST
    changed_in_azure: Finding | None = None  # Azure holds another setting than the one that is wanted

    @property
    def is_moving(self) -> bool:
        """Return whether the page waits for something that comes without its person: Azure's first question, or the check."""
        is_waiting = self.revoked_check is not None and self.revoked_check.outcome == Outcome.WAITING
        return self.confirmation is not None and (self.confirmation is not Confirmation.CONFIRMED or is_waiting)


@dataclass(frozen=True)
class StatePoll:
    """When the page asks again how far a switch has come; `delay_ms` is 0 where nothing moves."""

    delay_ms: int
    next_round: int


def state_poll(row: NamespaceConfiguration, shown: ShownMode, round_: int = 0) -> StatePoll:
    """Return when to ask again: often while the setting is sent, less often while only a device or Azure can change something."""
    if row.sync_state in MOVING:
        return StatePoll(Poll(round=round_).delay_ms, round_ + 1)
    if not shown.is_moving:
        return StatePoll(0, 0)
    return StatePoll(WATCH_MS if round_ < LONG_WATCHED else RARELY_MS, round_ + 1)


def shown_mode(namespace: Namespace, row: NamespaceConfiguration) -> ShownMode:
    """Return the mode of a namespace with what was checked and what is known. `namespace` comes with the person's rights."""
    point: DecisionPoint | None = DecisionPoint.objects.filter(namespace=namespace).first()
    mode = mode_of(row, point)
    is_ours = mode is Mode.PORTAL and point is not None
    return ShownMode(
        mode=mode,
        url=endpoint_url(point) if point is not None else "",
        has_address=bool(settings.DECISIONS_URL),
        point=point,
        check=_shown_check(namespace),
        confirmation=_confirmation(row, point) if is_ours and point is not None else None,
        changed_in_azure=next(iter(webhook_findings(namespace.pk)), None),
        let_in=_let_in(namespace) if is_ours else 0,
        revoked_check=revoked_check(namespace, point.switched_at) if is_ours and point is not None else None,
    )


def _let_in(namespace: Namespace) -> int:
    return RevocationAlarm.objects.visible_to(namespace.sight).open().filter(namespace=namespace.pk).count()


def _confirmation(row: NamespaceConfiguration, point: DecisionPoint) -> Confirmation:
    if not row.is_settled:
        return Confirmation.SENDING
    if webhook_findings(row.namespace_id):
        return Confirmation.CHANGED
    if point.confirmed_at is not None:
        return Confirmation.CONFIRMED
    return Confirmation.SILENT if point.asked_at is None else Confirmation.ASKED


def _shown_check(namespace: Namespace) -> ShownCheck | None:
    row: SwitchCheck | None = SwitchCheck.objects.filter(namespace=namespace).first()
    if row is None:
        return None
    refused, unlike = shown_of(row.replay, namespace)
    since = row.replay.get("since")
    return ShownCheck(
        at=row.at,
        steps=tuple(ProbeStep(**each) for each in row.probe),
        replay=row.replay,
        since=datetime.fromisoformat(since) if since else None,
        refused=tuple(refused),
        unlike=tuple(unlike),
    )
