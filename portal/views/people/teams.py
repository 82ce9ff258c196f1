"""Teams: the list, one team with its members, and changing both."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.models import Team, User
from portal.people import teams
from portal.people.authority import RefusedError, led_teams
from portal.people.forms import MemberForm, TeamForm
from portal.people.lists import team_grid
from portal.people.team import team_page
from portal.registry import uses_of_team
from portal.views.people.context import Question, ask_an_administrator, ask_first, check_administrator, get_team
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to, render_page

asks_first = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def team_list(request: PageRequest) -> HttpResponse:
    if not request.user.is_superuser and not led_teams(request.user):
        raise Denied("Only administrators and team leads manage teams.", ask_an_administrator)
    return render_page(request, "people/team_list.html", _list_context(request), partial="grid")


@asks_first
def team_create(request: PageRequest) -> HttpResponseBase:
    check_administrator(request.user)
    form = TeamForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            team = teams.create_team(request.user, name=form.cleaned_data["name"])
        except RefusedError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{team.name} is created. Add its members.")
            return go_to(request, "portal:team_detail", team.pk)
    context = _list_context(request, form=form)
    return render_page(
        request, "people/team_create.html", context, partial="pane", status=422 if form.is_bound else 200
    )


@require_safe
def team_detail(request: PageRequest, team: int) -> HttpResponse:
    found = get_team(request, team)
    return render_page(request, "people/team_detail.html", _context(request, found), partial="grid")


@asks_first
def team_rename(request: PageRequest, team: int) -> HttpResponseBase:
    check_administrator(request.user)
    found = get_team(request, team)
    form = TeamForm(request.POST if request.method == "POST" else None, initial={"name": found.name})
    if form.is_valid():
        try:
            found = teams.rename_team(request.user, team=found, name=form.cleaned_data["name"])
        except RefusedError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"The team is called {found.name} now.")
            return go_to(request, "portal:team_detail", found.pk)
    context = _context(request, found, form=form)
    return render_page(
        request, "people/team_rename.html", context, partial="pane", status=422 if form.is_bound else 200
    )


@asks_first
def team_delete(request: PageRequest, team: int) -> HttpResponseBase:
    check_administrator(request.user)
    found = get_team(request, team)
    uses, size = uses_of_team(found), found.memberships.count()
    lines = (f"Its {size} member{'' if size == 1 else 's'} stay in the portal and keep their other teams and roles.",)
    keeps = f"{found.name} has {', '.join(uses)}. Give them to another team first." if uses else ""
    question = Question("Delete team", found.name, lines, "Delete", "danger", warning=keeps)

    def act() -> str:
        teams.delete_team(request.user, team=found)
        return f"{found.name} is deleted."

    return ask_first(
        request,
        question,
        act,
        back=("portal:team_list",),
        context=_context(request, found),
        template="people/team_confirm.html",
    )


@asks_first
def team_member_add(request: PageRequest, team: int) -> HttpResponseBase:
    found = get_team(request, team)
    form = MemberForm(found, request.POST if request.method == "POST" else None)
    if form.is_valid():
        person = form.cleaned_data["chosen"]
        try:
            teams.add_member(request.user, team=found, person=person)
        except RefusedError as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{person.display_name} is in {found.name} now.")
            return go_to(request, "portal:team_detail", found.pk)
    context = _context(request, found, form=form)
    status = 422 if form.is_bound else 200
    return render_page(request, "people/team_member_add.html", context, partial="pane", status=status)


@require_safe
def team_member_find(request: PageRequest, team: int) -> HttpResponse:
    """Return whom the name that is being typed may mean."""
    form = MemberForm(get_team(request, team), request.GET)
    return render_page(request, "people/team_member_choices.html", {"form": form})


@asks_first
def team_member_remove(request: PageRequest, team: int, person: int) -> HttpResponseBase:
    found = get_team(request, team)
    member = _member(found, person)
    lines = (f"{member.display_name} loses what the roles of {found.name} allow, at once.",)
    question = Question("Remove from team", f"{member.display_name}, {found.name}", lines, "Remove", "danger")

    def act() -> str:
        teams.remove_member(request.user, team=found, person=member)
        return f"{member.display_name} is no longer in {found.name}."

    return ask_first(
        request,
        question,
        act,
        back=("portal:team_detail", found.pk) if request.user.pk != member.pk else ("portal:home",),
        context=_context(request, found),
        template="people/team_confirm.html",
    )


@require_POST
def team_member_lead(request: PageRequest, team: int, person: int) -> HttpResponseBase:
    """Make a member lead, or no longer: `lead` is 1 or 0."""
    check_administrator(request.user)
    found = get_team(request, team)
    member, is_lead = _member(found, person), request.POST.get("lead") == "1"
    try:
        teams.set_lead(request.user, team=found, person=member, is_lead=is_lead)
    except RefusedError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, f"{member.display_name} {'leads' if is_lead else 'no longer leads'} {found.name}.")
    return go_to(request, "portal:team_detail", found.pk)


def _member(team: Team, pk: int) -> User:
    member = User.objects.filter(pk=pk, memberships__team=team).first()
    if member is None:
        raise Http404("This person is not in the team.")
    return member


def _list_context(request: PageRequest, **more: Any) -> dict[str, Any]:
    return {"grid": team_grid(request.user, request.GET), "menu_current": "portal:team_list", **more}


def _context(request: PageRequest, team: Team, **more: Any) -> dict[str, Any]:
    """Return what the page of a team draws, also below an open pane."""
    return {"team_page": team_page(team, request.user), "menu_current": "portal:team_list", **more}
