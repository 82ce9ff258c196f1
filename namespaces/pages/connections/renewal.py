"""What *Renew* shows of a client: its thumbprints, when each was last used, and whether the old one may go."""

from dataclasses import dataclass
from datetime import datetime

from namespaces.actions.clients import renewal_now
from namespaces.models import Client, ClientCertificate
from namespaces.rules.renewal import Renewal


@dataclass(frozen=True)
class HeldThumbprint:
    """One of a client's thumbprints. `used_at`: its last accepted connection; `not_after`: where the certificate is known."""

    label: str
    thumbprint: str
    used_at: datetime | None
    not_after: datetime | None
    is_last_used: bool
    is_new: bool
    is_old: bool


@dataclass(frozen=True)
class RenewalPage:
    renewal: Renewal
    held: tuple[HeldThumbprint, ...]


def renewal_page(client: Client) -> RenewalPage:
    renewal = renewal_now(client)
    seen = ClientCertificate.objects.visible_to(client.namespace.sight)
    known = seen.filter(namespace=client.namespace_id, thumbprint__in=client.thumbprints)
    expiries = dict(known.values_list("thumbprint", "not_after"))
    uses = seen.last_uses(client)
    held = tuple(
        HeldThumbprint(
            label,
            thumbprint,
            uses.get(thumbprint),
            expiries.get(thumbprint),
            is_last_used=thumbprint == renewal.last,
            is_new=thumbprint == renewal.new,
            is_old=thumbprint == renewal.old,
        )
        for label, thumbprint in zip(("Primary", "Secondary"), client.thumbprints, strict=False)
    )
    return RenewalPage(renewal, held)
