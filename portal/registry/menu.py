"""The service menus: of a namespace, and of the portal's home."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal.models import User
from portal.short_cache import kept


@dataclass(frozen=True)
class MenuItem:
    """One entry of a namespace's service menu. `url_name` is reversed with the namespace's primary key."""

    group: str  # "" for the entries above the groups
    label: str
    icon: str
    url_name: str
    order: int = 100
    count: Callable[[Any], int | None] | None = None  # takes what the user sees in the namespace, as its `sight`
    need: str = ""  # "warning" or "bad": the count is of what needs a person, a badge; 0 is not shown
    note: Callable[[User], str] | None = None  # words beside it instead of a count, such as "2 of 14"


@dataclass(frozen=True)
class MenuEntry:
    """A menu item with its count for one namespace."""

    item: MenuItem
    count: int | None


_menu_items: list[MenuItem] = []


def register_menu_item(item: MenuItem) -> None:
    if item not in _menu_items:
        _menu_items.append(item)
        _menu_items.sort(key=lambda known: (known.order, known.label))


def menu_for(namespace_pk: int, sight: Any) -> list[tuple[str, list[MenuEntry]]]:
    """Return the service menu of one namespace: groups in the order of their first item, each with its entries.

    `sight` is what the user sees in it: the counts are of that, and kept under its `key`.
    """
    groups: dict[str, list[MenuEntry]] = {}
    counts = kept(f"menu:{namespace_pk}:{sight.key}", lambda: _counts(sight))
    for item in _menu_items:
        entry = MenuEntry(item, counts.get(item.url_name))
        groups.setdefault(item.group, []).append(entry)
    return list(groups.items())


def _counts(sight: Any) -> dict[str, int | None]:
    return {item.url_name: item.count(sight) for item in _menu_items if item.count}


def menu_items() -> tuple[MenuItem, ...]:
    """Return every entry of a namespace's service menu."""
    return tuple(_menu_items)


@dataclass(frozen=True)
class ShellItem:
    """One entry of the service menu of the portal's home."""

    group: str  # "" for the entries above the groups
    label: str
    icon: str
    url_name: str
    order: int = 100
    is_shown: Callable[[User], bool] = lambda user: True
    count: Callable[[User], int | None] = lambda user: None
    note: Callable[[User], str] | None = None  # words beside it instead of a count, such as "2 of 14"


_shell_items: list[ShellItem] = []


def register_shell_item(item: ShellItem) -> None:
    if item.url_name not in [known.url_name for known in _shell_items]:
        _shell_items.append(item)
        _shell_items.sort(key=lambda known: (known.order, known.label))


def shell_items(user: User) -> list[ShellItem]:
    """Return the entries of the home's service menu that the user may open."""
    return [item for item in _shell_items if item.is_shown(user)]
