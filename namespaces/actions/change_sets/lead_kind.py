"""Making a person lead of a team, in change sets: leads approve what affects their team."""

from namespaces.control.gate import check_other
from namespaces.control.kinds import ChangeKind, Draft
from namespaces.control.rules.policy import Need
from namespaces.control.standing import policy_of
from namespaces.models import Change, ControlPolicy, Namespace, NamespaceRole, Role
from namespaces.rules.errors import RuleError
from portal.models import Membership, Team, User
from portal.people.teams import set_lead_in_transaction
from sync import registry

LEAD_KIND = "lead"


def check_lead(actor: User, team: Team, person: User) -> None:
    """Raise NeedsApproval where a namespace in which the team owns something, or has a role, asks for approval of its leads."""
    names = {"team": team.pk, "team_name": team.name, "user": person.pk}
    draft = Draft(
        LEAD_KIND,
        "promote",
        f"{person.username[:70]} of {team.name}",
        team=team,
        before=names | {"is_lead": False},
        values=names | {"is_lead": True},
    )
    for pk in _concerned(team):
        check_other(actor, pk, [Need.POWERFUL_ROLE], draft)


def why_not_joined(team: Team, person: User | None, leads: bool, by: User | None) -> str:
    """Return why a person may not join a team, or lead it, without approval: it would make them Owner, or let them approve.

    "" where they may. A person who is Owner in their own right becomes nothing new. Into a team that approves, administrators add
    people, and leads do not: they would choose who approves.
    """
    if person is not None and person.is_superuser:
        return ""
    roles = NamespaceRole.objects.filter(role=Role.OWNER, namespace__control_policy__enabled=True)
    own = set(roles.filter(user=person).values_list("namespace", flat=True)) if person is not None else set()
    owned = roles.filter(team=team).exclude(namespace__in=own)
    for role in owned.select_related("namespace").order_by("namespace"):
        if policy_of(role.namespace_id).asked([Need.POWERFUL_ROLE]):
            name = role.namespace.name
            return (
                f"Members of {team.name} are Owners of {name}, which needs approval. Make the person Owner there first."
            )
    if by is None or not by.is_superuser:
        named = ControlPolicy.objects.filter(by_team=team, enabled=True).exclude(namespace__in=own)
        for policy in named.select_related("namespace").order_by("namespace"):
            if policy.rules.asked([Need.POWERFUL_ROLE]):
                return f"Members of {team.name} approve changes of {policy.namespace.name}, so only administrators add one."
    if leads and any(policy_of(pk).asked([Need.POWERFUL_ROLE]) for pk in _concerned(team)):
        return f"Leads of {team.name} approve changes, so a new one needs approval. Add a member, then make them lead."
    return ""


def _concerned(team: Team) -> list[int]:
    enabled = set(ControlPolicy.objects.filter(enabled=True).values_list("namespace", flat=True))
    found = set(NamespaceRole.objects.filter(team=team, namespace__in=enabled).values_list("namespace", flat=True))
    for model in registry.models():
        rows = model._default_manager.filter(team=team, **{f"{model.scope_field}__in": enabled})
        found |= set(rows.order_by().values_list(model.scope_field, flat=True).distinct())
    return sorted(found)


def _apply(actor: User, namespace: Namespace, change: Change) -> None:
    held = Membership.objects.filter(team=change.values["team"], user=change.values["user"])
    membership = held.select_related("team", "user").first()
    if membership is None:
        raise RuleError("", "gone", "The person is no longer in this team.")
    if membership.is_lead != change.before["is_lead"]:
        raise RuleError("", "changed-meanwhile", "This was done already.")
    lead = change.values["is_lead"]
    set_lead_in_transaction(actor, team=membership.team, person=membership.user, is_lead=lead)


def _team(namespace: Namespace, change: Change) -> frozenset[int]:
    return frozenset({change.values["team"]})


def _inverse(namespace: Namespace, change: Change) -> Draft:
    operation = "demote" if change.values["is_lead"] else "promote"
    return Draft(LEAD_KIND, operation, change.name, team=change.team, before=change.values, values=change.before)


def _renew(namespace: Namespace, change: Change) -> None:
    """There is nothing to read again: a person leads a team, or does not."""


def _who_leads(change: Change) -> frozenset[int]:
    return frozenset({change.values["user"]} if change.values["is_lead"] else ())


def _elsewhere(namespace: Namespace, change: Change) -> frozenset[int]:
    """Return the other namespaces where the team owns something, or has a role, and that ask for approval of its leads."""
    if not change.values["is_lead"] or change.team is None:
        return frozenset()
    others = (pk for pk in _concerned(change.team) if pk != namespace.pk)
    return frozenset(pk for pk in others if policy_of(pk).asked([Need.POWERFUL_ROLE]))


LEAD = ChangeKind(LEAD_KIND, "team lead", _apply, _team, _inverse, _renew, gains=_who_leads, elsewhere=_elsewhere)
