"""Who decides about the CONNECTs of a namespace: Azure, this portal, or another webhook."""

from dataclasses import dataclass
from enum import StrEnum

from namespaces.actions.decision_points import is_decided_here
from namespaces.models import DecisionPoint, Namespace, NamespaceConfiguration


class Mode(StrEnum):
    """Who decides about each CONNECT, by the setting that is wanted."""

    AZURE = "azure"
    PORTAL = "portal"
    OTHER = "other"  # a webhook that is not this portal's


@dataclass(frozen=True)
class Deciding:
    """`is_confirmed`: the namespace has asked this portal about a client that is registered in Azure."""

    mode: Mode
    is_settled: bool
    is_confirmed: bool


def mode_of(row: NamespaceConfiguration, point: DecisionPoint | None) -> Mode:
    if is_decided_here(row, point):
        return Mode.PORTAL
    return Mode.OTHER if row.webhook_url else Mode.AZURE


def deciding_in(namespace: Namespace) -> Deciding | None:
    """Return who decides in a namespace that comes with a person's rights; None while its settings have not been read."""
    rows = NamespaceConfiguration.visible_to(namespace.sight).filter(namespace=namespace.pk)
    row: NamespaceConfiguration | None = rows.select_related("namespace__decision_point").first()
    if row is None:
        return None
    point: DecisionPoint | None = getattr(row.namespace, "decision_point", None)
    return Deciding(mode_of(row, point), row.is_settled, point is not None and point.confirmed_at is not None)
