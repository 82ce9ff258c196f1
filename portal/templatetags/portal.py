"""Tags and filters that every template can use."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.forms import BoundField
from django.http import HttpRequest
from django.template.context import RequestContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from certificates.x509.certificate import NO_EXPIRY_YEAR
from portal.registry import MenuEntry, MenuItem, menu_for, shell_items
from portal.web.invisible_characters import named

register = template.Library()

WARNING_DAYS, URGENT_DAYS = 30, 7  # as on the Overview
LEAST_PERCENT = 2  # of a bar, so that what is left is seen


@dataclass(frozen=True)
class DrawnEntry:
    """A menu entry with its address."""

    label: str
    icon: str
    url: str
    count: int | None
    need: str  # "warning", "bad" or ""
    is_current: bool
    note: str = ""


@dataclass(frozen=True)
class DrawnGroup:
    label: str
    entries: tuple[DrawnEntry, ...]


@dataclass(frozen=True)
class ServiceMenu:
    """The service menu of one namespace on a page. `title` and `icon` are those of the current entry."""

    groups: tuple[DrawnGroup, ...]
    title: str
    icon: str


def current_item(items: list[MenuItem], view_name: str) -> MenuItem | None:
    """The entry a view belongs to: its own, else the one whose noun its name begins with.

    "namespaces:client_update" belongs to "namespaces:client_list".
    """
    exact = [item for item in items if item.url_name == view_name]
    if exact:
        return exact[0]
    stems = [(item.url_name.rpartition("_")[0] + "_", item) for item in items]
    kin = [(len(stem), item.order, item) for stem, item in stems if view_name.startswith(stem)]
    return max(kin, key=lambda found: (found[0], -found[1]))[2] if kin else None


@register.simple_tag(takes_context=True)
def service_menu(context: RequestContext, namespace: Any) -> ServiceMenu:
    """The menu, once per request however often a page asks. `menu_current` in the context names another entry."""
    request: HttpRequest = context["request"]
    known: dict[int, list[tuple[str, list[MenuEntry]]]] = request.__dict__.setdefault("_service_menus", {})
    if namespace.pk not in known:
        known[namespace.pk] = menu_for(namespace.pk, namespace.sight)
    groups = known[namespace.pk]
    match = request.resolver_match
    view_name = context.get("menu_current") or (match.view_name if match else "")
    drawn: dict[tuple[int, str], ServiceMenu] = request.__dict__.setdefault("_drawn_menus", {})
    found = drawn.get((namespace.pk, view_name))
    if found is None:
        found = drawn[namespace.pk, view_name] = _drawn_menu(groups, namespace.pk, view_name, request.user)
    return found


def _drawn_menu(groups: list[tuple[str, list[MenuEntry]]], namespace_pk: int, view_name: str, user: Any) -> ServiceMenu:
    current = current_item([entry.item for _, entries in groups for entry in entries], view_name)
    return ServiceMenu(
        tuple(
            DrawnGroup(label, tuple(_drawn(entry, namespace_pk, current, user) for entry in entries))
            for label, entries in groups
        ),
        current.label if current else "",
        current.icon if current else "network",
    )


@register.simple_tag(takes_context=True)
def home_menu(context: RequestContext) -> ServiceMenu:
    """The service menu of the portal's home, without a namespace."""
    request: HttpRequest = context["request"]
    user: Any = request.user
    items = shell_items(user) if user.is_authenticated else []
    match = request.resolver_match
    view_name = context.get("menu_current") or (match.view_name if match else "")
    groups: dict[str, list[DrawnEntry]] = {}
    for item in items:
        note, is_current = item.note(user) if item.note else "", item.url_name == view_name
        entry = DrawnEntry(item.label, item.icon, reverse(item.url_name), item.count(user), "", is_current, note)
        groups.setdefault(item.group, []).append(entry)
    current = next((item for item in items if item.url_name == view_name), None)
    drawn = tuple(DrawnGroup(label, tuple(entries)) for label, entries in groups.items())
    return ServiceMenu(drawn, current.label if current else "", current.icon if current else "")


def _drawn(entry: MenuEntry, namespace_pk: int, current: MenuItem | None, user: Any) -> DrawnEntry:
    item = entry.item
    url = reverse(item.url_name, args=[namespace_pk])
    note = item.note(user) if item.note else ""
    return DrawnEntry(item.label, item.icon, url, entry.count, item.need, item == current, note)


@register.filter
def initials(name: object) -> str:
    """Up to two letters for an avatar: "Dana Ahmed" → "DA", "reader" → "RE"."""
    words = str(name).replace("-", " ").replace(".", " ").replace("_", " ").split()
    if not words:
        return "?"
    return (words[0][:2] if len(words) == 1 else words[0][0] + words[-1][0]).upper()


@register.filter
def thumbprint(value: object, form: str = "full") -> str:
    """A thumbprint in groups of four; "short" keeps the first two groups and the last."""
    text = str(value or "")
    groups = [text[start : start + 4] for start in range(0, len(text), 4)]
    if form == "short" and len(groups) > 4:
        return f"{groups[0]} {groups[1]} … {groups[-1]}"
    return " ".join(groups)


@register.filter
def visible(value: object) -> str:
    """Return text from certificates, Azure or clients with its invisible characters shown, so that no name looks like another.

    Control characters, bidirectional overrides, zero-width and unassigned characters become ‹U+202E›.
    """
    return "" if value is None else named(str(value))


_FORMATS = {
    "date": "%d %b %Y",
    "day": "%d %b",
    "month": "%b",
    "hour": "%H:%M",
    "time": "%H:%M:%S",
    "datetime": "%d %b %Y %H:%M",
    "exact": "%d %b %Y %H:%M:%S",
}
_WITHOUT_ZONE = {"date", "day", "month", "hour"}  # labels of an axis, and days


@register.simple_tag
def local_time(value: datetime | None, form: str = "datetime") -> SafeString | str:
    """Return a time in the reader's time zone, with the UTC time on hover; "no expiry" for the last day of certificates that
    have none. `form`: date, day, month, hour, time, datetime or exact.
    """
    if value is None:
        return "–"
    moment = value.astimezone(UTC)
    if moment.year >= NO_EXPIRY_YEAR:
        return format_html('<time datetime="{}" data-no-expiry>no expiry</time>', moment.isoformat(timespec="seconds"))
    text = moment.strftime(_FORMATS[form]) + ("" if form in _WITHOUT_ZONE else " UTC")
    exact = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    # Nothing here needs escaping, which takes time for hundreds of rows.
    title = moment.strftime("%d %b %Y %H:%M:%S UTC")
    return SafeString(f'<time datetime="{exact}" data-local="{form}" title="{title}">{text}</time>')


_IN_PROGRESS = "in-progress "


@register.simple_tag
def progress_address(message: Message) -> str:
    """Return the address that a notification asks for what becomes of it, or "" for one that is final."""
    tags = str(message.extra_tags or "")
    return tags.removeprefix(_IN_PROGRESS) if tags.startswith(_IN_PROGRESS) else ""


_TIME_IN_TEXT = re.compile(r"\b\d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2} UTC")


@register.filter
def with_times(value: object) -> SafeString:
    """Return text as `visible` does, with the times that it names in UTC in the reader's time zone.

    The sentences of a decision are stored and sent with times in UTC.
    """
    text = visible(value)
    places = [(found, _utc(found[0])) for found in _TIME_IN_TEXT.finditer(text)]
    parts, end = [], 0
    for found, moment in places:
        if moment is not None:
            parts += [escape(text[end : found.start()]), local_time(moment)]
            end = found.end()
    return format_html_join("", "{}", ([part] for part in (*parts, escape(text[end:]))))


def _utc(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%d %b %Y %H:%M UTC").replace(tzinfo=UTC)
    except ValueError:  # the 31st of February, in somebody's name
        return None


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@register.simple_tag
def time_ago(value: datetime | None) -> SafeString | str:
    """Return how long ago a time is, such as "4 min ago", with the exact time on hover. Older than a month: the date."""
    if value is None:
        return "–"
    seconds = (timezone.now() - value).total_seconds()
    if seconds >= 30 * 86_400:
        return local_time(value, "date")
    amount = next((f"{int(seconds // unit)} {word} ago" for unit, word in _UNITS if seconds >= unit), "just now")
    moment = value.astimezone(UTC)
    exact = moment.strftime("%d %b %Y %H:%M:%S UTC")
    return SafeString(f'<time datetime="{moment.isoformat(timespec="seconds")}" title="{exact}">{amount}</time>')


@register.filter
def expiry_kind(expires_at: datetime, at: datetime | None = None) -> str:
    """Return how urgent an expiry is at a time: "bad" once it has passed, "warning" in the last month, else ""."""
    left = (expires_at - (at or timezone.now())).days
    return "bad" if left < 0 else "warning" if left < WARNING_DAYS else ""


_KINDS = {
    "good": {"succeeded", "enabled", "accepted", "done", "healthy", "passed", "saved"},
    "bad": {"failed", "refused", "expired", "unreachable"},
    "warning": {"deleting", "expiring", "warning"},
    "busy": {"syncing", "bringing in", "running"},
    "waiting": {"pending", "waiting"},
}


@register.filter
def status_kind(state: object) -> str:
    """Return the colour group of a state. A kind is its own group; an unknown state is quiet."""
    word = str(state).lower()
    if word in _KINDS:
        return word
    return next((kind for kind, words in _KINDS.items() if word in words), "quiet")


@register.filter
def status_mark(state: object, kind: str = "") -> SafeString:
    """Return a state as a mark and a word, as `components/status.html` draws it; for rows, of which there are hundreds."""
    return SafeString(f'<span class="status {escape(status_kind(kind or state))}">{escape(str(state))}</span>')


@dataclass(frozen=True)
class Validity:
    """How much of a validity period is left: percent, colour group and a sentence."""

    percent: int
    kind: str
    text: str


@register.simple_tag
def validity(not_before: datetime | None, not_after: datetime | None, at: datetime | None = None) -> Validity | None:
    if not_before is None or not_after is None:
        return None
    moment = at or timezone.now()
    left = time_left(not_after, moment)
    if moment > not_after:
        return Validity(0, "bad", left.text.replace("Ended", "Expired"))
    if moment < not_before:
        return Validity(100, "warning", f"Not valid yet: starts in {_days((not_before - moment).days)}")
    if not_after.year >= NO_EXPIRY_YEAR or not_after <= not_before:
        return Validity(100, left.kind, left.text)
    share = (not_after - moment) / (not_after - not_before)
    return Validity(max(round(share * 100), LEAST_PERCENT), left.kind, left.text)


@register.simple_tag
def time_left(not_after: datetime, at: datetime | None = None) -> Validity:
    """Return the time until a certificate expires, when its start is not known."""
    moment = at or timezone.now()
    days = (not_after - moment).days
    if moment > not_after:
        ago = (moment - not_after).days
        return Validity(0, "bad", "Ended today" if ago == 0 else f"Ended {_days(ago)} ago")
    if not_after.year >= NO_EXPIRY_YEAR:
        return Validity(100, "good", "No expiry")
    kind = "bad" if days < URGENT_DAYS else "warning" if days < WARNING_DAYS else "good"
    return Validity(0, kind, f"{_days(days)} left")


def _days(count: int) -> str:
    return "less than a day" if count == 0 else "1 day" if count == 1 else f"{count} days"


@register.simple_tag
def field_input(field: BoundField, check_url: str | None = None, accept: str | None = None) -> SafeString:
    """Return the widget of a field, tied to its hint, errors and check slot; with `check_url` it is checked while the user types."""
    described = [field.field.widget.attrs.get("aria-describedby") or field.aria_describedby or ""]
    attrs: dict[str, str | bool] = {"aria-describedby": " ".join([*filter(None, described), f"{field.auto_id}_check"])}
    if accept is not None or field.widget_type == "file":
        attrs["aria-describedby"] = " ".join(filter(None, [f"{field.auto_id}_helptext", *described]))
    if accept:
        attrs["accept"] = accept
    if check_url:
        attrs |= {
            "hx-get": check_url,
            "hx-trigger": "input changed delay:300ms",
            "hx-target": f"#{field.auto_id}_check",
            "hx-swap": "innerHTML",
            "hx-sync": "this:replace",
        }
    return field.as_widget(attrs=attrs)
