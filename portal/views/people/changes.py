"""What administrators do with an account, each after a question: disable, enable, make administrator, reset."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from portal.models import User
from portal.people import accounts
from portal.people.authority import RefusedError, is_administrator_by_sso
from portal.views.people.context import Question, ask_first, get_person, link_made, people_context
from portal.web.responses import PageRequest

asks_first = require_http_methods(["GET", "HEAD", "POST"])


@asks_first
def person_disable(request: PageRequest, person: int) -> HttpResponseBase:
    found = get_person(request, person)
    lines = (
        "They are signed out everywhere at once, and cannot sign in.",
        "Their calendar addresses, password links and the invitations they sent stop working. These stay ended if you "
        "enable the account again.",
        "What they created stays, and their roles and teams are kept for when the account is enabled.",
    )
    question = Question("Disable account", found.display_name, lines, "Disable", "danger")

    def act() -> str:
        accounts.disable_person(request.user, person=found)
        return f"{found.display_name} is disabled."

    return _ask(request, found, question, act)


@asks_first
def person_enable(request: PageRequest, person: int) -> HttpResponseBase:
    found = get_person(request, person)
    lines = ("They can sign in again with the same password, and have the same teams and roles as before.",)

    def act() -> str:
        accounts.enable_person(request.user, person=found)
        return f"{found.display_name} is active again."

    return _ask(request, found, Question("Enable account", found.display_name, lines, "Enable"), act)


@asks_first
def person_promote(request: PageRequest, person: int) -> HttpResponseBase:
    found = get_person(request, person)
    lines = ("An administrator owns every namespace, connects further ones, and manages people and teams.",)

    def act() -> str:
        accounts.set_administrator(request.user, person=found, is_administrator=True)
        return f"{found.display_name} is an administrator now."

    return _ask(request, found, Question("Make administrator", found.display_name, lines, "Make administrator"), act)


@asks_first
def person_demote(request: PageRequest, person: int) -> HttpResponseBase:
    found = get_person(request, person)
    lines = ("They keep the roles that were given to them or to their teams, and nothing else.",)

    def act() -> str:
        accounts.set_administrator(request.user, person=found, is_administrator=False)
        return f"{found.display_name} is no longer an administrator."

    keeps = accounts.ADMINISTRATOR_BY_SSO if is_administrator_by_sso(found) else ""
    title = "Remove administrator"
    question = Question(title, found.display_name, lines, title, "danger", warning=keeps)
    return _ask(request, found, question, act)


@asks_first
def person_sign_out(request: PageRequest, person: int) -> HttpResponseBase:
    found = get_person(request, person)
    lines = ("All their sessions end at once. They can sign in again.",)

    def act() -> str:
        accounts.sign_out_person(request.user, person=found)
        return f"{found.display_name} is signed out everywhere."

    return _ask(request, found, Question("Sign out everywhere", found.display_name, lines, "Sign out everywhere"), act)


@asks_first
def person_reset_second_step(request: PageRequest, person: int) -> HttpResponseBase:
    found = get_person(request, person)
    lines = (
        "Their authenticator app and recovery codes stop working, and they are signed out everywhere.",
        "Make sure first that the request really comes from them: until they set it up again, the password alone is enough.",
    )

    def act() -> str:
        was_on = accounts.reset_second_step(request.user, person=found)
        return f"Two-step sign-in of {found.display_name} {'is reset' if was_on else 'was not on'}."

    return _ask(request, found, Question("Reset two-step sign-in", found.display_name, lines, "Reset", "danger"), act)


@asks_first
def person_password_link(request: PageRequest, person: int) -> HttpResponseBase:
    """Make a link with which the person chooses a password. It is shown only in this response."""
    found = get_person(request, person)
    lines = (
        "You get a link with which they choose a new password. It works once and for a day; earlier links stop working.",
        "Their present password works until then. When they have chosen a new one, all their sessions end.",
    )
    question = Question("Reset password", found.display_name, lines, "Create link")
    context = people_context(request, user_changed=found)
    if request.method != "POST":
        return ask_first(request, question, str, back=(), context=context)
    try:
        secret = accounts.make_password_link(request.user, person=found)
    except RefusedError as refusal:
        return ask_first(request, question, _refuse(refusal), back=(), context=context)
    context |= {"pane_title": "Password link", "for_whom": found.display_name, "days": 1}
    return link_made(
        request,
        secret,
        "people/link_made.html",
        context,
        mail="account/email/password_link",
        to=found.email,
        names={"username": found.username},
    )


def _refuse(refusal: RefusedError) -> Callable[[], str]:
    def act() -> str:
        raise refusal

    return act


def _ask(request: PageRequest, person: User, question: Question, act: Callable[[], str]) -> HttpResponseBase:
    context = people_context(request, user_changed=person)
    return ask_first(request, question, act, back=("portal:person_detail", person.pk), context=context)
