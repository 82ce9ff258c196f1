"""The page Rules: what counts here beside Azure's own checks, at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Sum

from certificates.models import (
    CACertificate,
    FirstContact,
    IssuerBinding,
    PinnedKey,
    RegistrationTemplate,
    RevocationList,
    RevokedCertificate,
)
from certificates.pages.decision_rules.vouching import Vouching, vouching_of
from namespaces.models import Client, Namespace


@dataclass(frozen=True)
class ShownBinding:
    """For whom a CA certificate vouches, in words; `vouching` is None for one without a binding, which vouches for every client."""

    ca: CACertificate
    words: Sequence[str]
    vouching: Vouching | None


@dataclass(frozen=True)
class RulesOverview:
    """The rules of a namespace, of what the person sees. `listed` counts the certificates on revocation lists, `pinned` clients."""

    bindings: Sequence[ShownBinding]
    templates: Sequence[RegistrationTemplate]  # those that are on, by the name of their CA certificate
    revoked: int
    lists: int
    listed: int
    pinned: int


def rules_overview(namespace: Namespace) -> RulesOverview:
    cas = CACertificate.visible_to(namespace.sight).present().filter(namespace=namespace.pk).order_by("name")
    pinned = PinnedKey.objects.filter(client__in=Client.visible_to(namespace.sight).present().order_by().values("pk"))
    lists = RevocationList.objects.filter(ca__in=cas.order_by().values("pk"), added_at__isnull=False)
    templates = RegistrationTemplate.objects.filter(ca__in=cas.order_by().values("pk")).exclude(mode=FirstContact.OFF)
    return RulesOverview(
        templates=list(templates.select_related("ca").order_by("ca__name")),
        bindings=[_shown(namespace, row) for row in cas.select_related("binding")],
        revoked=RevokedCertificate.objects.visible_to(namespace.sight)
        .in_force()
        .filter(namespace=namespace.pk)
        .count(),
        lists=lists.count(),
        listed=lists.aggregate(total=Sum("entries"))["total"] or 0,
        pinned=pinned.filter(client__namespace=namespace.pk).order_by().values("client").distinct().count(),
    )


def _shown(namespace: Namespace, row: CACertificate) -> ShownBinding:
    row.namespace = namespace  # as the person sees it
    binding = binding_of(row)
    if binding is None:
        return ShownBinding(row, ("every client",), None)
    return ShownBinding(row, binding_words(row, binding), vouching_of(row, binding))


def binding_of(row: CACertificate) -> IssuerBinding | None:
    """Return the binding of a CA certificate, None where it vouches for every client."""
    return getattr(row, "binding", None)


def binding_words(row: CACertificate, binding: IssuerBinding) -> Sequence[str]:
    """Return what a binding names, teams that are hidden from the person without a name."""
    sight = row.namespace.sight
    teams = list(binding.teams.order_by("name"))
    named = [team for team in teams if not sight.is_partial or team.pk in sight.teams]
    words = [f"team {team.name}" for team in named] + (["other teams"] if len(named) < len(teams) else [])
    words += [f"client group {group.name}" for group in binding.groups.order_by("name")]
    return [*words, *binding.patterns] or ["no client"]
