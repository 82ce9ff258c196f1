"""Connect, disconnect and import namespaces. Each is one durable transaction: check, save, record the activity."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from certificates.x509.key_masking import masked
from namespaces.access import may_connect, not_an_administrator
from namespaces.actions.change_sets.policy import keep_policy, start_policy
from namespaces.actions.teams import check_verb
from namespaces.importing.runs import queue_again
from namespaces.models import Namespace, NamespaceRole, Role
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway
from sync.arm.resource_ids import parse_resource_id
from sync.models import forget_scope
from sync.workers.wakeups import send_on_commit

NAMESPACE_TYPE = "microsoft.eventgrid/namespaces"


def connect_namespace(actor: User, *, resource_id: str, needs_approval: bool = True) -> Namespace:
    """Connect a namespace that exists in Azure. A task imports its certificates and clients.

    `needs_approval`: whether its policy asks for a second person from the start. Without, an Owner switches that on.

    Raise RuleError when the id is malformed, unknown to Azure or connected already, PermissionDenied when the actor
    may not connect namespaces.
    """
    if not may_connect(actor):
        raise not_an_administrator()
    resource = _read_namespace(resource_id)
    with transaction.atomic(durable=True):
        current = User.objects.select_for_update(no_key=True).filter(pk=actor.pk, is_active=True).first()
        if current is None or not may_connect(current):  # as of now: Azure may have taken long to answer
            raise not_an_administrator()
        key = str(resource["id"]).lower()
        if Namespace.objects.filter(resource_key=key).exists():
            raise RuleError("resource_id", "connected", f"{resource['name']} is already connected.")
        namespace = Namespace(resource_key=key, connected_at=timezone.now(), connected_by=actor)
        namespace.adopt(resource)
        namespace.save()
        NamespaceRole.objects.create(namespace=namespace, user=actor, role=Role.OWNER, since=namespace.connected_at)
        start_policy(namespace, needs_approval=needs_approval)
        _record_namespace(actor, namespace, verb="Connect namespace", after={"resource_id": namespace.resource_id})
        send_on_commit("namespaces.tasks.import_namespace", namespace.pk)
    return namespace


def _read_namespace(resource_id: str) -> Mapping[str, Any]:
    resource_id = resource_id.strip()
    example = "/subscriptions/…/resourceGroups/…/providers/Microsoft.EventGrid/namespaces/NAME"
    try:
        parsed = parse_resource_id(resource_id)
    except ValueError:
        raise RuleError("resource_id", "malformed", f"That is not a resource id. It looks like {example}.") from None
    if parsed.type.lower() != NAMESPACE_TYPE:
        raise RuleError(
            "resource_id", "not-a-namespace", f"That is not an Event Grid namespace. Its id looks like {example}."
        )
    try:
        found = arm_gateway().get(resource_id)
    except AzureRefused as refusal:
        if refusal.status == 404:
            raise RuleError(
                "resource_id", "not-found", "Azure has no such namespace, or the portal's credential cannot see it."
            ) from None
        raise RuleError("resource_id", "refused", f"Azure refused to show it: {refusal.message}") from None
    except AzureUnreachable as outage:
        raise RuleError(
            "resource_id", "unreachable", f"Azure cannot be reached now ({outage.reason}). Try again."
        ) from None
    without_keys: Mapping[str, Any] = masked(found)
    return without_keys


def disconnect_namespace(actor: User, *, namespace: Namespace) -> None:
    """Remove a namespace from the portal, not from Azure. Changes that are not synced yet are lost; its approval policy is kept."""
    with transaction.atomic(durable=True):
        check_verb(actor, namespace, Verb.OWN)
        _record_namespace(actor, namespace, verb="Disconnect namespace", before={"resource_id": namespace.resource_id})
        keep_policy(namespace)
        forget_scope(namespace.pk)
        namespace.delete()


def retry_import(actor: User, *, namespace: Namespace) -> bool:
    """Try a failed import again now. Return False when the import has not failed."""
    with transaction.atomic(durable=True):
        check_verb(actor, namespace, Verb.CONTRIBUTE)
        queued = queue_again(namespace)
        if queued:
            _record_namespace(actor, namespace, verb="Retry import")
            send_on_commit("namespaces.tasks.import_namespace", namespace.pk)
    return queued


def _record_namespace(
    actor: User,
    namespace: Namespace,
    *,
    verb: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    activity.record(
        actor,
        verb=verb,
        kind="namespaces.namespace",
        object_pk=namespace.pk,
        object_name=namespace.name,
        scope=namespace.pk,
        scope_name=namespace.name,
        before=before,
        after=after,
    )
