"""Record whether Azure responds for a namespace. Its pages show it, and the drift scan skips it until Azure responds."""

from django.utils import timezone

from namespaces.models import Namespace


def note_reachability(pk: int, reason: str | None) -> None:
    """Record the outcome of the last call: `reason` is why Azure did not respond, or None. Write only changes."""
    rows = Namespace.objects.filter(pk=pk)
    if reason is None:
        rows.filter(unreachable_since__isnull=False).update(unreachable_since=None, unreachable_reason="")
        return
    rows.filter(unreachable_since__isnull=True).update(unreachable_since=timezone.now())
    rows.exclude(unreachable_reason=reason).update(unreachable_reason=reason)
