"""Changes of clients. Each is one durable transaction: check, save, record the activity, wake a worker."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from certificates.authentication.engine import authentication_name_key
from namespaces.actions.resources import commit, commit_if_changed, current, delete, row_for_new
from namespaces.connections.attempts import has_connection_log
from namespaces.connections.client_certificates import note_latest
from namespaces.connections.issuers import forget_issuers
from namespaces.models import Client, ClientCertificate, Namespace
from namespaces.rights import rights_now
from namespaces.rules.clients import (
    MAX_THUMBPRINTS,
    check_attributes,
    check_authentication_name,
    check_client_name,
    check_description,
    check_renewable,
    check_scheme,
    check_state,
    parse_thumbprints,
)
from namespaces.rules.errors import RuleError
from namespaces.rules.renewal import Renewal, renewal_of
from portal.models import Team, User
from sync.control import in_one_transaction, one_transaction
from sync.models import Sight


def insert_client(
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
    """Register a client inside the caller's transaction. A name that waits for deletion is reused. Raise RuleError."""
    authentication_name = authentication_name or name
    check_client_name(name)
    check_authentication_name(authentication_name)
    client = row_for_new(actor, Client, namespace, name, team, limit=settings.MAX_CLIENTS)
    _check_authentication_name_is_free(actor, namespace, authentication_name, client)
    forget_issuers(client)
    client.name = name
    client.set_authentication_name(authentication_name)
    _set_editable(client, validation_scheme, thumbprints, state, description, attributes or {})
    commit(actor, client, "Create client", None)
    note_latest(namespace.pk, {name})
    return client


create_client = in_one_transaction(insert_client)


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


def renewal_now(client: Client) -> Renewal:
    """Return how far the renewal of a client's certificate is, as the connection log has it."""
    return renewal_of(
        client.thumbprints,
        renewed_to=client.renewed_to,
        began_at=client.renewal_began_at,
        uses=ClientCertificate.objects.last_uses(client),
        has_log=has_connection_log(),
    )


def begin_renewal(actor: User, *, client: Client, thumbprint: str, replaces: str = "", opened: str = "") -> Client:
    """Add the thumbprint of a client's next certificate. Both connect from then on. Raise RuleError.

    `replaces`: which of two thumbprints goes for it; "" where a place is free.
    """
    with one_transaction():
        row = current(actor, client, opened)
        before = row.describe()
        check_renewable(row.validation_scheme)
        kept = [each for each in row.thumbprints if each != replaces]
        if len(kept) == MAX_THUMBPRINTS:
            raise RuleError(
                "replaces", "choose", "Both places are taken. Choose the thumbprint that the new one replaces."
            )
        new = parse_thumbprints([thumbprint], row.validation_scheme)[0]
        if new in row.thumbprints:
            raise RuleError("thumbprint", "same-twice", "The client has this thumbprint already.")
        row.thumbprints = [*kept, new]
        row.renewed_to, row.renewal_began_at, row.rule_notes = new, timezone.now(), []
        commit(actor, row, "Renew certificate", before)
    return row


def end_renewal(actor: User, *, client: Client, remove: str, anyway: bool = False, opened: str = "") -> Client:
    """Remove one of two thumbprints: the old one, or the new one to take the renewal back. Raise RuleError.

    `anyway`: also where it is not known to be safe.
    """
    with one_transaction():
        row = current(actor, client, opened)
        before = row.describe()
        if remove not in row.thumbprints or len(row.thumbprints) < MAX_THUMBPRINTS:
            raise RuleError("", "no-such-thumbprint", "The client has only one thumbprint, or others by now.")
        renewal = renewal_now(row)
        if not anyway and not (renewal.is_safe and remove == renewal.old):
            raise RuleError("anyway", "not-safe", "It is not known to be safe. Confirm that you remove it anyway.")
        row.thumbprints = [each for each in row.thumbprints if each != remove]
        row.renewed_to, row.renewal_began_at, row.rule_notes = "", None, []
        commit(actor, row, "Take renewal back" if remove == renewal.new else "Remove old thumbprint", before)
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
    wanted = parse_thumbprints(thumbprints, validation_scheme)
    if wanted != client.thumbprints:
        client.renewed_to, client.renewal_began_at = "", None
    client.thumbprints = wanted
    client.validation_scheme = validation_scheme
    client.state = state
    client.description = description
    client.attributes = dict(attributes)
    client.rule_notes = []
