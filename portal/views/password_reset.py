"""A forgotten password: asking for a link by mail, and choosing a new password with it."""

import logging
from typing import Any

from allauth.account.utils import url_str_to_user_pk
from allauth.account.views import (
    PasswordResetDoneView,
    PasswordResetFromKeyDoneView,
    PasswordResetFromKeyView,
    PasswordResetView,
)
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator

from portal.models import User
from portal.sign_in import records
from portal.sign_in.addresses import client_address
from portal.sign_in.backend import may_use_password
from portal.sign_in.forms import NewPasswordForm, ResetForm
from portal.sign_in.sessions import end_all_sessions
from portal.views.second_step import RejectedMixin

logger = logging.getLogger(__name__)


@method_decorator(login_not_required, name="dispatch")
class AskForReset(RejectedMixin, PasswordResetView):
    """Ask for a link. Without a mail server, the page shows whom to ask instead."""

    form_class = ResetForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.MAIL_CONFIGURED:
            return render(request, "account/password_reset.html", {"no_mail": True})
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


class ResetAsked(PasswordResetDoneView):
    pass


@method_decorator(login_not_required, name="dispatch")
class ResetPassword(RejectedMixin, PasswordResetFromKeyView):
    """Choose a new password. All sessions of the user end."""

    form_class = NewPasswordForm

    def dispatch(self, request: HttpRequest, uidb36: str, key: str, **kwargs: Any) -> HttpResponseBase:
        answer: HttpResponseBase = super().dispatch(request, uidb36, key, **kwargs)
        user = self.reset_user if hasattr(self, "reset_user") else None
        if user is None and answer.status_code == 200:  # the page about a link that does not work
            logger.warning(
                "A password link that is wrong, used or expired was opened from %s.", client_address(request)
            )
            records.count("reset_link_refused")
            records.note_refused_mail_link(request, "reset", _claimed_user(uidb36))
            answer.status_code = 422
        return answer

    def form_valid(self, form: NewPasswordForm) -> HttpResponse:
        user = self.reset_user
        if not (user.is_active and may_use_password(user)):
            form.add_error(None, "This account cannot use a password.")
            return self.form_invalid(form)
        response: HttpResponse = super().form_valid(form)
        end_all_sessions(user)
        records.note("password_reset", user, self.request)
        return response


def _claimed_user(uidb36: str) -> User | None:
    """Return the account that a link names, whether the link is genuine or not."""
    try:
        return User.objects.filter(pk=url_str_to_user_pk(uidb36)).first()
    except ValueError:
        return None


class PasswordWasReset(PasswordResetFromKeyDoneView):
    pass
