"""Two-step sign-in: the code at sign-in, the app and the recovery codes of the user, and confirming who one is."""

from typing import Any

from allauth.account.internal.stagekit import clear_login
from allauth.account.views import ReauthenticateView
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.base.views import ReauthenticateView as ReauthenticateByCodeView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import (
    DownloadRecoveryCodesView,
    GenerateRecoveryCodesView,
    ViewRecoveryCodesView,
)
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from portal.models import User
from portal.sign_in.forms import ActivateForm, CodeForm, ConfirmCodeForm, ConfirmPasswordForm


class RejectedMixin:
    """Answer a rejected form with status 422."""

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        response.status_code = 422
        return response


class OnlyWithAppMixin:
    """Lead users who have no authenticator app to the page where they can add one."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if isinstance(request.user, User) and not has_app(request.user):
            return redirect("mfa_index")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return answer


class ManagedHereMixin:
    """Lead users without a password to their account page: their identity provider manages password, address and second step."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if isinstance(user, User) and not user.has_usable_password() and not has_app(user):
            messages.info(request, "Your identity provider manages this part of your account.")
            return redirect("portal:account")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        return answer


class CodePage(RejectedMixin, AuthenticateView):
    form_class = CodeForm


class ConfirmPassword(ManagedHereMixin, RejectedMixin, ReauthenticateView):
    form_class = ConfirmPasswordForm


class ConfirmCode(ManagedHereMixin, RejectedMixin, ReauthenticateByCodeView):
    form_class = ConfirmCodeForm


class SecondStep(ManagedHereMixin, IndexView):
    pass


class AddApp(ManagedHereMixin, RejectedMixin, ActivateTOTPView):
    form_class = ActivateForm


class RemoveApp(OnlyWithAppMixin, RejectedMixin, DeactivateTOTPView):
    pass


class RecoveryCodes(OnlyWithAppMixin, ViewRecoveryCodesView):
    pass


class NewRecoveryCodes(OnlyWithAppMixin, GenerateRecoveryCodesView):
    pass


class RecoveryCodesFile(OnlyWithAppMixin, DownloadRecoveryCodesView):
    pass


@login_not_required
@require_POST
def start_over(request: HttpRequest) -> HttpResponseBase:
    """Forget the password that was right, and sign in as another user."""
    clear_login(request)
    return redirect("portal:sign_in")


def has_app(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()
