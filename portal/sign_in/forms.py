"""The forms of django-allauth, with the portal's field names and labels."""

from typing import Any

from allauth.account.forms import AddEmailForm, LoginForm, ReauthenticateForm, ResetPasswordForm, ResetPasswordKeyForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCodeForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.http import HttpRequest

from portal.sign_in import records
from portal.sign_in.addresses import client_address
from portal.sign_in.encryption import UnreadableSecretError
from portal.sign_in.mail import queue_password_reset
from portal.sign_in.second_step import pending_secret

LONGEST_NAME = 150
LONGEST_CODE = 20


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
            "password": _password_field("Password"),
        }

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["login"] = self.cleaned_data.get("username", "")
        cleaned: dict[str, Any] = super().clean()  # type: ignore[no-untyped-call]
        return cleaned


class ConfirmPasswordForm(ReauthenticateForm):
    """The password again, before a change to the account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"] = _password_field("Password")


class _CodeFormMixin:
    """The field for a code, and what to do with one that is wrong or cannot be checked."""

    user: Any
    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = code_field("From your authenticator app, or a recovery code.")

    def clean_code(self) -> str:
        request = context.request
        username, address = self.user.get_username(), client_address(request)
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except UnreadableSecretError:
            raise forms.ValidationError(
                "The portal’s secret key was changed, so it cannot check your codes. Ask an administrator to run: "
                f"manage.py reset_second_step {username}",
                code="second_step_unreadable",
            ) from None
        except forms.ValidationError as fault:
            is_refused = fault.code == "too_many_login_attempts"
            records.note_failure(username, address, "refused" if is_refused else "wrong_codes")
            raise
        return code


class CodeForm(_CodeFormMixin, AuthenticateForm):
    """The code at sign-in."""


class ConfirmCodeForm(_CodeFormMixin, ReauthenticateByCodeForm):
    """A code instead of the password, before a change to the account."""


class ActivateForm(ActivateTOTPForm):
    """The first code of an app. Until it arrives, the secret is kept encrypted in the session."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        forms.Form.__init__(self, *args, **kwargs)
        self.fields["code"] = code_field("The six digits that your app shows now.")
        self.secret = pending_secret(context.request, anew=not self.is_bound)

    @property
    def secret_in_groups(self) -> str:
        return " ".join(self.secret[at : at + 4] for at in range(0, len(self.secret), 4))


class ResetForm(ResetPasswordForm):
    """The address of an account. A worker looks for the account, so nothing here depends on whether there is one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = _address_field()

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def save(self, request: HttpRequest, **_: Any) -> str:
        email = str(self.cleaned_data["email"])
        queue_password_reset(email, request.build_absolute_uri("/"))
        return email


class NewPasswordForm(ResetPasswordKeyForm):
    """A new password, after a link by mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = "New password"
        self.fields["password1"].help_text = "At least 12 characters that are not easy to guess, such as a few words."
        self.fields["password2"].label = "New password again"
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class AddAddressForm(AddEmailForm):
    """One more e-mail address, which a link verifies."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = _address_field()


def code_field(help_text: str) -> forms.CharField:
    attributes = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
    widget = forms.TextInput(attrs=attributes)
    return forms.CharField(label="Code", max_length=LONGEST_CODE, widget=widget, help_text=help_text)


def _address_field() -> forms.EmailField:
    widget = forms.EmailInput(attrs={"autocomplete": "email"})
    return forms.EmailField(label="E-mail address", max_length=254, widget=widget)


def _password_field(label: str) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
    return forms.CharField(label=label, strip=False, widget=widget)
