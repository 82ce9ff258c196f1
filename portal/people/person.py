"""What the page of one person shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Q
from django.http import QueryDict

from portal.listing import whole_number
from portal.models import AccessLink, Activity, Membership, User
from portal.people.authority import is_administrator_by_sso, is_by_sso, is_membership_by_sso, uses_password
from portal.people.states import State, locked_people, state_of
from portal.registry import RightSection, role_book

RECENT = 5


@dataclass(frozen=True)
class Answer:
    """*What can this person do?* in one place, and the places to choose from."""

    places: Sequence[tuple[int, str]]
    place: int | None
    place_name: str
    sections: Sequence[RightSection]


@dataclass(frozen=True)
class PersonPage:
    user: User
    state: State
    memberships: Sequence[tuple[Membership, bool]]  # and whether single sign-on manages it
    is_by_sso: bool  # name and address
    is_administrator_by_sso: bool
    sessions: int
    has_second_step: bool
    may_use_password: bool
    password_link: AccessLink | None
    last_address: str
    answer: Answer
    activity: Sequence[Activity]


def person_page(user: User, query: QueryDict) -> PersonPage:
    memberships = Membership.objects.filter(user=user).select_related("team").order_by("team__name")
    about = Q(kind="portal.user", object_pk=user.pk) | Q(kind="portal.session", object_pk=user.pk) | Q(actor=user)
    last = Activity.objects.filter(kind="portal.session", object_pk=user.pk, verb="Sign in").first()
    address: Any = (last.after or {}).get("address", "") if last else ""
    links = AccessLink.objects.filter(user=user, purpose=AccessLink.Purpose.PASSWORD, used_at=None, revoked_at=None)
    return PersonPage(
        user=user,
        state=state_of(user, locked_people([user.pk])),
        memberships=[(held, is_membership_by_sso(held)) for held in memberships],
        is_by_sso=is_by_sso(user),
        is_administrator_by_sso=is_administrator_by_sso(user),
        sessions=UserSession.objects.filter(user=user).count(),
        has_second_step=Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists(),
        may_use_password=uses_password(user),
        password_link=links.order_by("-expires_at").first(),
        last_address=address,
        answer=what_can(user, query.get("namespace", "")),
        activity=list(Activity.objects.filter(about)[:RECENT]),
    )


def what_can(user: User, asked: str) -> Answer:
    """Return what the user may do in the place that was asked for, else in the first one."""
    places = role_book().places(user)
    names = dict(places)
    pk = whole_number(asked)
    place = pk if pk in names else next(iter(names), None)
    sections = role_book().explain(user, place) if place is not None else ()
    return Answer(places, place, names[place] if place is not None else "", sections)
