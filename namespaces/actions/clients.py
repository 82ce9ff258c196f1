"""Changes of clients. Each is one durable transaction: check, save, record the activity, wake a worker."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from certificates.authentication.engine import authentication_name_key
from namespaces.actions.resources import commit, commit_if_changed, current, delete, row_for_new
from namespaces.connections.client_certificates import note_latest
from namespaces.connections.issuers import forget_issuers
from namespaces.models import Client, Namespace
from namespaces.rights import rights_now
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
from sync.control import one_transaction
from sync.models import Sight


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
    with one_transaction():
        client = row_for_new(actor, Client, namespace, name, team, limit=settings.MAX_CLIENTS)
        _check_authentication_name_is_free(actor, namespace, authentication_name, client)
        forget_issuers(client)
        client.name = name
        client.set_authentication_name(authentication_name)
        _set_editable(client, validation_scheme, thumbprints, state, description, attributes or {})
        commit(actor, client, "Create client", None)
        note_latest(namespace.pk, {name})
    return client


def _check_authentication_name_is_free(
    actor: User, namespace: Namespace, authentication_name: str, client: Client
) -> None:
    holder = (
        Client.objects.filter(namespace=namespace, authentication_key=authentication_name_key(authentication_name))
        .exclude(pk=client.pk)
        .first()
    )
    if holder is None:
        return
    sight = rights_now(actor, namespace.pk).sight(namespace.pk)
    if holder.deleted_at is not None:
        raise RuleError(
            "authentication_name",
            "being-deleted",
            f"{called(holder, sight)} has this authentication name and is still being deleted. Wait, then save again.",
        )
    raise RuleError("authentication_name", "taken", authentication_name_taken(holder, sight))


def called(client: Client, sight: Sight) -> str:
    """Return a client as the subject of a sentence, without its name where it is hidden."""
    return "A client of another team" if sight.hides(client) else f"Client “{client.name}”"


def authentication_name_taken(holder: Client, sight: Sight) -> str:
    """Return the sentence for an authentication name that another client has."""
    return f"{called(holder, sight)} already has this authentication name. Names must differ in more than case."


def update_client(
    actor: User,
    *,
    client: Client,
    validation_scheme: str,
    thumbprints: Sequence[str] = (),
    state: str,
    description: str,
    attributes: Mapping[str, Any],
    opened: str = "",
) -> Client:
    """Change the settings of a client. Do nothing when they are unchanged. Raise RuleError."""
    with one_transaction():
        row = current(actor, client, opened)
        before = row.describe()
        _set_editable(row, validation_scheme, thumbprints, state, description, attributes)
        commit_if_changed(actor, row, "Update client", before)
    return row


def change_authentication_name(actor: User, *, client: Client, authentication_name: str, opened: str = "") -> Client:
    """Change the authentication name. Azure cannot, so the worker deletes the client and creates it again."""
    check_authentication_name(authentication_name)
    with one_transaction():
        row = current(actor, client, opened)
        before = row.describe()
        if row.authentication_name == authentication_name:
            return row
        _check_authentication_name_is_free(actor, row.namespace, authentication_name, row)
        row.set_authentication_name(authentication_name)
        commit(actor, row, "Change authentication name", before)
    return row


def delete_client(actor: User, *, client: Client, opened: str = "") -> None:
    """Mark a client as deleted. The row stays until Azure confirms."""
    with one_transaction():
        delete(actor, current(actor, client, opened), "Delete client")


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
