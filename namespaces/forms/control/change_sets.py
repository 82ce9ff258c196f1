"""The forms that request a change set, or apply it at once."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from namespaces.actions.change_sets.requests import LONGEST_REASON, LONGEST_TITLE
from namespaces.forms.base import GuardedForm
from namespaces.models import ChangeSet
from portal.models import User
from portal.sign_in.forms import ConfirmCodeForm, ConfirmPasswordForm

if TYPE_CHECKING:  # generic in the type stubs only
    _ModelChoiceField = forms.ModelChoiceField[ChangeSet]
else:
    _ModelChoiceField = forms.ModelChoiceField


class _OwnRequests(_ModelChoiceField):
    """Change sets of the same person, by number and title."""

    def label_from_instance(self, obj: ChangeSet) -> str:
        return f"{obj.pk}: {obj.title}"


class RequestForm(GuardedForm):
    """Title and reason of a change set; or another request of the same person, to which its changes are added."""

    add_to = _OwnRequests(
        label="Add to", queryset=ChangeSet.objects.none(), required=False, empty_label="A change set of its own"
    )
    title = forms.CharField(label="Title", max_length=LONGEST_TITLE, required=False)
    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The people who approve it read this.",
    )

    def __init__(self, *args: Any, draft: ChangeSet, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"title": draft.title, "reason": draft.reason})
        super().__init__(*args, **kwargs)
        mine = ChangeSet.objects.filter(namespace=draft.namespace_id, requested_by=draft.requested_by_id)
        field = self.fields["add_to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = mine.filter(state__in=ChangeSet.EDITABLE).exclude(pk=draft.pk)
        self.has_others = field.queryset.exists()

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.cleaned_data.get("add_to") is None and "add_to" not in self.errors:
            if not self.cleaned_data.get("title") and "title" not in self.errors:
                self.add_error("title", ValidationError("Give the change set a title.", code="required"))
            if not self.cleaned_data.get("reason") and "reason" not in self.errors:
                self.add_error("reason", ValidationError("Say why this change is needed.", code="required"))
        return self.cleaned_data


class TextsForm(GuardedForm):
    """Title and reason of a request that its requester edits."""

    title = forms.CharField(
        label="Title", max_length=LONGEST_TITLE, error_messages={"required": "Give the change set a title."}
    )
    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The people who approve it read this.",
        error_messages={"required": "Say why this change is needed."},
    )


class EmergencyForm(GuardedForm):
    """Why a change set is applied at once, and the password or a code again."""

    emergency_reason = forms.CharField(
        label="Why can it not wait?",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say why this cannot wait. Everyone concerned reads it."},
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label="Or a code of your authenticator app",
        required=False,
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.errors:
            return self.cleaned_data
        field = "code" if self.cleaned_data.get("code") else "password"
        proof = (ConfirmCodeForm if field == "code" else ConfirmPasswordForm)(self.cleaned_data, user=self.user)
        if not proof.is_valid():
            for error in proof.errors.as_data().get(field, ()):
                self.add_error(field, error)
        return self.cleaned_data
