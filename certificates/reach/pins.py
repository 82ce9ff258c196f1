"""The CA keys that people have pinned for clients, where this portal enforces that."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from certificates.models import PinnedKey
from certificates.reach.bindings import is_enforced


def pinned_keys(namespace_pk: int, clients: Collection[int]) -> Mapping[int, Collection[str]]:
    """Return the pinned keys of these clients, by primary key; none where Azure decides, or has not asked yet."""
    found: dict[int, set[str]] = defaultdict(set)
    if is_enforced(namespace_pk):
        for client, key in PinnedKey.objects.filter(client__in=clients).values_list("client_id", "spki_sha256"):
            found[client].add(key)
    return found
