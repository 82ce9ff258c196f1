"""Whose the rows of a namespace are: assign a team to one row, and show or hide those of other teams."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from namespaces.access import get_namespace, get_resource, not_assignable
from namespaces.actions.ownership import assign_team, set_other_teams
from namespaces.forms.access_requests import AssignTeamForm, OtherTeamsForm
from namespaces.pages.sharing.ownership import may_assign, teams_to_assign
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.resources.kinds import Kind
from namespaces.views.resources.pages import grid_context
from portal.web.responses import PageRequest, go_to, render_page


@require_http_methods(["GET", "HEAD", "POST"])
def resource_team(request: PageRequest, pk: int, name: str, kind: Kind) -> HttpResponseBase:
    """Make a team the owner of a resource, or none."""
    row: Any = get_resource(request.user, kind.model, pk, name, Verb.READ)
    if not may_assign(row.namespace, row):
        raise not_assignable(row.namespace, row)
    posted = request.POST if request.method == "POST" else None
    teams = teams_to_assign(request.user, row.namespace, kind.model)
    form = AssignTeamForm(posted, namespace=row.namespace, teams=teams, initial={"team": row.team_id})
    if form.is_valid():
        team = form.cleaned_data["team"]
        try:
            assign_team(request.user, row=row, team=team)
        except RuleError as refusal:
            form.add_error(None, refusal.sentence)
        else:
            whose = f"team {team.name}" if team else "no team"
            messages.success(request, f"{row.name} belongs to {whose} now.", extra_tags="team-assigned")
            return go_to(request, kind.url("list"), pk)
    context = grid_context(request, row.namespace, kind, row=row, form=form)
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/resource_team.html", context, partial="pane", status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def other_teams(request: PageRequest, pk: int) -> HttpResponseBase:
    """Show or hide the CA certificates and clients of other teams."""
    namespace = get_namespace(request.user, pk, Verb.OWN)
    initial = {"other_teams": "hidden" if namespace.hides_other_teams else "shown"}
    form = OtherTeamsForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        hidden = form.cleaned_data["other_teams"] == "hidden"
        try:
            set_other_teams(request.user, namespace=namespace, hidden=hidden)
        except RuleError as refusal:
            form.add_error(None, refusal.sentence)
        else:
            word = "hidden" if hidden else "shown"
            messages.success(request, f"Other teams' CA certificates and clients are {word} now.")
            return go_to(request, "namespaces:role_list", pk)
    context = namespace_context(request, namespace, form=form, menu_current="namespaces:role_list")
    status = 422 if form.is_bound else 200
    return render_page(request, "namespaces/other_teams.html", context, status=status)
