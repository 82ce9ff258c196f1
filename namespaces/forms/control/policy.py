"""The form of the policy that asks for approval."""

from typing import TYPE_CHECKING, Any

from django import forms

from namespaces.control.rules.policy import LABELS, MOST_APPROVALS, Need, Policy
from namespaces.forms.base import GuardedForm
from portal.models import Team

if TYPE_CHECKING:  # generic in the type stubs only
    _ModelChoiceField = forms.ModelChoiceField[Team]
else:
    _ModelChoiceField = forms.ModelChoiceField


class PolicyForm(GuardedForm):
    """Which changes need approval, by whom, and by how many."""

    enabled = forms.BooleanField(label="Changes of these kinds need approval", required=False)
    needs = forms.MultipleChoiceField(
        label="Kinds of change",
        choices=[(need.value, LABELS[need]) for need in Need],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    approvals = forms.IntegerField(
        label="How many people approve a change", min_value=1, max_value=MOST_APPROVALS, initial=1
    )
    by_owners = forms.BooleanField(label="Owners of the namespace may approve", required=False)
    by_leads = forms.BooleanField(
        label="Leads of the teams affected may approve, if they have a role here", required=False
    )
    by_team = _ModelChoiceField(
        label="Members of this team may approve, if they have a role here",
        queryset=Team.objects.order_by("name"),
        required=False,
        empty_label="No team",
    )
    emergency = forms.BooleanField(
        label="An Owner may apply a change at once, after the password or a code; another person confirms it",
        required=False,
    )

    def policy(self) -> Policy:
        """Return the policy of the valid form."""
        values: dict[str, Any] = self.cleaned_data
        return Policy(
            enabled=values["enabled"],
            needs=frozenset(Need(code) for code in values["needs"]),
            approvals=values["approvals"],
            by_owners=values["by_owners"],
            by_leads=values["by_leads"],
            by_team=values["by_team"].pk if values["by_team"] else None,
            emergency=values["emergency"],
        )


def initial_of(policy: Policy) -> dict[str, Any]:
    """Return the initial values of the form for a policy."""
    return {
        "enabled": policy.enabled,
        "needs": [need.value for need in policy.needs],
        "approvals": policy.approvals,
        "by_owners": policy.by_owners,
        "by_leads": policy.by_leads,
        "by_team": policy.by_team,
        "emergency": policy.emergency,
    }
