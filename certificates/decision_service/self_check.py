"""Find changes of clients that nobody noted: a disabled client must not stay allowed because some code forgot to report it.

Once a minute the clients of each namespace are summed up. Where the sums differ although no change was noted since the last ones, one
was missed: the namespace is read whole, and the fault is in the log.
"""

from collections.abc import Collection, Iterable

from django.db.models import Count, Max, Q, Sum

from namespaces.models import Client

EVERY = 60.0  # seconds

Sums = tuple[int | None, ...]


class SelfCheck:
    """The sums of one process, compared with the next ones."""

    def __init__(self) -> None:
        self._sums: dict[int, Sums] = {}
        self._next = 0.0
        self._suspected: set[int] = set()

    def missed(self, namespaces: Iterable[int], changed: Collection[int], now: float) -> set[int]:
        """Return the namespaces in which a change was missed.

        Arguments: `changed`, those with changes that were noted since the last call; `now`, by `time.monotonic`. What differs is
        only suspected at first: the change may have been made just now, and its note is then read by the next call.
        """
        for pk in changed:
            self._sums.pop(pk, None)
        missed, self._suspected = self._suspected - set(changed), set()
        if now >= self._next:
            self._next = now + EVERY
            for pk in namespaces:
                sums = _sums_of(pk)
                if self._sums.setdefault(pk, sums) != sums:
                    self._suspected.add(pk)
                    self._sums[pk] = sums
        return missed


def _sums_of(namespace_pk: int) -> Sums:
    there = Q(deleted_at__isnull=True)
    enabled = there & Q(state=Client.ConnectionState.ENABLED)
    found = Client.objects.filter(namespace=namespace_pk).aggregate(
        there=Count("pk", filter=there),
        enabled=Count("pk", filter=enabled),
        editions=Sum("edited_generation"),
        newest=Max("pk"),
    )
    return tuple(found.values())
