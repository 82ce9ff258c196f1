"""Change the policy of a namespace. Loosening it needs approval itself."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from namespaces.actions.change_sets.records import people
from namespaces.actions.teams import check_verb
from namespaces.control.gate import check_other
from namespaces.control.kinds import Draft
from namespaces.control.rules.approvals import Case, Standing, possible_approvers
from namespaces.control.rules.policy import MOST_APPROVALS, Need, Policy
from namespaces.control.standing import standing_now
from namespaces.models import ControlPolicy, FormerPolicy, Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from portal import activity
from portal.models import Team, User
from sync.control import one_transaction

KIND = "policy"
NAME = "approval policy"


def described(policy: Policy) -> dict[str, Any]:
    """Return the policy as JSON under stable keys."""
    return {
        "enabled": policy.enabled,
        "needs": sorted(need.value for need in policy.needs),
        "approvals": policy.approvals,
        "by_owners": policy.by_owners,
        "by_leads": policy.by_leads,
        "by_team": policy.by_team,
        "emergency": policy.emergency,
    }


def policy_from(values: dict[str, Any]) -> Policy:
    """Return the policy that `described` described."""
    return Policy(**{**values, "needs": frozenset(Need(code) for code in values["needs"])})


def set_policy(actor: User, *, namespace: Namespace, policy: Policy, opened: str = "") -> ControlPolicy:
    """Change the policy. Raise NeedsApproval where the one in force asks for approval of a looser one, RuleError.

    `opened`: the edition that the actor was shown; "" does not compare.
    """
    _check(policy)
    with one_transaction():
        row, before = _locked_policy(namespace)
        check_verb(actor, namespace, Verb.OWN)
        if opened and opened != str(row.edition):
            raise RuleError("", "changed-meanwhile", "The policy was changed after this page was opened.")
        if policy == before and row.edition:
            return row
        _check_ways_out(actor, namespace, policy)
        if policy.is_looser_than(before):
            _check_loosening(actor, namespace, row, before, policy)
        _write(row, policy)
        _record(actor, namespace, before, policy)
    return row


def _check_loosening(actor: User, namespace: Namespace, row: ControlPolicy, before: Policy, policy: Policy) -> None:
    draft = Draft(KIND, "update", NAME, edition=str(row.edition), before=described(before), values=described(policy))
    check_other(actor, namespace.pk, [Need.POLICY], draft)


def _check(policy: Policy) -> None:
    if not 1 <= policy.approvals <= MOST_APPROVALS:
        raise RuleError("approvals", "out-of-range", f"Between 1 and {MOST_APPROVALS} people approve a change.")
    if not (policy.by_owners or policy.by_leads or policy.by_team is not None):
        raise RuleError("by_owners", "nobody", "Choose at least one group of people who may approve.")
    if not policy.by_owners and policy.by_team is None:
        sentence = "Leads approve what affects their teams. Roles and this policy affect none: choose Owners or a team as well."
        raise RuleError("by_owners", "leads-only", sentence)
    if policy.by_team is not None and not Team.objects.filter(pk=policy.by_team).exists():
        raise RuleError("by_team", "unknown", "Choose a team of the list.")


def _check_ways_out(actor: User, namespace: Namespace, policy: Policy) -> None:
    """Raise RuleError where the actor could never loosen this policy again: too few people approve, and nothing is applied at once."""
    if not policy.enabled or policy.emergency or Need.POLICY not in policy.needs:
        return
    found = len(_approvers(namespace, actor, policy, teams=frozenset()))
    if found < policy.approvals:
        people = "No one" if not found else "Only one person" if found == 1 else f"Only {found} people"
        sentence = (
            f"{people} could approve a change of yours to this policy, which asks for {policy.approvals}, so it could never be loosened "
            "again. Let Owners apply changes at once, ask for fewer approvals, or make people outside your teams Owner first."
        )
        raise RuleError("emergency", "no-way-out", sentence)


def ask_also(namespace: Namespace, needs: Iterable[Need]) -> dict[str, Any]:
    """Let the policy ask for these changes too, as an exercise of the lab wants it. It is never loosened by this.

    Return what `take_back` needs: the policy before, and its edition now.
    """
    with one_transaction():
        row, before = _locked_policy(namespace)
        wanted = frozenset(needs) | (before.needs if before.enabled else frozenset())
        policy = replace(before, enabled=True, needs=wanted)
        _write(row, policy)
        _record(None, namespace, before, policy)
    return {"before": described(before), "edition": row.edition}


def take_back(namespace: Namespace, asked: Mapping[str, Any]) -> bool:
    """Restore the policy from before `ask_also`. Return False where a person has changed it since: theirs stays."""
    with one_transaction():
        row, current = _locked_policy(namespace)
        if row.edition != asked["edition"]:
            return False
        before = policy_from(asked["before"])
        _write(row, before)
        _record(None, namespace, current, before)
    return True


def _locked_policy(namespace: Namespace) -> tuple[ControlPolicy, Policy]:
    Namespace.objects.select_for_update(of=("self",)).get(pk=namespace.pk)  # one change at a time
    row = ControlPolicy.objects.filter(namespace=namespace).first() or ControlPolicy(namespace=namespace, edition=0)
    return row, row.rules


def _write(row: ControlPolicy, policy: Policy) -> None:
    row.enabled, row.needs, row.approvals = policy.enabled, sorted(policy.needs), policy.approvals
    row.by_owners, row.by_leads, row.by_team_id = policy.by_owners, policy.by_leads, policy.by_team
    row.emergency, row.edition = policy.emergency, row.edition + 1
    row.save()


def start_policy(namespace: Namespace, *, needs_approval: bool) -> None:
    """Give a namespace that is being connected its policy, inside that transaction: the one from before, or one that is switched on."""
    former = FormerPolicy.objects.filter(resource_key=namespace.resource_key).first()
    if former is not None:
        policy = policy_from(former.values)
        if policy.by_team is not None and not Team.objects.filter(pk=policy.by_team).exists():
            policy = replace(policy, by_team=None, by_owners=True)
        _write(ControlPolicy(namespace=namespace, edition=0), policy)
        former.delete()
    elif needs_approval:
        ControlPolicy.objects.create(namespace=namespace, enabled=True)


def keep_policy(namespace: Namespace) -> None:
    """Keep the policy of a namespace that is being disconnected: to connect it again is no way around it."""
    row = ControlPolicy.objects.filter(namespace=namespace).first()
    if row is not None:
        values = {"values": described(row.rules)}
        FormerPolicy.objects.update_or_create(resource_key=namespace.resource_key, defaults=values)


def approvers_for(namespace: Namespace, requester: User, policy: Policy) -> list[User]:
    """Return the people who could approve a request of this person in this namespace, whatever teams it affects."""
    return _approvers(namespace, requester, policy, teams=frozenset(Team.objects.values_list("pk", flat=True)))


def _approvers(namespace: Namespace, requester: User, policy: Policy, *, teams: frozenset[int]) -> list[User]:
    now = standing_now(namespace, requester, policy=policy)
    case = Case("", teams, Standing(now.sources, now.own_side), now)
    return people(possible_approvers(policy, case))


def _record(actor: User | None, namespace: Namespace, before: Policy, after: Policy) -> None:
    activity.record(
        actor,
        verb="Change approval policy",
        kind="namespaces.controlpolicy",
        object_pk=namespace.pk,
        object_name=NAME,
        scope=namespace.pk,
        scope_name=namespace.name,
        before=described(before),
        after=described(after),
    )
