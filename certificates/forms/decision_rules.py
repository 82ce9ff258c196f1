"""Forms of the rules that Azure does not have."""

from typing import Any

from django import forms

from certificates.actions.decision_rules.revocations import LONGEST_NOTE
from certificates.models import RevocationReason
from namespaces.forms.base import GuardedForm
from portal.web.invisible_characters import named

CA_ONLY = RevocationReason.CA_COMPROMISE


class RevokeForm(GuardedForm):
    """Why a certificate is revoked."""

    reason = forms.ChoiceField(label="Reason", initial=RevocationReason.UNSPECIFIED)
    note = forms.CharField(
        label="What happened",
        max_length=LONGEST_NOTE,
        required=False,
        help_text="One sentence, for the list and the people who are told.",
    )

    def __init__(self, *args: Any, is_ca: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reason = self.fields["reason"]
        assert isinstance(reason, forms.ChoiceField)
        reason.choices = [choice for choice in RevocationReason.choices if is_ca or choice[0] != CA_ONLY]

    def clean_note(self) -> str:
        return named(self.cleaned_data["note"])
