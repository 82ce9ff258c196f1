"""Changes of namespaces and clients. Each is one durable transaction: check, save, log, hint."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from certificates.authentication.engine import authentication_name_key
from namespaces.access import may_connect, not_an_administrator, teams_of
from namespaces.importing.runs import queue_again
from namespaces.models import Client, Namespace, NamespaceRole, Role
from namespaces.rules.clients import (
    RuleError,
    check_attributes,
    check_authentication_name,
    check_client_name,
    check_description,
    check_scheme,
    check_state,
    parse_thumbprints,
)
from portal import activity
from portal.models import Team, User
from sync.actions import commit_change, mark_deleted
from sync.arm.gateway import AzureRefused, AzureUnreachable, arm_gateway
from sync.arm.resource_ids import parse_resource_id
from sync.models import forget_scope
from sync.workers.wakeups import send_on_commit

NAMESPACE_TYPE = "microsoft.eventgrid/namespaces"


def check_team(actor: User, team: Team | None) -> None:
    """Raise RuleError unless the actor may create resources for `team`."""
    if team is not None and not teams_of(actor).filter(pk=team.pk).exists():
        raise RuleError("team", "not-your-team", f"You are not a member of team {team.name}. Choose one of your teams.")


def connect_namespace(actor: User, *, resource_id: str) -> Namespace:
    """Connect a namespace that exists in Azure. A task imports its certificates and clients.

    Raise RuleError when the id is malformed, unknown to Azure or connected already, PermissionDenied when the actor
    may not connect namespaces.
    """
    if not may_connect(actor):
        raise not_an_administrator()
    resource = _read_namespace(resource_id)
    with transaction.atomic(durable=True):
        key = str(resource["id"]).lower()
        if Namespace.objects.filter(resource_key=key).exists():
            raise RuleError("resource_id", "connected", f"{resource['name']} is already connected.")
        namespace = Namespace(resource_key=key, connected_at=timezone.now(), connected_by=actor)
        namespace.adopt(resource)
        namespace.save()
        NamespaceRole.objects.create(namespace=namespace, user=actor, role=Role.OWNER, since=namespace.connected_at)
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
        return arm_gateway().get(resource_id)
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


def disconnect_namespace(actor: User, *, namespace: Namespace) -> None:
    """Remove a namespace from the portal, not from Azure. Changes that are not synced yet are lost."""
    with transaction.atomic(durable=True):
        _record_namespace(actor, namespace, verb="Disconnect namespace", before={"resource_id": namespace.resource_id})
        forget_scope(namespace.pk)
        namespace.delete()


def retry_import(actor: User, *, namespace: Namespace) -> bool:
    """Try a failed import again now. Return False when the import has not failed."""
    with transaction.atomic(durable=True):
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


def create_client(
    actor: User,
    *,
    namespace: Namespace,
    team: Team | None,
    name: str,
    authentication_name: str,
    validation_scheme: str,
    thumbprints: Sequence[str] = (),
    state: str = "Enabled",
    description: str = "",
    attributes: Mapping[str, Any] | None = None,
) -> Client:
    """Register a client. A name that waits for deletion is reused. Raise RuleError."""
    authentication_name = authentication_name or name
    check_client_name(name)
    check_authentication_name(authentication_name)
    check_team(actor, team)
    with transaction.atomic(durable=True):
        client = _row_for_new_client(namespace, name)
        _check_authentication_name_is_free(namespace, authentication_name, client)
        client.name, client.team, client.created_by = name, team, actor
        client.deleted_at = None
        client.set_authentication_name(authentication_name)
        _set_editable(client, validation_scheme, thumbprints, state, description, attributes or {})
        _commit(actor, client, verb="Create client", before=None)
    return client


def _row_for_new_client(namespace: Namespace, name: str) -> Client:
    existing = Client.objects.filter(namespace=namespace).named(name).select_for_update().first()
    if existing is not None and existing.deleted_at is None:
        raise RuleError(
            "name", "taken", f"There is already a client “{existing.name}”. Names must differ in more than case."
        )
    if existing is None and Client.objects.filter(namespace=namespace).count() >= settings.MAX_CLIENTS:
        raise RuleError(
            "",
            "limit",
            f"A namespace holds at most {settings.MAX_CLIENTS} clients, also counting those still being deleted.",
        )
    return existing or Client(namespace=namespace)


def _check_authentication_name_is_free(namespace: Namespace, authentication_name: str, client: Client) -> None:
    holder = (
        Client.objects.filter(namespace=namespace, authentication_key=authentication_name_key(authentication_name))
        .exclude(pk=client.pk)
        .first()
    )
    if holder is None:
        return
    if holder.deleted_at is not None:
        raise RuleError(
            "authentication_name",
            "being-deleted",
            f"Client “{holder.name}” has this authentication name and is still being deleted. Wait, then save again.",
        )
    raise RuleError(
        "authentication_name",
        "taken",
        f"Client “{holder.name}” already has this authentication name. Names must differ in more than case.",
    )


def update_client(
    actor: User,
    *,
    client: Client,
    validation_scheme: str,
    thumbprints: Sequence[str] = (),
    state: str,
    description: str,
    attributes: Mapping[str, Any],
) -> Client:
    """Change the settings of a client. Do nothing when they are unchanged. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = _present_client(client)
        before = row.describe()
        _set_editable(row, validation_scheme, thumbprints, state, description, attributes)
        if row.describe() != before:
            _commit(actor, row, verb="Update client", before=before)
    return row


def change_authentication_name(actor: User, *, client: Client, authentication_name: str) -> Client:
    """Change the authentication name. Azure cannot, so the worker deletes the client and creates it again."""
    check_authentication_name(authentication_name)
    with transaction.atomic(durable=True):
        row = _present_client(client)
        before = row.describe()
        if row.authentication_name == authentication_name:
            return row
        _check_authentication_name_is_free(row.namespace, authentication_name, row)
        row.set_authentication_name(authentication_name)
        _commit(actor, row, verb="Change authentication name", before=before)
    return row


def delete_client(actor: User, *, client: Client) -> None:
    """Mark a client as deleted. The row stays until Azure confirms."""
    with transaction.atomic(durable=True):
        row = _present_client(client)
        mark_deleted(actor, row=row, verb="Delete client", before=row.describe(), scope_name=row.namespace.name)


def _present_client(client: Client) -> Client:
    row: Client | None = (
        Client.objects.select_for_update(of=("self",)).select_related("namespace", "team").filter(pk=client.pk).first()
    )
    if row is None or row.deleted_at is not None:
        raise RuleError("", "gone", f"Client “{client.name}” has been deleted.")
    return row


def _set_editable(
    client: Client,
    validation_scheme: str,
    thumbprints: Sequence[str],
    state: str,
    description: str,
    attributes: Mapping[str, Any],
) -> None:
    check_scheme(validation_scheme)
    check_state(state)
    check_description(description)
    check_attributes(attributes)
    client.thumbprints = parse_thumbprints(thumbprints, validation_scheme)
    client.validation_scheme = validation_scheme
    client.state = state
    client.description = description
    client.attributes = dict(attributes)
    client.rule_notes = []


def _commit(actor: User, client: Client, *, verb: str, before: Mapping[str, Any] | None) -> None:
    commit_change(
        actor, row=client, verb=verb, before=before, after=client.describe(), scope_name=client.namespace.name
    )
