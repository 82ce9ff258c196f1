"""What a link opens: accepting an invitation, or choosing a new password.

The secret in the address is exchanged for a mark in the session at once, so that it stays in no history, referrer or log.
"""

from typing import Any

from allauth.account.utils import perform_login
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from portal.models import AccessLink, User
from portal.people.authority import RefusedError
from portal.people.forms import ChoosePasswordForm, JoinForm
from portal.people.invitations import accept_invitation, check_still_invited, choose_password
from portal.people.links import UNKNOWN, LinkError, hash_of, note_refused, open_link
from portal.views.people.context import keep_secret

IN_SESSION = "access_link"  # the hash of the secret of the link that was opened


@login_not_required
@require_safe
def link(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Open a link: go on without its secret in the address."""
    try:
        found = open_link(hash_of(secret), timezone.now())
    except LinkError as refusal:
        return _refused(request, refusal)
    request.session[IN_SESSION] = found.secret_hash
    return keep_secret(redirect("portal:link_open"), in_address=True)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def link_open(request: HttpRequest) -> HttpResponseBase:
    """Show the form of the link that was opened, and let it act."""
    try:
        found = open_link(str(request.session.get(IN_SESSION, "")), timezone.now())
        if found.purpose == AccessLink.Purpose.JOIN:
            check_still_invited(found, found.created_by)
            return _join(request, found)
        return _choose_password(request, found)
    except LinkError as refusal:
        request.session.pop(IN_SESSION, None)
        return _refused(request, refusal)


def _join(request: HttpRequest, found: AccessLink) -> HttpResponseBase:
    form = JoinForm(found, request.POST if request.method == "POST" else None)
    if form.is_valid():
        values = {name: form.cleaned_data[name] for name in ("username", "first_name", "last_name")}
        password = form.cleaned_data["password1"]
        try:
            user = accept_invitation(found.secret_hash, password=password, now=timezone.now(), **values)
        except RefusedError as refusal:
            form.refuse(refusal)
        else:
            return _sign_in(request, user)
    return _page(request, "people/join.html", form, found)


def _choose_password(request: HttpRequest, found: AccessLink) -> HttpResponseBase:
    form = ChoosePasswordForm(found, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            choose_password(found.secret_hash, password=form.cleaned_data["password1"], now=timezone.now())
        except RefusedError as refusal:
            form.refuse(refusal)
        else:
            if request.user.is_authenticated:
                logout(request)
            request.session.pop(IN_SESSION, None)
            messages.success(request, "Your password is saved. Sign in with it.")
            return redirect("portal:sign_in")
    return _page(request, "people/choose_password.html", form, found)


def _sign_in(request: HttpRequest, user: User) -> HttpResponseBase:
    """Sign the new person in, in a session of their own."""
    request.session.pop(IN_SESSION, None)
    if request.user.is_authenticated:
        logout(request)
    answer: HttpResponseBase = perform_login(request, user, email_verification="none")
    return answer


def _page(request: HttpRequest, template: str, form: Any, found: AccessLink) -> HttpResponse:
    teams = [each.team.name for each in found.invited_teams.select_related("team").order_by("team__name")]
    context = {"form": form, "link": found, "teams": teams}
    return keep_secret(render(request, template, context, status=422 if form.is_bound else 200))


def _refused(request: HttpRequest, refusal: LinkError) -> HttpResponse:
    note_refused(refusal, request)
    status = 404 if refusal.code == UNKNOWN else 410
    page = render(request, "people/link_refused.html", {"refusal": refusal}, status=status)
    return keep_secret(page, in_address=True)
