"""How people get an event: as they chose, else as a team of theirs chose, else by the default of the event; and where."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from allauth.account.models import EmailAddress
from django.db import transaction

from portal.activity import SESSIONS, record
from portal.models import Channel, DigestTime, Membership, NoticePreference, Team, User
from portal.notifications.events import BY_CODE, EVENTS
from portal.people.authority import NO_LONGER_ALLOWED, RefusedError, leader_and, locked_people
from portal.people.log import note_team

STRONGEST_FIRST = (Channel.MAIL, Channel.DIGEST, Channel.BELL, Channel.NONE)


def channels(event: str, users: Collection[User], *, team: Team | None = None) -> dict[int, Channel]:
    """Return the channel of each user, by primary key. `team` is the one that owns what the event is about.

    The choice of that team counts for its members; otherwise the strongest choice of a user's teams.
    """
    pks = [user.pk for user in users]
    chosen = NoticePreference.objects.filter(event=event)
    own = dict(chosen.filter(user__in=pks).values_list("user_id", "channel"))
    of_teams = dict(chosen.filter(team__isnull=False).values_list("team_id", "channel"))
    teams: dict[int, set[int]] = defaultdict(set)
    if of_teams:
        for team_pk, user_pk in Membership.objects.filter(user__in=pks, team__in=of_teams).values_list("team", "user"):
            teams[user_pk].add(team_pk)
    found = {}
    for pk in pks:
        mine = {team.pk} if team is not None and team.pk in teams[pk] else teams[pk]
        by_teams = _strongest({of_teams[each] for each in mine})
        found[pk] = Channel(own.get(pk) or by_teams or BY_CODE[event].default)
    return found


def _strongest(chosen: Collection[str]) -> Channel | None:
    return next((channel for channel in STRONGEST_FIRST if channel in chosen), None)


def chosen_by(*, user: User | None = None, team: Team | None = None) -> dict[str, str]:
    """Return what a person or a team has chosen, by event; events without a choice are left out."""
    return dict(NoticePreference.objects.filter(user=user, team=team).values_list("event", "channel"))


def choose_for_oneself(actor: User, *, choices: Mapping[str, str], hour: int, time_zone: str) -> None:
    """Keep what a person chooses, by event, and when the daily summary comes."""
    with transaction.atomic(durable=True):
        if not locked_people(actor)[actor.pk].is_active:
            raise RefusedError("", NO_LONGER_ALLOWED, "Your account is disabled.")
        when = DigestTime.objects.filter(user=actor).first() or DigestTime(user=actor)
        before: dict[str, object] = {**chosen_by(user=actor), "hour": when.hour, "time_zone": when.time_zone}
        when.hour, when.time_zone = hour, time_zone
        _choose(choices, user=actor)
        when.save()
        after: dict[str, object] = {**chosen_by(user=actor), "hour": hour, "time_zone": time_zone}
        if before != after:
            record(
                actor,
                verb="Choose notifications",
                kind=SESSIONS,
                object_pk=actor.pk,
                object_name=actor.username,
                before=before,
                after=after,
            )


def choose_for_team(actor: User, *, team: Team, choices: Mapping[str, str]) -> None:
    """Keep what the members of a team get who have chosen nothing. Raise RefusedError unless the actor leads it."""
    with transaction.atomic(durable=True):
        leader_and(actor, team)
        before = chosen_by(team=team)
        _choose(choices, team=team)
        after = chosen_by(team=team)
        if before != after:
            note_team(actor, "Choose notifications of team", team, before=before, after=after)


def _choose(choices: Mapping[str, str], *, user: User | None = None, team: Team | None = None) -> None:
    """Keep what a person or a team chooses, by event; "" removes the choice."""
    rows = NoticePreference.objects.filter(user=user, team=team)
    rows.delete()
    NoticePreference.objects.bulk_create(
        NoticePreference(user=user, team=team, event=event.code, channel=choices[event.code])
        for event in EVENTS
        if choices.get(event.code)
    )


def default_channels() -> dict[str, Channel]:
    """Return the channel of each event for people whose teams have chosen nothing."""
    return {event.code: event.default for event in EVENTS}


def inherited_channels(user: User) -> dict[str, Channel]:
    """Return the channel of each event if the person chooses nothing: by the teams, or the default."""
    chosen: dict[str, set[str]] = defaultdict(set)
    rows = NoticePreference.objects.filter(team__members=user).values_list("event", "channel")
    for event, channel in rows:
        chosen[event].add(channel)
    return {code: _strongest(chosen[code]) or default for code, default in default_channels().items()}


def address_of(user: User) -> str:
    """Return the verified main address of an account, else the one that an administrator entered, or ""."""
    verified = EmailAddress.objects.filter(user=user.pk, verified=True).order_by("-primary", "pk").first()
    return str(verified.email) if verified else user.email
