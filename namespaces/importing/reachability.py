"""Whether Azure answers for a namespace: shown on its pages, and what waits is not tried in vain."""

from django.utils import timezone

from namespaces.models import Namespace


def note_reachability(pk: int, reason: str | None) -> None:
    """Remember how the last call for a namespace went. Writes only when something changed."""
    rows = Namespace.objects.filter(pk=pk)
    if reason is None:
        rows.filter(unreachable_since__isnull=False).update(unreachable_since=None, unreachable_reason="")
        return
    rows.filter(unreachable_since__isnull=True).update(unreachable_since=timezone.now())
    rows.exclude(unreachable_reason=reason).update(unreachable_reason=reason)
