"""The forms of django-allauth, with the portal's field names and labels."""

from typing import Any

from allauth.account.forms import LoginForm
from django import forms

LONGEST_NAME = 150


class SignInForm(LoginForm):
    """User name and password. Scripts sign in with these field names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {
            "username": forms.CharField(
                label="User name",
                max_length=LONGEST_NAME,
                widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
            ),
            "password": forms.CharField(
                label="Password",
                strip=False,
                widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
            ),
        }

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["login"] = self.cleaned_data.get("username", "")
        cleaned: dict[str, Any] = super().clean()  # type: ignore[no-untyped-call]
        return cleaned
