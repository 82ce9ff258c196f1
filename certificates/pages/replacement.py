"""The replacement of a CA certificate by another one: what is done, what comes next, and which clients still use the old one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from certificates.models import CACertificate
from certificates.pages.ca_usage import Impact, impact_of
from sync.models import SyncState

UPLOAD, TRUST, MOVE, DELETE = STEPS = ("upload", "trust", "move", "delete")


@dataclass(frozen=True)
class Replacement:
    """`old` is replaced by `new` (None: not chosen or not uploaded yet), one of `choices`.

    `waiting` are the names of the known clients whose latest certificate the old one signed and the new one did not, and
    `moved` of those whose latest certificate the new one signed. `is_cut`: more are known than were checked.
    """

    old: CACertificate
    new: CACertificate | None
    choices: Sequence[CACertificate]
    waiting: Sequence[str] = ()
    moved: Sequence[str] = ()
    is_cut: bool = False

    @property
    def total(self) -> int:
        return len(self.waiting) + len(self.moved)

    @property
    def current(self) -> str:
        """Return the step to take next."""
        if self.new is None:
            return UPLOAD
        if self.new.sync_state != SyncState.SUCCEEDED:
            return TRUST
        return MOVE if self.waiting or not self.moved else DELETE

    @property
    def done(self) -> Sequence[str]:
        return STEPS[: STEPS.index(self.current)]


def replacement_of(old: CACertificate, impact: Impact, *, by: str = "") -> Replacement:
    """Return the state of the replacement by the CA certificate named `by`, otherwise by the one that was probably uploaded for it.

    That is the newest one of the same subject or issuer that was uploaded after the old one and expires after it. `impact` is
    that of the old one.
    """
    others = CACertificate.visible_to(old.namespace.sight).present().exclude(pk=old.pk).select_related("namespace")
    at = old.namespace.judged_at(timezone.now())
    choices = [each for each in others.order_by("-pk") if each.not_after and each.not_after > at]
    for each in choices:
        each.namespace = old.namespace  # with what the user sees
    named = next((each for each in choices if each.name == by), None)
    new = named or next((each for each in choices if _is_newer(each, old)), None)
    if new is None:
        return Replacement(old, None, choices)
    after = impact_of(new)
    moved = {client.client_name for client in after.insight.signed} if after.insight else set()
    signed = [client.client_name for client in impact.insight.signed] if impact.insight else []
    waiting = [name for name in signed if name not in moved]
    return Replacement(old, new, choices, waiting, sorted(moved), impact.is_cut or after.is_cut)


def _is_newer(each: CACertificate, old: CACertificate) -> bool:
    is_later = each.pk > old.pk and old.not_after and each.not_after and each.not_after > old.not_after
    return bool(is_later) and (each.subject == old.subject or each.issuer == old.issuer)
