"""Clients that had Thumbprint Match when they were deleted: to create one again that any CA can vouch for takes it off."""

from collections.abc import Sequence

from namespaces.models import Client, FormerThumbprint
from namespaces.rules.clients import THUMBPRINT_SCHEME
from sync.models import SyncedModel


def note_deleted_clients(rows: Sequence[SyncedModel]) -> None:
    """Remember the scheme of clients that are being deleted; `sync` calls this in the transaction of every change."""
    for row in rows:
        if isinstance(row, Client) and row.deleted_at is not None:
            known = FormerThumbprint.objects.filter(
                namespace=row.namespace_id, authentication_key=row.authentication_key
            )
            if row.validation_scheme != THUMBPRINT_SCHEME:
                known.delete()
            elif not known.exists():
                FormerThumbprint.objects.create(
                    namespace_id=row.namespace_id, authentication_key=row.authentication_key
                )


def had_thumbprint_match(client: Client) -> bool:
    """Return whether the last client with this authentication name had Thumbprint Match when it was deleted."""
    former = FormerThumbprint.objects.filter(namespace=client.namespace_id)
    return former.filter(authentication_key=client.authentication_key).exists()
