"""Which notifications a person or a team gets, and how."""

from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import available_timezones

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from portal.models import DigestTime, Membership, Team
from portal.notifications.forms import DigestForm, PreferencesForm
from portal.notifications.preferences import (
    choose_for_oneself,
    choose_for_team,
    chosen_by,
    default_channels,
    inherited_channels,
)
from portal.notifications.webhooks.changes import may_manage_any
from portal.people.authority import RefusedError
from portal.web.responses import PageRequest, go_to


@require_http_methods(["GET", "HEAD", "POST"])
def notification_preferences(request: PageRequest) -> HttpResponseBase:
    """Choose what the signed-in person gets."""
    user, posted = request.user, request.POST if request.method == "POST" else None
    when = DigestTime.objects.filter(user=user).first() or DigestTime(user=user)
    form = PreferencesForm(
        posted, initial=chosen_by(user=user), inherited=inherited_channels(user), origin="Not chosen"
    )
    digest = DigestForm(posted, initial={"hour": when.hour, "time_zone": when.time_zone})
    if posted is not None and form.is_valid() and digest.is_valid():
        when_due = {name: digest.cleaned_data[name] for name in ("hour", "time_zone")}
        with _denying():
            choose_for_oneself(user, choices=form.choices, **when_due)
        messages.success(request, "Your notifications are saved.")
        return go_to(request, "portal:notification_preferences")
    teams = (
        Team.objects.order_by("name")
        if user.is_superuser
        else Team.objects.filter(memberships__user=user, memberships__is_lead=True).order_by("name")
    )
    context = {"form": form, "digest": digest, "teams": teams, "time_zones": sorted(available_timezones())}
    context |= {"may_manage_webhooks": may_manage_any(user)}
    return _page(request, context, is_bound=posted is not None)


@require_http_methods(["GET", "HEAD", "POST"])
def team_notifications(request: PageRequest, team: int) -> HttpResponseBase:
    """Choose what the members of a team get who have not chosen themselves. For its leads and administrators."""
    found = get_object_or_404(_known_teams(request), pk=team)
    leads = Membership.objects.filter(team=found, user=request.user, is_lead=True)
    if not (request.user.is_superuser or leads.exists()):
        raise PermissionDenied("Leads of the team and administrators choose its notifications.")
    posted = request.POST if request.method == "POST" else None
    form = PreferencesForm(posted, initial=chosen_by(team=found), inherited=default_channels(), origin="Not chosen")
    if posted is not None and form.is_valid():
        with _denying():
            choose_for_team(request.user, team=found, choices=form.choices)
        messages.success(request, f"The notifications of {found.name} are saved.")
        return go_to(request, "portal:team_notifications", found.pk)
    return _page(request, {"form": form, "team": found}, is_bound=posted is not None)


@contextmanager
def _denying() -> Iterator[None]:
    """Answer 403 where an action finds that the right to it has gone."""
    try:
        yield
    except RefusedError as refusal:
        raise PermissionDenied(refusal.sentence) from None


def _known_teams(request: PageRequest) -> QuerySet[Team]:
    """Return the teams of which the user may know: their own, or all for an administrator."""
    return Team.objects.all() if request.user.is_superuser else Team.objects.filter(members=request.user)


def _page(request: PageRequest, context: dict[str, object], *, is_bound: bool) -> HttpResponse:
    return render(request, "portal/notification_preferences.html", context, status=422 if is_bound else 200)
