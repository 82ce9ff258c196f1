"""Confirmation before a bulk change: how many, what happens, and how long it takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from sync import registry
from sync.models import Finding
from sync.pages import overview
from sync.registry import Scope


@dataclass(frozen=True)
class Question:
    """Shown in a pane, or on a page where JavaScript is off."""

    title: str
    sentences: tuple[str, ...]
    label: str  # of the button
    kind: str  # "primary" or "danger"
    action: str  # URL to post to
    close_url: str
    values: tuple[tuple[str, str], ...] = ()  # posted with it
    wanted: str = ""  # the name to type first
    problem: str = ""  # with what was typed


def ask_retry(scope: Scope, writes: int, deletes: int, code: str) -> Question:
    """Return the confirmation of retrying rejected changes."""
    said = overview.announcement(scope.resource_id, writes=writes, deletes=deletes)
    return Question(
        "Retry these changes" if code else "Retry all changes",
        (said, "Changes that Azure rejects again will be listed here again."),
        "Retry",
        "primary",
        reverse("sync:sync_retry", args=[scope.pk]),
        reverse("sync:sync_overview", args=[scope.pk]),
        _chosen(code),
    )


def ask_discard(scope: Scope, writes: int, deletes: int, code: str) -> Question:
    """Return the confirmation of discarding rejected changes."""
    count = writes + deletes
    changes = "1 change is" if count == 1 else f"{count:,} changes are"
    said = f"{changes} discarded, and the portal takes Azure's version."
    return Question(
        "Discard these changes",
        (said, overview.announcement(scope.resource_id)),
        "Discard",
        "danger",
        reverse("sync:sync_discard", args=[scope.pk]),
        reverse("sync:sync_overview", args=[scope.pk]),
        _chosen(code),
    )


def _chosen(code: str) -> tuple[tuple[str, str], ...]:
    return (("code", code),) if code else ()


_DECISIONS = {
    "keep": ("Keep ours", "The portal's version is sent to Azure and replaces the changes made there."),
    "take": ("Take Azure's", "The portal takes Azure's version. What was deleted in Azure is removed from the portal."),
    "adopt": ("Adopt", "What was found in Azure is added to the portal."),
    "ignore": ("Ignore", "Both sides stay as they are. A difference returns when either side changes again."),
}


def done_for_many(decision: str, count: int) -> str:
    """Return the message after one decision about many differences."""
    label, meaning = _DECISIONS.get(decision, ("", ""))
    return " ".join(filter(None, (f"{label}:" if label else "", f"{count} differences resolved.", meaning)))


def ask_decision(scope: Scope, findings: Sequence[Finding], decision: str, *, shown: Sequence[str]) -> Question | None:
    """Return the confirmation of a decision about many differences, or None for a decision that is not for many.

    `shown`: the findings as the page posted them.
    """
    if decision not in _DECISIONS:
        return None
    label, meaning = _DECISIONS[decision]
    writes = deletes = 0
    if decision == "keep":
        deletes = _deletions_among(findings)
        writes = len(findings) - deletes
    return Question(
        f"{label}: {len(findings):,} differences",
        (meaning, overview.announcement(scope.resource_id, writes=writes, deletes=deletes)),
        label,
        "primary",
        reverse("sync:drift_resolve", args=[scope.pk]),
        reverse("sync:drift_list", args=[scope.pk]),
        (("decision", decision), ("confirmed", "yes"), *(("finding", each) for each in shown)),
    )


def _deletions_among(findings: Sequence[Finding]) -> int:
    """Return how many of the portal's rows are being deleted."""
    count = 0
    for kind in {finding.kind for finding in findings}:
        pks = [finding.object_pk for finding in findings if finding.kind == kind and finding.object_pk is not None]
        count += registry.model_for(kind)._default_manager.filter(pk__in=pks, deleted_at__isnull=False).count()
    return count
