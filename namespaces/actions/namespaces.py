"""Connect, disconnect and import namespaces. Each is one durable transaction: check, save, record the activity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from certificates.x509.key_masking import masked
from namespaces.access import may_connect, not_an_administrator
from namespaces.actions.change_sets.policy import keep_policy, start_policy
from namespaces.actions.roles import grant_in_transaction
from namespaces.actions.teams import check_verb
from namespaces.importing.runs import queue_again
from namespaces.models import FormerRole, Namespace, NamespaceRole, Role
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import User
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway
from sync.arm.resource_ids import parse_resource_id
from sync.control import HeldBack
from sync.models import forget_scope
from sync.workers.wakeups import send_on_commit

NAMESPACE_TYPE = "microsoft.eventgrid/namespaces"
GONE, NEEDS_APPROVAL = "account disabled", "needs approval"


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
    """Remove a namespace from the portal, not from Azure. Changes that are not synced yet are lost; its approval policy is kept,
    and its roles, which nobody has meanwhile."""
    with transaction.atomic(durable=True):
        check_verb(actor, namespace, Verb.OWN)
        _record_namespace(actor, namespace, verb="Disconnect namespace", before={"resource_id": namespace.resource_id})
        keep_policy(namespace)
        keep_roles(namespace)
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


# Roles of a namespace that was connected before


@dataclass(frozen=True)
class GivenBack:
    """How many roles were given back, and those that were not, each with its holder and why."""

    count: int
    left: Sequence[str]

    @property
    def sentence(self) -> str:
        if not self.count and not self.left:
            return "The portal knows of no roles from before."
        left = f" Not given back: {'; '.join(self.left)}." if self.left else ""
        return f"{self.count} role{'' if self.count == 1 else 's'} from before given back.{left}"


def keep_roles(namespace: Namespace) -> None:
    """Keep the roles of a namespace that is being disconnected, inside that transaction."""
    FormerRole.objects.filter(resource_key=namespace.resource_key).delete()
    held = NamespaceRole.objects.filter(namespace=namespace).order_by("pk")
    FormerRole.objects.bulk_create(
        [
            FormerRole(resource_key=namespace.resource_key, role=each.role, user_id=each.user_id, team_id=each.team_id)
            for each in held
        ]
    )


def give_roles_back(actor: User, *, namespace: Namespace) -> GivenBack:
    """Give the roles from before to people whose account is active and to teams that still exist, as the actor. Raise RuleError.

    Each is given like any other role: Owner is left out where the policy asks for the approval of that.
    """
    count, left = 0, []
    with transaction.atomic(durable=True):
        check_verb(actor, namespace, Verb.OWN)
        former = FormerRole.objects.filter(resource_key=namespace.resource_key).exclude(user=actor.pk)
        for each in former.select_related("user", "team").order_by("pk"):
            role, holder = Role(each.role), each.user.display_name if each.user else str(each.team)
            if each.user is not None and not each.user.is_active:
                left.append(f"{holder}, {role.label} ({GONE})")
                continue
            try:
                grant_in_transaction(actor, namespace=namespace, role=role, user=each.user, team=each.team)
            except HeldBack:  # before anything was written
                left.append(f"{holder}, {role.label} ({NEEDS_APPROVAL})")
            except RuleError as refusal:
                left.append(f"{holder}, {role.label} ({refusal.sentence})")
            else:
                count += 1
        FormerRole.objects.filter(resource_key=namespace.resource_key).delete()
    return GivenBack(count, left)
