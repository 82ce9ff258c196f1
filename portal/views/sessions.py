"""Where the user is signed in, and signing out there."""

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.sign_in import records, sessions
from portal.web.responses import PageRequest


@require_safe
def session_list(request: PageRequest) -> HttpResponse:
    found = sessions.open_sessions(request.user, request.session.session_key)
    return render(request, "usersessions/usersession_list.html", {"sessions": found})


@require_POST
def session_end(request: PageRequest, session: int) -> HttpResponseBase:
    """End one session of the user; one that has ended meanwhile is no error."""
    if sessions.end_session(request.user, session):
        records.note("session_ended", request.user, request)
        messages.success(request, "That browser is signed out.")
    return redirect("portal:sessions")


@require_POST
def sign_out_everywhere(request: PageRequest) -> HttpResponseBase:
    """End all sessions of the user, this one included."""
    records.note("signed_out_everywhere", request.user, request)
    sessions.end_all_sessions(request.user)
    logout(request)
    return redirect("portal:sign_in")
