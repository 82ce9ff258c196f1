"""The accounts of a demo, which its sign-in page offers to click."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

from portal.demo.state import StateFolder
from portal.models import User

ROLES = {"admin": "Administrator"}  # other roles are their own words


@dataclass(frozen=True)
class DemoAccount:
    username: str
    name: str
    role: str
    team: str


def are_offered(request: HttpRequest) -> bool:
    """Return whether accounts may be clicked: in a demo that listens on loopback and is asked from this machine."""
    if not settings.DEMO or settings.PRODUCTION or getattr(request, "forwarded", "") != "":
        return False
    addresses = (request.META.get("SERVER_NAME", ""), request.META.get("REMOTE_ADDR", ""))
    return all(_is_loopback(each) for each in (*addresses, split_domain_port(request.get_host())[0].strip("[]")))


def demo_accounts() -> Sequence[DemoAccount]:
    """Return the accounts that the demo created and that can still sign in."""
    folder = _folder()
    roles = {each["username"]: each["role"] for each in _read(folder.seed, {}).get("users", [])}
    people = User.objects.filter(username__in=roles, is_active=True).prefetch_related("teams")
    by_name = {person.username: person for person in people}
    return [
        DemoAccount(
            username,
            by_name[username].display_name,
            ROLES.get(role, role.capitalize()),
            ", ".join(sorted(team.name for team in by_name[username].teams.all())),
        )
        for username, role in roles.items()
        if username in by_name
    ]


def password_of(username: str) -> str | None:
    """Return the password that the demo gave this account; None for every other account."""
    known: dict[str, str] = _read(_folder().passwords, {})
    return known.get(username)


def _folder() -> StateFolder:
    return StateFolder(Path(settings.STATE_DIR))


def _read(path: Path, otherwise: Any) -> Any:
    """Return a JSON file of the state folder, or `otherwise` before it is there."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return otherwise


def _is_loopback(address: str) -> bool:
    try:
        return address == "localhost" or ip_address(address).is_loopback
    except ValueError:  # a host name, or a Unix domain socket
        return False
