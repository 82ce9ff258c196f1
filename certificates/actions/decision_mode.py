"""Switch a namespace between its two modes: Azure decides about each CONNECT, or this portal does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from namespaces.actions.configuration import update_configuration
from namespaces.actions.decision_points import endpoint_url, principals_in
from namespaces.actions.teams import check_verb
from namespaces.decision_changes import decisions_changed
from namespaces.models import DecisionPoint, Namespace, NamespaceConfiguration, SwitchCheck
from namespaces.rights import Verb
from namespaces.rules.configuration import NO_WEBHOOK, Webhook, check_webhook
from namespaces.rules.errors import RuleError
from portal.models import User
from sync.arm.decision_probe import ProbeStep, has_passed, probe

NO_ADDRESS = "The portal's decision service has no address. An operator sets DECISIONS_URL (docs/portal-decides.md)."


@dataclass(frozen=True)
class Wanted:
    """What Azure's calls will look like. `client_id`: of the application, for tokens of version 2; "" where the audience has it."""

    audience: str
    tenant: str
    identity: str
    user_identity: str = ""
    client_id: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def _webhook(namespace: Namespace, point: DecisionPoint, wanted: Wanted) -> Webhook:
    """Return the setting for Azure. Raise RuleError where it could not work."""
    url = endpoint_url(point)
    if not url:
        raise RuleError("", "no-address", NO_ADDRESS)
    webhook = Webhook(url, wanted.audience, wanted.tenant.lower(), wanted.identity, wanted.user_identity)
    check_webhook(webhook)
    if not principals_in(namespace.resource, webhook):
        sentence = "Azure reports no principal ID for this identity. Give the namespace the identity, then check again."
        raise RuleError("webhook_identity", "no-principal", sentence)
    return webhook


def _endpoint(actor: User, namespace: Namespace, wanted: Wanted) -> DecisionPoint:
    """Return the endpoint, made on first use; it knows the application's client id from now on. Raise RuleError."""
    with transaction.atomic(durable=True):
        check_verb(actor, namespace, Verb.CONTRIBUTE)
        point, _ = DecisionPoint.objects.get_or_create(namespace=namespace)
        if point.client_id != wanted.client_id:
            point.client_id = wanted.client_id
            point.save(update_fields=["client_id"])
            decisions_changed(namespace.pk)
    return point


def probe_endpoint(actor: User, *, namespace: Namespace, wanted: Wanted) -> tuple[ProbeStep, ...]:
    """Check whether the endpoint would answer Azure, with the portal's own identity. Raise RuleError where there is none."""
    point = _endpoint(actor, namespace, wanted)
    webhook = _webhook(namespace, point, wanted)
    return probe(webhook.url, audience=webhook.audience, namespace=namespace.name, now=timezone.now())


def keep_check(
    actor: User,
    *,
    namespace: Namespace,
    wanted: Wanted,
    steps: Sequence[ProbeStep],
    replay: Mapping[str, Any],
    at: datetime,
) -> SwitchCheck:
    """Keep what was found, for the page. The latest check replaces the one before."""
    with transaction.atomic(durable=True):
        check_verb(actor, namespace, Verb.CONTRIBUTE)
        values = {
            "at": at,
            "wanted": wanted.as_dict(),
            "probe": [each.as_dict() for each in steps],
            "replay": dict(replay),
        }
        row, _ = SwitchCheck.objects.update_or_create(namespace=namespace, defaults=values)
    return row


def let_portal_decide(
    actor: User, *, configuration: NamespaceConfiguration, wanted: Wanted, opened: str = ""
) -> NamespaceConfiguration:
    """Want this portal to decide about each CONNECT. The endpoint is checked again now, and has to answer.

    Raise RuleError, and NeedsApproval where the policy asks for approval; the change set then needs no further check.
    """
    namespace = configuration.namespace
    steps = probe_endpoint(actor, namespace=namespace, wanted=wanted)
    if not has_passed(steps):
        failed = next(step for step in steps if not step.passed)
        raise RuleError("", "probe-failed", f"The endpoint does not pass its check “{failed.label}”. {failed.fact}")
    point = DecisionPoint.objects.get(namespace=namespace)
    return _switched(actor, configuration, _webhook(namespace, point, wanted), opened)


def let_azure_decide(actor: User, *, configuration: NamespaceConfiguration, opened: str = "") -> NamespaceConfiguration:
    """Want Azure to decide about each CONNECT by itself. Raise RuleError, and NeedsApproval where the policy asks for it."""
    return _switched(actor, configuration, NO_WEBHOOK, opened)


def _switched(actor: User, row: NamespaceConfiguration, webhook: Webhook, opened: str) -> NamespaceConfiguration:
    return update_configuration(
        actor,
        configuration=row,
        state=row.state,
        sources=row.sources,
        max_sessions=row.max_sessions,
        max_expiry_hours=row.max_expiry_hours,
        webhook=webhook,
        opened=opened,
    )
