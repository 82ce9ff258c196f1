"""The user's account: roles and password."""

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.people.person import what_can
from portal.registry import held_roles
from portal.sign_in import records
from portal.sign_in.sessions import keep_only_this_session
from portal.single_sign_on.accounts import identity_of
from portal.web.responses import PageRequest


@require_safe
def account(request: PageRequest) -> HttpResponse:
    return _account(request, PasswordChangeForm(request.user))


def _account(request: PageRequest, form: PasswordChangeForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "roles": held_roles(request.user), "identity": identity_of(request.user)}
    context["answer"] = what_can(request.user, request.GET.get("namespace", ""))
    return render(request, "portal/account.html", context, status=status)


@require_POST
def password_change(request: PageRequest) -> HttpResponseBase:
    if refused := ratelimit.consume_or_429(request, action="change_password"):
        return refused
    form = PasswordChangeForm(request.user, request.POST)
    if not form.is_valid():
        return _account(request, form, status=422)
    form.save()
    keep_only_this_session(request, request.user)
    records.note("password_changed", request.user, request)
    get_adapter().send_notification_mail("account/email/password_changed", request.user)
    messages.success(request, "Your password is changed. Other browsers are signed out.")
    return redirect("portal:account")
