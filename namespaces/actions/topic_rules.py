"""Changes of client groups, topic spaces and permission bindings. Each is one durable transaction: check, save, log, hint.

A group or space is deleted together with the bindings that use it, if the user has been shown all of them.
"""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction

from namespaces.actions.resources import commit, commit_if_changed, current, delete, row_for_new
from namespaces.actions.teams import check_change
from namespaces.authorization.topic_access import EVERYONE
from namespaces.models import ClientGroup, Namespace, PermissionBinding, TopicRule, TopicSpace
from namespaces.rules.clients import check_description, check_resource_name
from namespaces.rules.errors import RuleError
from namespaces.rules.topic_rules import check_permission, check_query, check_templates
from portal.models import Team, User

Rule = TypeVar("Rule", bound=TopicRule)


def most_of(model: type[TopicRule]) -> int:
    """Return how many of a type Azure allows in one namespace."""
    limits = {
        ClientGroup: settings.MAX_CLIENT_GROUPS,
        TopicSpace: settings.MAX_TOPIC_SPACES,
        PermissionBinding: settings.MAX_PERMISSION_BINDINGS,
    }
    return int(limits[model])


def create_client_group(
    actor: User, *, namespace: Namespace, team: Team | None, name: str, query: str, description: str = ""
) -> ClientGroup:
    """Create a client group. A name that waits for deletion is reused. Raise RuleError."""
    with transaction.atomic(durable=True):
        group = _new_row(actor, ClientGroup, namespace, name, team)
        _set_group(group, query, description)
        commit(actor, group, "Create client group", None)
    return group


def update_client_group(
    actor: User, *, group: ClientGroup, query: str, description: str, opened: str = ""
) -> ClientGroup:
    """Change the query of a client group. Do nothing when it is unchanged. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = current(actor, group, opened)
        before = row.describe()
        _set_group(row, query, description)
        commit_if_changed(actor, row, "Update client group", before)
    return row


def _set_group(group: ClientGroup, query: str, description: str) -> None:
    check_query(query)
    check_description(description)
    group.query, group.description, group.rule_notes = query.strip(), description, []


def create_topic_space(
    actor: User,
    *,
    namespace: Namespace,
    team: Team | None,
    name: str,
    templates: Sequence[str],
    description: str = "",
) -> TopicSpace:
    """Create a topic space. A name that waits for deletion is reused. Raise RuleError."""
    with transaction.atomic(durable=True):
        space = _new_row(actor, TopicSpace, namespace, name, team)
        _set_space(space, templates, description)
        commit(actor, space, "Create topic space", None)
    return space


def update_topic_space(
    actor: User, *, space: TopicSpace, templates: Sequence[str], description: str, opened: str = ""
) -> TopicSpace:
    """Change the topics of a space. Do nothing when it is unchanged. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = current(actor, space, opened)
        before = row.describe()
        _set_space(row, templates, description)
        commit_if_changed(actor, row, "Update topic space", before)
    return row


def _set_space(space: TopicSpace, templates: Sequence[str], description: str) -> None:
    check_templates(templates)
    check_description(description)
    space.templates, space.description, space.rule_notes = list(templates), description, []


def create_permission_binding(
    actor: User,
    *,
    namespace: Namespace,
    team: Team | None,
    name: str,
    client_group_name: str,
    topic_space_name: str,
    permission: str,
    description: str = "",
) -> PermissionBinding:
    """Let a group publish or subscribe in a space. It waits in the queue until both are in Azure. Raise RuleError."""
    with transaction.atomic(durable=True):
        binding = _new_row(actor, PermissionBinding, namespace, name, team)
        _set_binding(binding, client_group_name, topic_space_name, permission, description)
        commit(actor, binding, "Create permission binding", None)
    return binding


def update_permission_binding(
    actor: User,
    *,
    binding: PermissionBinding,
    client_group_name: str,
    topic_space_name: str,
    permission: str,
    description: str,
    opened: str = "",
) -> PermissionBinding:
    """Change a permission binding. Do nothing when it is unchanged. Raise RuleError."""
    with transaction.atomic(durable=True):
        row = current(actor, binding, opened)
        before = row.describe()
        _set_binding(row, client_group_name, topic_space_name, permission, description)
        commit_if_changed(actor, row, "Update permission binding", before)
    return row


def _set_binding(binding: PermissionBinding, group: str, space: str, permission: str, description: str) -> None:
    check_permission(permission)
    check_description(description)
    if group.lower() == EVERYONE:
        group = EVERYONE
    else:
        group = _referred_to(ClientGroup, binding.namespace_id, group, "client_group_name").name
    binding.client_group_name = group
    binding.topic_space_name = _referred_to(TopicSpace, binding.namespace_id, space, "topic_space_name").name
    binding.permission, binding.description, binding.rule_notes = permission, description, []


def _referred_to(model: type[Rule], namespace_pk: int, name: str, field: str) -> Rule:
    """The group or space that a binding names, locked, so that a concurrent deletion waits and then finds the binding."""
    rows: Any = model._default_manager
    found: Rule | None = rows.present().named(name).filter(namespace=namespace_pk).select_for_update().first()
    if found is None:
        noun = model._meta.verbose_name
        raise RuleError(field, "unknown", f"There is no {noun} “{name}” in this namespace. Choose one of the list.")
    return found


def delete_topic_rule(actor: User, *, row: TopicRule, with_bindings: Collection[str] = (), opened: str = "") -> None:
    """Mark a group, space or binding as deleted, with the bindings that use it. The rows stay until Azure confirms.

    `with_bindings`: names of the bindings that the actor was shown. Raise RuleError when others use it by now.
    """
    with transaction.atomic(durable=True):
        locked = current(actor, row, opened)
        bindings = list(locked.bindings().present().select_for_update(of=("self",)).select_related("namespace", "team"))
        for binding in bindings:
            check_change(actor, binding)
        unseen = {binding.name for binding in bindings} - set(with_bindings)
        if unseen:
            names = ", ".join(sorted(unseen))
            raise RuleError("", "bound-meanwhile", f"“{row.name}” is also used by {names}. Look again, then delete it.")
        for each in [*bindings, locked]:
            delete(actor, each, f"Delete {each._meta.verbose_name}")


def _new_row(actor: User, model: type[Rule], namespace: Namespace, name: str, team: Team | None) -> Rule:
    check_resource_name(name)
    row = row_for_new(actor, model, namespace, name, team, limit=most_of(model))
    row.name = name
    return row
