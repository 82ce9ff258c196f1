"""Kinds of change of synced rows: what all of them share, and those of the models of this app."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from namespaces.actions.clients import change_authentication_name, create_client, delete_client, update_client
from namespaces.actions.configuration import update_configuration
from namespaces.control.former_thumbprints import had_thumbprint_match
from namespaces.control.kinds import Draft, Routine, RowKind
from namespaces.control.reach import NO_TEAM
from namespaces.control.rules.policy import Need
from namespaces.models import Change, Client, Namespace, NamespaceConfiguration
from namespaces.models.configuration import webhook_values
from namespaces.rules.clients import THUMBPRINT_SCHEME
from namespaces.rules.configuration import NO_WEBHOOK, Webhook
from namespaces.rules.errors import RuleError
from portal.models import Team, User
from sync import registry
from sync.control import Intention, Operation
from sync.drift import resolutions
from sync.models import Finding, SyncedModel


@dataclass(frozen=True)
class RowActions:
    """The actions of one model: they check and save for every caller."""

    create: Callable[[User, Namespace, Team | None, Mapping[str, Any]], SyncedModel]
    update: Callable[
        [User, Any, Mapping[str, Any], str], SyncedModel
    ]  # the actor, the row, the values, the edition shown
    delete: Callable[[User, Any, str], object]


def row_kind(
    code: str,
    model: type[SyncedModel],
    actions: RowActions,
    *,
    needs: Callable[[Intention], frozenset[Need]],
    values: Callable[[Any], Mapping[str, Any]],
    affected: Callable[[Namespace, Change], frozenset[int]] | None = None,
    is_routine: Routine = lambda change: False,
) -> RowKind:
    """Return the kind of changes of one model."""

    def apply(actor: User, namespace: Namespace, change: Change) -> SyncedModel | None:
        if change.operation in (Operation.ADOPT, Operation.TAKE):
            return _take(actor, change)
        if change.operation == Operation.CREATE:
            return actions.create(actor, namespace, _team(change.values), change.values)
        row: SyncedModel = row_named(model, namespace, change.name)
        if change.operation == Operation.DELETE:
            actions.delete(actor, row, change.edition)
            row.refresh_from_db()
            return row
        return actions.update(actor, row, change.values, change.edition)

    def renew(namespace: Namespace, change: Change) -> None:
        _renew(namespace, change, model, values)

    def inverse(namespace: Namespace, change: Change) -> Draft | None:
        return _inverse(namespace, change, code, model, values)

    return RowKind(
        code=code,
        label=str(model._meta.verbose_name),
        apply=apply,
        affected=affected or _own_team,
        inverse=inverse,
        renew=renew,
        model=model,
        needs=needs,
        values=values,
        is_routine=is_routine,
    )


def row_named(model: type[SyncedModel], namespace: Namespace, name: str) -> Any:
    """Return the row of this name. Raise RuleError where there is none."""
    rows: Any = model._default_manager
    row = rows.present().filter(namespace=namespace).named(name).select_related("namespace", "team").first()
    if row is None:
        raise RuleError("", "gone", "It has been deleted.")
    return row


def _team(values: Mapping[str, Any]) -> Team | None:
    pk = values.get("team")
    if pk is None:
        return None
    team = Team.objects.filter(pk=pk).first()
    if team is None:
        raise RuleError("team", "team-gone", "Its team has been deleted.")
    return team


def _take(actor: User, change: Change) -> SyncedModel | None:
    """Adopt, or take Azure's, as it was shown."""
    finding = Finding.objects.filter(pk=change.values["finding"]).first()
    if finding is None or finding.as_shown != change.values["shown"]:
        raise RuleError("", "azure-changed", "What Azure holds has changed since this was requested.")
    if change.operation == Operation.ADOPT:
        return resolutions.adopt(actor, finding=finding)
    resolutions.take_azures(actor, finding=finding, fields=change.values["fields"])
    model = registry.model_for(finding.kind)
    row: SyncedModel | None = model._default_manager.filter(pk=finding.object_pk or 0).first()
    return row


def _own_team(namespace: Namespace, change: Change) -> frozenset[int]:
    """Return the team of the row that is changed."""
    held = (change.values or change.before or {}).get("team")
    return frozenset({held or NO_TEAM})


def _renew(
    namespace: Namespace, change: Change, model: type[SyncedModel], values: Callable[[Any], Mapping[str, Any]]
) -> None:
    """Read again what the change starts from: what was not changed by the request follows the row."""
    if change.operation in (Operation.CREATE, Operation.ADOPT, Operation.TAKE):
        return
    row = row_named(model, namespace, change.name)
    now = dict(values(row)) | {"team": row.team_id}
    change.edition, change.team = row.edition, row.team
    if change.operation == Operation.DELETE:
        change.before = now
        return
    wanted, before = change.values, change.before or {}
    kept = {key: value for key, value in wanted.items() if key in before and before[key] != value}
    change.values, change.before = now | kept, {key: now[key] for key in before if key in now}


def _inverse(
    namespace: Namespace,
    change: Change,
    code: str,
    model: type[SyncedModel],
    values: Callable[[Any], Mapping[str, Any]],
) -> Draft | None:
    if change.operation == Operation.DELETE:
        return Draft(code, "create", change.name, team=change.team, values=change.before)
    rows: Any = model._default_manager
    row = rows.present().filter(namespace=namespace, pk=change.object_pk or 0).first()
    if row is None:
        return None  # it is gone already
    now = dict(values(row)) | {"team": row.team_id}
    if change.operation in (Operation.CREATE, Operation.ADOPT):
        return Draft(code, "delete", row.name, edition=row.edition, team=row.team, before=now)
    before = {key: now[key] for key in change.before or {} if key in now}
    return Draft(
        code,
        "update",
        row.name,
        edition=row.edition,
        team=row.team,
        before=before,
        values=now | {key: value for key, value in (change.before or {}).items() if key in now},
    )


# Clients


def _client_needs(intention: Intention) -> frozenset[Need]:
    row: Any = intention.row
    needs = {
        Operation.CREATE: Need.CLIENT_CREATE,
        Operation.DELETE: Need.CLIENT_DELETE,
    }.get(intention.operation, Need.CLIENT_CHANGE)
    found = {needs}
    before = intention.before
    if before is None and row.pk is not None and intention.operation is Operation.CREATE:
        before = Client.objects.get(pk=row.pk).describe()  # one that waits for its deletion is wanted again
    was = (before or {}).get("validation_scheme")
    if before is None and row.validation_scheme != THUMBPRINT_SCHEME and had_thumbprint_match(row):
        was = THUMBPRINT_SCHEME
    if intention.operation is not Operation.DELETE and was == THUMBPRINT_SCHEME != row.validation_scheme:
        found.add(Need.LEAVE_THUMBPRINT)
    return frozenset(found)


_CLIENT_SETTINGS = ("validation_scheme", "thumbprints", "state", "description", "attributes")


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in _CLIENT_SETTINGS}


def _create_client(actor: User, namespace: Namespace, team: Team | None, values: Mapping[str, Any]) -> SyncedModel:
    names = {name: values[name] for name in ("name", "authentication_name")}
    return create_client(actor, namespace=namespace, team=team, **names, **_settings(values))


def _update_client(actor: User, row: Client, values: Mapping[str, Any], edition: str) -> SyncedModel:
    if values["authentication_name"] != row.authentication_name:
        name = values["authentication_name"]
        row = change_authentication_name(actor, client=row, authentication_name=name, opened=edition)
        edition = row.edition
    return update_client(actor, client=row, **_settings(values), opened=edition)


def _delete_client(actor: User, row: Client, edition: str) -> None:
    delete_client(actor, client=row, opened=edition)


def _is_everyday(change: Change) -> bool:
    """Return whether a change of a client is not one that takes it off Thumbprint Match."""
    was, wanted = ((held or {}).get("validation_scheme") for held in (change.before, change.values))
    return not (was == THUMBPRINT_SCHEME and wanted not in (None, THUMBPRINT_SCHEME))


CLIENT = row_kind(
    "client",
    Client,
    RowActions(_create_client, _update_client, _delete_client),
    needs=_client_needs,
    values=lambda row: row.describe(),
    is_routine=_is_everyday,
)


# The configuration


def _configuration_needs(intention: Intention) -> frozenset[Need]:
    row: Any = intention.row
    before = intention.before or {}
    needs = set()
    if list(before.get("sources", ())) != list(row.sources):
        needs.add(Need.NAME_SOURCES)
    if any(before.get(key, "") != value for key, value in webhook_values(row.webhook).items()):
        needs.add(Need.DECISION_MODE)
    return frozenset(needs)


def _no_such(*_: object) -> SyncedModel:
    raise RuleError("", "impossible", "The configuration of a namespace is neither created nor deleted.")


def _update_configuration(
    actor: User, row: NamespaceConfiguration, values: Mapping[str, Any], edition: str
) -> SyncedModel:
    names = ("state", "sources", "max_sessions", "max_expiry_hours")
    wanted = {name: values[name] for name in names}
    # Change sets from before there were webhooks do not name one.
    webhook = Webhook(*(values[key] for key in webhook_values(NO_WEBHOOK))) if "webhook_url" in values else None
    return update_configuration(actor, configuration=row, **wanted, webhook=webhook, opened=edition)


def _every_team(namespace: Namespace, change: Change) -> frozenset[int]:
    """Return the teams with clients: where names are read from counts for all of them."""
    teams = Client.objects.present().filter(namespace=namespace).order_by().values_list("team", flat=True).distinct()
    return frozenset(team or NO_TEAM for team in teams)


CONFIGURATION = row_kind(
    "configuration",
    NamespaceConfiguration,
    RowActions(_no_such, _update_configuration, _no_such),
    needs=_configuration_needs,
    values=lambda row: row.describe(),
    affected=_every_team,
)
