"""The form that shares an attempt."""

from datetime import timedelta
from typing import Any

from django import forms

from namespaces.forms.base import GuardedForm

DAYS = (1, 7, 30)


class ShareForm(GuardedForm):
    """How long the link works, and for whom. `may_be_public`: the namespace allows links without an account."""

    days = forms.ChoiceField(
        label="The link works for",
        choices=[(str(days), "1 day" if days == 1 else f"{days} days") for days in DAYS],
        initial="7",
        error_messages={"invalid_choice": "Choose one of the listed periods."},
    )
    is_public = forms.BooleanField(label="Without an account: anyone who has the link can read it", required=False)

    def __init__(self, *args: Any, may_be_public: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_be_public:
            del self.fields["is_public"]

    @property
    def lives(self) -> timedelta:
        return timedelta(days=int(self.cleaned_data["days"]))
