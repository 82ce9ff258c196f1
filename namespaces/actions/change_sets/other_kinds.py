"""Kinds of change that are sent nowhere: whose a row is, roles, and the policy itself."""

from typing import Any

from namespaces.actions.change_sets.policy import KIND as POLICY_KIND
from namespaces.actions.change_sets.policy import NAME as POLICY_NAME
from namespaces.actions.change_sets.policy import described, policy_from, set_policy
from namespaces.actions.change_sets.row_kinds import row_named
from namespaces.actions.configuration import POSSESSION_KIND, set_possession
from namespaces.actions.ownership import assign_team, team_kind
from namespaces.actions.roles import ROLE_KIND, grant_role, revoke_role
from namespaces.control.kinds import ChangeKind, Draft, RowKind
from namespaces.control.reach import NO_TEAM
from namespaces.models import Change, ControlPolicy, Namespace, NamespaceRole, Possession, Role
from namespaces.rights import MANAGED, STRONGEST_FIRST
from namespaces.rules.errors import RuleError
from portal.models import Membership, Team, User


def team_change_of(kind: RowKind) -> ChangeKind:
    """Return the kind of a change of the team of a row."""
    model = kind.model

    def apply(actor: User, namespace: Namespace, change: Change) -> None:
        row = row_named(model, namespace, change.name)
        if row.team_id != change.before["team"]:
            raise RuleError("", "changed-meanwhile", "It belongs to another team by now.")
        assign_team(actor, row=row, team=_team(change.values["team"]))

    def affected(namespace: Namespace, change: Change) -> frozenset[int]:
        return frozenset({change.before["team"] or NO_TEAM, change.values["team"] or NO_TEAM})

    def inverse(namespace: Namespace, change: Change) -> Draft:
        return Draft(change.kind, "assign", change.name, team=change.team, before=change.values, values=change.before)

    def renew(namespace: Namespace, change: Change) -> None:
        row = row_named(model, namespace, change.name)
        change.team, change.before = row.team, {"team": row.team_id, "team_name": row.team.name if row.team else ""}

    return ChangeKind(team_kind(kind.code), f"team of {kind.label}", apply, affected, inverse, renew)


def _team(pk: int | None) -> Team | None:
    if pk is None:
        return None
    team = Team.objects.filter(pk=pk).first()
    if team is None:
        raise RuleError("team", "team-gone", "The team has been deleted.")
    return team


# Roles


def _apply_role(actor: User, namespace: Namespace, change: Change) -> None:
    holder = {"user": change.values["user"], "team": change.values["team"]}
    held = NamespaceRole.objects.filter(namespace=namespace, **{f"{name}_id": pk for name, pk in holder.items()})
    if change.operation == "revoke":
        role = held.select_related("namespace", "user", "team").filter(role=change.values["role"]).first()
        if role is None:
            raise RuleError("", "gone", "The role was taken away already.")
        revoke_role(actor, role=role)
        return
    if sorted(held.values_list("role", flat=True)) != change.before["roles"]:
        raise RuleError("", "changed-meanwhile", "The roles of this holder were changed since.")
    user = User.objects.filter(pk=holder["user"], is_active=True).first() if holder["user"] else None
    team = _team(holder["team"])
    if user is None and team is None:
        raise RuleError("", "gone", "The account has been disabled.")
    grant_role(actor, namespace=namespace, role=Role(change.values["role"]), user=user, team=team)


def _nobody(namespace: Namespace, change: Change) -> frozenset[int]:
    return frozenset()


def _inverse_role(namespace: Namespace, change: Change) -> Draft:
    holder: dict[str, Any] = {name: change.values[name] for name in ("user", "team")}
    if change.operation == "revoke":
        return Draft(ROLE_KIND, "grant", change.name, before=holder | {"roles": []}, values=change.values)
    given = Role(change.values["role"])
    held = [Role(each) for each in change.before["roles"]]
    replaced = [each for each in held if given not in MANAGED or each not in MANAGED]
    now = holder | {"roles": sorted([given.value, *(each.value for each in held if each not in replaced)])}
    if not replaced:
        return Draft(ROLE_KIND, "revoke", change.name, before=now, values=change.values)
    former = min(replaced, key=STRONGEST_FIRST.index)
    name = f"{change.name.rpartition(': ')[0]}: {former.label}"
    return Draft(ROLE_KIND, "grant", name, before=now, values=holder | {"role": former.value})


def _renew_role(namespace: Namespace, change: Change) -> None:
    holder = {f"{name}_id": change.values[name] for name in ("user", "team")}
    held = NamespaceRole.objects.filter(namespace=namespace, **holder)
    change.before = (change.before or {}) | {"roles": sorted(held.values_list("role", flat=True))}


def _who_gets_role(change: Change) -> frozenset[int]:
    if change.operation != "grant":
        return frozenset()
    if change.values["user"] is not None:
        return frozenset({change.values["user"]})
    return frozenset(Membership.objects.filter(team=change.values["team"]).values_list("user", flat=True))


ROLE = ChangeKind(ROLE_KIND, "role", _apply_role, _nobody, _inverse_role, _renew_role, gains=_who_gets_role)


# The policy


def _apply_policy(actor: User, namespace: Namespace, change: Change) -> None:
    set_policy(actor, namespace=namespace, policy=policy_from(change.values), opened=change.edition)


def _policy_now(namespace: Namespace) -> ControlPolicy:
    return ControlPolicy.objects.filter(namespace=namespace).first() or ControlPolicy(namespace=namespace, edition=0)


def _inverse_policy(namespace: Namespace, change: Change) -> Draft:
    row = _policy_now(namespace)
    return Draft(
        POLICY_KIND,
        "update",
        POLICY_NAME,
        edition=str(row.edition),
        before=described(row.rules),
        values=change.before,
    )


def _renew_policy(namespace: Namespace, change: Change) -> None:
    row = _policy_now(namespace)
    change.edition, change.before = str(row.edition), described(row.rules)


POLICY = ChangeKind(POLICY_KIND, "policy", _apply_policy, _nobody, _inverse_policy, _renew_policy)


# Proof of possession


def _apply_possession(actor: User, namespace: Namespace, change: Change) -> None:
    now = Namespace.objects.values_list("possession", flat=True).get(pk=namespace.pk)
    if now != change.before["possession"]:
        raise RuleError("", "changed-meanwhile", "The setting was changed since.")
    set_possession(actor, namespace=namespace, possession=Possession(change.values["possession"]))


def _inverse_possession(namespace: Namespace, change: Change) -> Draft:
    return Draft(POSSESSION_KIND, "update", change.name, before=change.values, values=change.before)


def _renew_possession(namespace: Namespace, change: Change) -> None:
    change.before = {"possession": Namespace.objects.values_list("possession", flat=True).get(pk=namespace.pk)}


POSSESSION = ChangeKind(POSSESSION_KIND, "setting", _apply_possession, _nobody, _inverse_possession, _renew_possession)
