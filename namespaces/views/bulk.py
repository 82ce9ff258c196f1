"""Many clients at once: the question with what it sends to Azure, and the change."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from namespaces.access import Verb, get_namespace
from namespaces.actions.bulk import MOST, Chosen, change_clients, chosen_of
from namespaces.models import Client, Namespace
from namespaces.pages.lists import client_grid
from namespaces.pages.responses import PageRequest, go_to, namespace_context, render_page
from namespaces.pages.sync_polling import poll_of
from sync.pages import overview
from sync.pages.confirmation import Question

NAMES_SHOWN = 8


@require_http_methods(["GET", "POST"])
def clients_change(request: PageRequest, pk: int) -> HttpResponseBase:
    """Enable, disable or delete the chosen clients. GET asks first; so does a POST when others match by now."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE)
    asked = request.POST if request.method == "POST" else request.GET
    chosen = chosen_of(namespace, asked)
    if chosen is None or not chosen.pks:
        messages.info(request, _nothing_to_do(chosen))
        return go_to(request, "namespaces:client_list", pk)
    if request.method == "POST" and asked.get("count") == str(len(chosen.pks)):
        done = change_clients(request.user, change=chosen.change, pks=chosen.pks)
        messages.success(request, f"{chosen.change.label}: {_clients(done)} saved and on the way to Azure.")
        return go_to(request, "namespaces:client_list", pk)
    context = namespace_context(
        request,
        namespace,
        question=_question(request, namespace, chosen),
        menu_current="namespaces:client_list",
        ticked=asked.getlist("client"),
        which=asked.get("which", ""),
        **_below(request, namespace),
    )
    return render_page(request, "namespaces/clients_change.html", context, partial="pane")


def _nothing_to_do(chosen: Chosen | None) -> str:
    if chosen is not None and chosen.unchanged:
        return f"Nothing to do: {_clients(chosen.unchanged)} chosen, and each is so already."
    return "Choose at least one client, and what to do."


def _question(request: PageRequest, namespace: Namespace, chosen: Chosen) -> Question:
    change, count = chosen.change, len(chosen.pks)
    writes, deletes = (0, count) if change.deletes else (count, 0)
    said = [
        _named(chosen.pks),
        change.meaning,
        overview.announcement(namespace.resource_id, writes=writes, deletes=deletes),
    ]
    if chosen.unchanged:
        said.append(f"{chosen.unchanged:,} of those chosen {'is' if chosen.unchanged == 1 else 'are'} so already.")
    if count == MOST:
        said.append(f"At most {MOST:,} are changed at once. Do the same again for the others.")
    asked = request.POST if request.method == "POST" else request.GET
    kept = [(name, value) for name in ("which", "q", "team", "client") for value in asked.getlist(name)]
    return Question(
        f"{change.label} {_clients(count)}",
        tuple(said),
        change.label,
        "danger" if change.code != "enable" else "primary",
        reverse("namespaces:clients_change", args=[namespace.pk]),
        reverse("namespaces:client_list", args=[namespace.pk]),
        (("change", change.code), ("count", str(count)), *kept),
    )


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count:,} clients"


def _named(pks: Sequence[int]) -> str:
    """The names of the first few, so that one sees whether these are the ones that were meant."""
    names = list(Client.objects.filter(pk__in=pks[:NAMES_SHOWN]).order_by("name").values_list("name", flat=True))
    more = len(pks) - len(names)
    return f"{', '.join(names)} and {more:,} more." if more else f"{', '.join(names)}."


def _below(request: PageRequest, namespace: Namespace) -> dict[str, Any]:
    grid = client_grid(namespace, request.GET)
    return {"grid": grid, "poll": poll_of(grid.page)}
