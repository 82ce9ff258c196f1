"""Forms of the rules that Azure does not have."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.db.models import Q, QuerySet

from certificates.actions.decision_rules.bindings import checked_patterns
from certificates.actions.decision_rules.policy import (
    EC_BITS,
    RSA_BITS,
    RuleValues,
    check_age,
    check_longest_session,
)
from certificates.actions.decision_rules.revocations import LONGEST_NOTE
from certificates.actions.decision_rules.windows import windows_written
from certificates.models import CACertificate, IssuerBinding, RevocationReason, StaleList
from namespaces.forms.base import GuardedForm, rule_as_field_error
from namespaces.models import Client, ClientGroup, Namespace
from portal.models import Team
from portal.web.invisible_characters import named
from portal.web.row_fields import RowsField

if TYPE_CHECKING:  # generic in the type stubs only
    _CAField = forms.ModelChoiceField[CACertificate]
else:
    _CAField = forms.ModelChoiceField

CA_ONLY = RevocationReason.CA_COMPROMISE


class RevokeForm(GuardedForm):
    """Why a certificate is revoked."""

    reason = forms.ChoiceField(label="Reason", initial=RevocationReason.UNSPECIFIED)
    note = forms.CharField(
        label="What happened",
        max_length=LONGEST_NOTE,
        required=False,
        help_text="One sentence, for the list and for the notice to the team.",
    )

    def __init__(self, *args: Any, is_ca: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reason = self.fields["reason"]
        assert isinstance(reason, forms.ChoiceField)
        reason.choices = [choice for choice in RevocationReason.choices if is_ca or choice[0] != CA_ONLY]

    def clean_note(self) -> str:
        return named(self.cleaned_data["note"])


class BindingForm(GuardedForm):
    """The teams, client groups and names for which a CA certificate vouches.

    Teams that the person may not know of are not offered, and stay as they are.
    """

    teams = RowsField(Team.objects.none(), label="Clients of these teams", refusal="Choose teams of the list.")
    groups = RowsField(
        ClientGroup.objects.none(), label="Clients of these client groups", refusal="Choose client groups of the list."
    )
    patterns = forms.CharField(
        label="Clients with these authentication names",
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="One on each line. A * stands for any characters, such as press-*.",
    )

    def __init__(
        self, *args: Any, namespace: Namespace, offered: QuerySet[Team], bound: IssuerBinding | None, **kwargs: Any
    ) -> None:
        held: Sequence[Team] = list(bound.teams.all()) if bound is not None else []
        kwargs.setdefault("initial", {})
        if bound is not None:
            kwargs["initial"] |= {"teams": held, "groups": bound.groups.all(), "patterns": "\n".join(bound.patterns)}
        super().__init__(*args, **kwargs)
        teams, groups = self.fields["teams"], self.fields["groups"]
        assert isinstance(teams, forms.ModelMultipleChoiceField)
        assert isinstance(groups, forms.ModelMultipleChoiceField)
        teams.queryset = offered
        groups.queryset = (
            ClientGroup.visible_to(namespace.sight).present().filter(namespace=namespace.pk).order_by("name")
        )
        known = set(offered.values_list("pk", flat=True))
        self.kept = [team for team in held if team.pk not in known]

    def clean_patterns(self) -> list[str]:
        with rule_as_field_error():
            return checked_patterns(self.cleaned_data["patterns"].splitlines())

    def values(self) -> dict[str, Any]:
        """Return the cleaned values as keyword arguments of the action."""
        chosen = self.cleaned_data
        return {
            "teams": [*chosen["teams"], *self.kept],
            "groups": list(chosen["groups"]),
            "patterns": chosen["patterns"],
        }


def teams_to_bind(namespace: Namespace) -> QuerySet[Team]:
    """Return the teams that a person may let a CA certificate vouch for: those that have a role or clients here.

    Where other teams are hidden from the person, only their own.
    """
    sight = namespace.sight
    if sight.is_partial:
        return Team.objects.filter(pk__in=sight.teams).order_by("name")
    clients = Client.visible_to(sight).filter(namespace=namespace.pk).order_by()
    here = Q(namespace_roles__namespace=namespace.pk) | Q(pk__in=clients.values("team"))
    members_here = Q(members__namespace_roles__namespace=namespace.pk)
    return Team.objects.filter(here | members_here).distinct().order_by("name")


class PinForm(GuardedForm):
    """The CA certificate whose key is pinned."""

    ca = _CAField(
        label="CA certificate",
        queryset=CACertificate.objects.none(),
        empty_label="Choose one",
        error_messages={"required": "Choose the CA certificate whose key is pinned."},
    )

    def __init__(self, *args: Any, namespace: Namespace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ca = self.fields["ca"]
        assert isinstance(ca, forms.ModelChoiceField)
        ca.queryset = (
            CACertificate.visible_to(namespace.sight).present().filter(namespace=namespace.pk).order_by("name")
        )


def _sizes(bits: Sequence[int]) -> list[tuple[int, str]]:
    return [(each, f"{each} bits" if each else "No minimum") for each in bits]


class RulesForm(GuardedForm):
    """What a namespace asks of every certificate."""

    longest_session_seconds = forms.IntegerField(
        label="Longest session, in seconds",
        min_value=0,
        error_messages={"required": "Enter seconds; 0 sets no limit.", "min_value": "Enter 0 or more seconds."},
        help_text="Azure is told when a session expires. 0 sets no limit.",
    )
    max_age_days = forms.IntegerField(
        label="Greatest age of a client certificate, in days",
        min_value=0,
        error_messages={"required": "Enter days; 0 sets no limit.", "min_value": "Enter 0 or more days."},
        help_text="Counted from its first day. 0 sets no limit.",
    )
    min_rsa_bits = forms.TypedChoiceField(label="Smallest RSA key", coerce=int, choices=_sizes(RSA_BITS))
    min_ec_bits = forms.TypedChoiceField(label="Smallest elliptic-curve key", coerce=int, choices=_sizes(EC_BITS))
    stale_list = forms.ChoiceField(
        label="When a revocation list is past its next update", choices=StaleList.choices, widget=forms.RadioSelect
    )
    windows = forms.CharField(
        label="Clients connect only within these hours",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="One window on each line, such as Mon-Fri 06:00-22:00. Without any, at all hours.",
    )
    zone = forms.CharField(
        label="Time zone of these hours", required=False, max_length=60, help_text="Such as Europe/Berlin."
    )

    def clean_longest_session_seconds(self) -> int:
        seconds: int = self.cleaned_data["longest_session_seconds"]
        with rule_as_field_error():
            check_longest_session(seconds)
        return seconds

    def clean_max_age_days(self) -> int:
        days: int = self.cleaned_data["max_age_days"]
        with rule_as_field_error():
            check_age(days)
        return days

    def clean_zone(self) -> str:
        by_name = {known.lower(): known for known in available_timezones()}
        typed = self.cleaned_data["zone"].strip() or "UTC"
        if typed.lower() not in by_name:
            raise forms.ValidationError("There is no such time zone.", code="unknown-zone")
        return by_name[typed.lower()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if "windows" in cleaned and "zone" in cleaned:
            try:
                with rule_as_field_error():
                    self.typed_windows = windows_written(cleaned["windows"], cleaned["zone"])
            except forms.ValidationError as problem:
                self.add_error("windows", problem)
        return cleaned

    def values(self) -> RuleValues:
        """Return the policy of the valid form."""
        chosen = self.cleaned_data
        names = ("max_age_days", "min_rsa_bits", "min_ec_bits", "stale_list", "longest_session_seconds")
        return RuleValues(windows=self.typed_windows, **{name: chosen[name] for name in names})


def initial_of(values: RuleValues, zone: str) -> dict[str, Any]:
    """Return the initial values of the form for a policy. `zone` is proposed where there is no window."""
    return values.as_dict() | {
        "windows": "\n".join(window.line for window in values.windows),
        "zone": values.windows[0].zone if values.windows else zone,
    }
