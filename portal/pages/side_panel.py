"""What an app shows beside every page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal.models import User


@dataclass(frozen=True)
class SidePanel:
    """A template and its context, as `panel`."""

    template: str
    context: Any


SidePanelSource = Callable[[User], SidePanel | None]
_sources: list[SidePanelSource] = []


def register_side_panel(source: SidePanelSource) -> None:
    if source not in _sources:
        _sources.append(source)


def side_panel(user: User) -> SidePanel | None:
    """Return the panel beside the pages of this user: of the first app that has one."""
    return next((found for source in _sources if (found := source(user)) is not None), None)
