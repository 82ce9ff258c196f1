"""Changes of clients. Each is one durable transaction: check, save, record the activity, wake a worker."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from certificates.authentication.engine import authentication_name_key
from namespaces.actions.teams import check_team
from namespaces.models import Client, Namespace
from namespaces.rules.clients import (
    check_attributes,
    check_authentication_name,
    check_client_name,
    check_description,
    check_scheme,
    check_state,
    parse_thumbprints,
)
from namespaces.rules.errors import RuleError
from portal.models import Team, User
from sync.actions import commit_change, mark_deleted


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
