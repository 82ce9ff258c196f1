"""The context of every page. It queries the database only when a template uses it."""

from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.activity import seen_until
from portal.models import User
from portal.pages.bell import unread_count
from portal.pages.side_panel import SidePanel, side_panel
from portal.registry import ShellBar, administrator_warnings, shell_bars
from portal.short_cache import kept

THEMES = (("system", "As the system", "monitor"), ("light", "Light", "sun"), ("dark", "Dark", "moon"))


class Shell:
    """Theme, bell and teams of the current user."""

    themes = THEMES

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def _user(self) -> User | None:
        user = getattr(self._request, "user", None)
        return user if isinstance(user, User) else None

    @cached_property
    def theme(self) -> str:
        """Return light or dark if the user chose one, else "": the system decides."""
        chosen = self._request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
        return chosen if chosen in {"light", "dark"} else ""

    @property
    def theme_choice(self) -> str:
        return self.theme or "system"

    @cached_property
    def unread(self) -> int:
        user = self._user
        return kept(f"unread:{user.pk}:{seen_until(user)}", lambda: unread_count(user)) if user else 0

    @property
    def unread_text(self) -> str:
        return "99+" if self.unread > 99 else str(self.unread)

    @cached_property
    def administrator_warnings(self) -> list[str]:
        """Return the faults of the running portal, for administrators only."""
        return administrator_warnings() if self._user is not None and self._user.is_superuser else []

    @cached_property
    def bars(self) -> list[ShellBar]:
        """Return the bars that apps put above the content of this user's pages."""
        if self._user is None or not self._user.is_authenticated:
            return []
        return shell_bars(self._user, self._request.get_full_path() if self._request.method == "GET" else "")

    @cached_property
    def side_panel(self) -> SidePanel | None:
        """Return what an app shows beside the page, such as the lab."""
        return side_panel(self._user) if self._user is not None else None

    @cached_property
    def team_names(self) -> str:
        if self._user is None:
            return ""
        teams = self._user.teams.order_by("name").values_list("name", flat=True)
        return kept(f"teams:{self._user.pk}", lambda: ", ".join(teams))


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"shell": Shell(request)}
