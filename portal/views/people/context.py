"""Who may open these pages, and what they share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.cache import add_never_cache_headers

from portal.models import Team, User
from portal.people.authority import RefusedError, manages
from portal.people.links import path_of
from portal.people.lists import people_grid
from portal.sign_in.mail import queue_link
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to, render_page

NAMED = 5  # administrators named in the hint whom to ask


def check_administrator(user: User) -> None:
    """Raise Denied unless the user is an administrator: before anything is looked up, so that nothing is disclosed."""
    if not user.is_superuser:
        raise Denied("Only administrators manage people.", ask_an_administrator)


def check_leader(user: User, team_pk: int) -> None:
    """Raise Denied unless the user is an administrator or leads the team, whether it exists or not."""
    if not (user.is_superuser or manages(user, [team_pk])):
        raise Denied("Only administrators and leads of the team manage its members.", ask_an_administrator)


def ask_an_administrator() -> str:
    rows = User.objects.filter(is_superuser=True, is_active=True).order_by("username")[:NAMED]
    names = ", ".join(row.display_name for row in rows)
    return f"Ask an administrator: {names}." if names else "Ask an administrator of the portal."


def get_person(request: PageRequest, pk: int) -> User:
    check_administrator(request.user)
    person = User.objects.filter(pk=pk).first()
    if person is None:
        raise Http404("There is no such person.")
    return person


def get_team(request: PageRequest, pk: int) -> Team:
    check_leader(request.user, pk)
    team = Team.objects.filter(pk=pk).first()
    if team is None:
        raise Http404("There is no such team.")
    return team


def people_context(request: PageRequest, **more: Any) -> dict[str, Any]:
    """Return what the list of people draws, also below an open pane."""
    local = {"local_accounts": settings.LOCAL_ACCOUNTS}
    return {"grid": people_grid(request.GET), "menu_current": "portal:person_list"} | local | more


@dataclass(frozen=True)
class Question:
    """What a pane asks before a change. `lines` say what happens then."""

    title: str
    subtitle: str
    lines: tuple[str, ...]
    button: str
    kind: str = "primary"
    warning: str = ""


def ask_first(
    request: PageRequest,
    question: Question,
    act: Callable[[], str],
    *,
    back: tuple[Any, ...],
    context: dict[str, Any],
    template: str = "people/confirm.html",
) -> HttpResponseBase:
    """Ask in a pane, and act on POST. `act` returns the sentence about what happened, and may raise RefusedError."""
    if request.method == "POST":
        try:
            sentence = act()
        except RefusedError as refusal:
            context |= {"refusal": refusal}
        else:
            messages.success(request, sentence)
            return go_to(request, *back)
    status = 422 if request.method == "POST" else 200
    return render_page(request, template, context | {"question": question}, partial="pane", status=status)


def link_made(
    request: PageRequest,
    secret: str,
    template: str,
    context: dict[str, Any],
    *,
    mail: str,
    to: str,
    names: dict[str, Any],
) -> HttpResponse:
    """Show a new link, which no other page shows again, and put it into the outbox where there is an address."""
    url = request.build_absolute_uri(path_of(secret))
    purpose = mail.rpartition("/")[2]
    is_mailed = bool(to) and queue_link(
        mail, to, names | {"url": url}, purpose=purpose, lifetime=timedelta(days=context["days"])
    )
    shown = {"url": url, "to": to, "is_mailed": is_mailed}
    response = render_page(request, template, context | shown, partial="pane")
    return keep_secret(response)


Answer = TypeVar("Answer", bound=HttpResponseBase)


def keep_secret(response: Answer, *, in_address: bool = False) -> Answer:
    """Let no cache keep a response with a secret; and where its address has one, let no page that follows learn it."""
    add_never_cache_headers(response)
    if in_address:  # only pages without a form: it would be sent with "Origin: null", which Django refuses
        response.headers["Referrer-Policy"] = "no-referrer"
    return response
