"""What administrators do with an account, each after a question: disable, enable, make administrator, reset."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpResponseBase
from django.views.decorators.http import require_http_methods

from portal.models import User
from portal.people import accounts
from portal.people.authority import RefusedError, is_administrator_by_sso
from portal.views.people.context import Question, ask_first, get_person, link_made, people_context
from portal.web.responses import PageRequest

asks_first = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True)
class Change:
    """A change of an account: its question, `act` of the actor and the person, and what is said afterwards of the name.

    `keeps`: why it is not possible for this person, shown instead of the button.
    """

    title: str
    lines: tuple[str, ...]
    act: Callable[[User, User], object]
    done: str
    button: str = ""
    kind: str = "primary"
    keeps: Callable[[User], str] = lambda person: ""


def page_of(change: Change) -> Callable[..., HttpResponseBase]:
    """Return the view that asks for a change, and makes it."""

    @asks_first
    def page(request: PageRequest, person: int) -> HttpResponseBase:
        found = get_person(request, person)
        button = change.button or change.title
        name = found.display_name
        question = Question(change.title, name, change.lines, button, change.kind, warning=change.keeps(found))

        def act() -> str:
            change.act(request.user, found)
            return change.done.format(name)

        back, context = ("portal:person_detail", found.pk), people_context(request, user_changed=found)
        return ask_first(request, question, act, back=back, context=context)

    return page


person_disable = page_of(
    Change(
        "Disable account",
        (
            "They are signed out everywhere at once, and cannot sign in.",
            "Their calendar addresses, password links and the invitations they sent stop working. These stay ended if you "
            "enable the account again.",
            "What they created stays, and their roles and teams are kept for when the account is enabled.",
        ),
        lambda actor, person: accounts.disable_person(actor, person=person),
        "{} is disabled.",
        "Disable",
        "danger",
    )
)
person_enable = page_of(
    Change(
        "Enable account",
        ("They can sign in again with the same password, and have the same teams and roles as before.",),
        lambda actor, person: accounts.enable_person(actor, person=person),
        "{} is active again.",
        "Enable",
    )
)
person_promote = page_of(
    Change(
        "Make administrator",
        ("An administrator owns every namespace, connects further ones, and manages people and teams.",),
        lambda actor, person: accounts.set_administrator(actor, person=person, is_administrator=True),
        "{} is an administrator now.",
    )
)
person_demote = page_of(
    Change(
        "Remove administrator",
        ("They keep the roles that were given to them or to their teams, and nothing else.",),
        lambda actor, person: accounts.set_administrator(actor, person=person, is_administrator=False),
        "{} is no longer an administrator.",
        kind="danger",
        keeps=lambda person: accounts.ADMINISTRATOR_BY_SSO if is_administrator_by_sso(person) else "",
    )
)
person_sign_out = page_of(
    Change(
        "Sign out everywhere",
        ("All their sessions end at once. They can sign in again.",),
        lambda actor, person: accounts.sign_out_person(actor, person=person),
        "{} is signed out everywhere.",
    )
)
person_reset_second_step = page_of(
    Change(
        "Reset two-step sign-in",
        (
            "Their authenticator app and recovery codes stop working, and they are signed out everywhere.",
            "Make sure first that the request really comes from them: until they set it up again, the password alone is enough.",
        ),
        lambda actor, person: accounts.reset_second_step(actor, person=person),
        "Two-step sign-in of {} is off.",
        "Reset",
        "danger",
    )
)


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
