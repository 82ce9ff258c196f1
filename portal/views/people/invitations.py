"""Invitations: sent, looked at, renewed and withdrawn."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.models import AccessLink, Team
from portal.people import invitations
from portal.people.authority import RefusedError
from portal.people.forms import InviteForm, TeamInviteForm
from portal.people.links import INVITATION_DAYS
from portal.people.lists import invited_row
from portal.people.team import team_page
from portal.views.people.context import ask_an_administrator, check_administrator, get_team, link_made, people_context
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to, render_page


@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: PageRequest) -> HttpResponseBase:
    check_administrator(request.user)
    form = InviteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            link, secret = invitations.invite(request.user, **form.given())
        except RefusedError as refusal:
            form.refuse(refusal)
        else:
            return _made(request, link, secret, "people/link_made.html", people_context(request))
    context = people_context(request, form=form)
    status = 422 if form.is_bound else 200
    return render_page(request, "people/invite.html", context, partial="pane", status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def team_invite(request: PageRequest, team: int) -> HttpResponseBase:
    """Invite into one team, as its lead or an administrator."""
    found = get_team(request, team)
    form = TeamInviteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            link, secret = invitations.invite(request.user, **form.given(found))
        except RefusedError as refusal:
            form.refuse(refusal)
        else:
            return _made(request, link, secret, "people/team_link_made.html", _team_context(request, found))
    context = _team_context(request, found, form=form)
    status = 422 if form.is_bound else 200
    return render_page(request, "people/team_invite.html", context, partial="pane", status=status)


@require_safe
def invitation_detail(request: PageRequest, invitation: int) -> HttpResponse:
    link = _get(request, invitation)
    context = _below(
        request, link, invitation=link, row=invited_row(link), has_expired=link.expires_at <= timezone.now()
    )
    return render_page(request, _template(request, "invitation_detail"), context, partial="pane")


@require_POST
def invitation_renew(request: PageRequest, invitation: int) -> HttpResponseBase:
    link = _get(request, invitation)
    try:
        link, secret = invitations.renew_invitation(request.user, link=link)
    except RefusedError as refusal:
        return _refused(request, refusal)
    return _made(request, link, secret, _template(request, "link_made"), _below(request, link))


@require_POST
def invitation_revoke(request: PageRequest, invitation: int) -> HttpResponseBase:
    link = _get(request, invitation)
    try:
        invitations.revoke_invitation(request.user, link=link)
    except RefusedError as refusal:
        return _refused(request, refusal)
    messages.success(request, f"The invitation of {link} is withdrawn. Its link no longer works.")
    return _home(request)


def _get(request: PageRequest, pk: int) -> AccessLink:
    """Return an invitation that the user may manage. The same answer for one that does not exist, unless to administrators."""
    link = AccessLink.objects.invitations().filter(pk=pk).first()
    if link is None and request.user.is_superuser:
        raise Http404("There is no such invitation.")
    if link is None or not invitations.may_manage(request.user, link):
        raise Denied("Only administrators and leads of its team manage an invitation.", ask_an_administrator)
    return link


def _made(request: PageRequest, link: AccessLink, secret: str, template: str, context: dict[str, Any]) -> HttpResponse:
    context |= {"pane_title": "Invitation", "for_whom": str(link), "days": INVITATION_DAYS}
    names = {"inviter": request.user.display_name, "days": INVITATION_DAYS}
    return link_made(request, secret, template, context, mail="account/email/invitation", to=link.email, names=names)


def _template(request: PageRequest, page: str) -> str:
    """Return the template of a pane: above the list of people, or for a team lead above the team."""
    return f"people/{page}.html" if request.user.is_superuser else f"people/team_{page}.html"


def _below(request: PageRequest, link: AccessLink, **more: Any) -> dict[str, Any]:
    if request.user.is_superuser:
        return people_context(request, **more)
    team = Team.objects.filter(pk__in=link.invited_teams.values("team")).order_by("name").first()
    assert team is not None  # a lead manages only invitations into teams
    return _team_context(request, team, **more)


def _team_context(request: PageRequest, team: Team, **more: Any) -> dict[str, Any]:
    return {"team_page": team_page(team, request.user), "menu_current": "portal:team_list", **more}


def _refused(request: PageRequest, refusal: RefusedError) -> HttpResponseBase:
    messages.error(request, refusal.sentence, extra_tags=refusal.code)
    return _home(request)


def _home(request: PageRequest) -> HttpResponseBase:
    return go_to(request, "portal:person_list" if request.user.is_superuser else "portal:team_list")
