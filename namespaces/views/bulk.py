"""Change many clients at once: the question with what it sends to Azure, and the change."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from namespaces.access import get_namespace
from namespaces.actions.bulk import CHANGES, MOST, Chosen, change_clients, chosen_clients
from namespaces.models import Client, Namespace
from namespaces.rights import Verb
from namespaces.views.clients import CLIENTS
from namespaces.views.resources.conflicts import NO_GENERATION
from namespaces.views.resources.pages import grid_context, name_problem
from namespaces.views.resources.progress import announce_many
from namespaces.views.sharing.bulk_teams import assign_clients
from portal.listing import whole_number
from portal.web.responses import PageRequest, go_to, render_page
from sync.models import editions
from sync.pages import overview
from sync.pages.confirmation import Question
from sync.pages.left_rows import left_rows

NAMES_SHOWN = 8
SEEN = "generations"  # the field with the editions of the chosen clients when the question was asked
MOST_UNTYPED = 20  # clients that are deleted without typing the name of the namespace


@require_http_methods(["GET", "HEAD", "POST"])
def clients_change(request: PageRequest, pk: int) -> HttpResponseBase:
    """Enable, disable or delete the chosen clients. Ask first, and again when a POST matches other clients by now."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE, model=Client)
    asked = request.POST if request.method == "POST" else request.GET
    if asked.get("change") == "assign":
        return assign_clients(request, namespace, asked, _among(namespace, asked))
    seen = editions.read(asked.get(SEEN, "")) or {}
    chosen = _chosen(namespace, asked)
    if chosen is None or not (chosen.pks or seen):
        messages.info(request, _nothing_to_do(chosen))
        return go_to(request, CLIENTS.url("list"), pk)
    wanted = namespace.name if chosen.change.deletes and len(chosen.pks) > MOST_UNTYPED else ""
    is_sent = request.method == "POST"
    if is_sent and seen and set(chosen.pks) <= set(seen):
        problem = name_problem(request, wanted)
        if not problem:
            return _change(request, namespace, chosen, seen)
    else:
        problem = "" if seen or not is_sent else NO_GENERATION.sentence
    question = replace(_question(namespace, chosen, asked), wanted=wanted, problem=problem)
    return _question_page(request, namespace, chosen, asked, question)


def _change(request: PageRequest, namespace: Namespace, chosen: Chosen, seen: Mapping[int, int]) -> HttpResponseBase:
    """Change the clients that are as they were shown, and report the others one by one."""
    changed = change_clients(request.user, namespace=namespace, change=chosen.change, pks=chosen.pks, seen=seen)
    missing = Client.visible_to(namespace.sight).filter(pk__in=set(seen) - set(chosen.pks))
    mine = missing.filter(namespace.rights.reach(Client).condition)
    others = set(missing.values_list("pk", flat=True)) - set(mine.values_list("pk", flat=True))
    gone = set(seen) - set(chosen.pks) - others
    left = {pk: seen[pk] for pk in (*changed.left, *sorted(gone))}
    done = f"{chosen.change.label}: {_clients(changed.done)} saved and on the way to Azure."
    if not left:
        announce_many(request, namespace, CLIENTS, chosen.change.label, chosen.pks)
        return go_to(request, _list_url(namespace, request.POST))
    title = f"{_clients(len(left))} left as {_it(len(left))}"
    context = grid_context(
        request, namespace, CLIENTS, left=left_rows(namespace.sight, {Client: left}), done=done, title=title
    )
    return render_page(request, "namespaces/clients_left.html", context)


def _chosen(namespace: Namespace, asked: QueryDict) -> Chosen | None:
    """Return the ticked clients (`client`) or all that match the filter (`which=all`); None for an unknown change."""
    change = CHANGES.get(asked.get("change", ""))
    if change is None:
        return None
    return chosen_clients(
        namespace, change=change, among=_among(namespace, asked), reach=namespace.rights.reach(Client)
    )


def _among(namespace: Namespace, asked: QueryDict) -> Q:
    if asked.get("which") == "all":
        return CLIENTS.listing.condition(namespace, asked)
    return Q(pk__in=[pk for text in asked.getlist("client")[:MOST] if (pk := whole_number(text)) is not None])


def _nothing_to_do(chosen: Chosen | None) -> str:
    if chosen is not None and chosen.unchanged:
        return f"Nothing to do: {_clients(chosen.unchanged)} chosen, already in this state."
    if chosen is not None and chosen.others:
        return f"Nothing to do: {_clients(chosen.others)} chosen, owned by other teams."
    return "Choose at least one client, and what to do."


def _question_page(
    request: PageRequest, namespace: Namespace, chosen: Chosen, asked: QueryDict, question: Question
) -> HttpResponse:
    context = grid_context(
        request,
        namespace,
        CLIENTS,
        question=question,
        chosen=chosen,
        ticked=asked.getlist("client"),
        which=asked.get("which", ""),
    )
    return render_page(
        request, "namespaces/clients_change.html", context, partial="pane", status=422 if question.problem else 200
    )


def _question(namespace: Namespace, chosen: Chosen, asked: QueryDict) -> Question:
    change, count = chosen.change, len(chosen.pks)
    writes, deletes = (0, count) if change.deletes else (count, 0)
    sentences = [
        _named(namespace, chosen.pks),
        change.meaning,
        overview.announcement(namespace.resource_id, writes=writes, deletes=deletes),
    ]
    if chosen.unchanged:
        sentences.append(f"{chosen.unchanged:,} of the chosen clients {_is(chosen.unchanged)} already in this state.")
    if chosen.others:
        sentences.append(f"{_clients(chosen.others)} of other teams {_is(chosen.others)} left as {_it(chosen.others)}.")
    if count == MOST:
        sentences.append(f"At most {MOST:,} are changed at once. Do the same again for the others.")
    kept = [(name, value) for name in ("which", "client", *CLIENTS.listing.keys) for value in asked.getlist(name)]
    return Question(
        f"{change.label} {_clients(count)}",
        tuple(sentences),
        change.label,
        "danger" if change.code != "enable" else "primary",
        reverse("namespaces:clients_change", args=[namespace.pk]),
        _list_url(namespace, asked),
        (("change", change.code), (SEEN, editions.written(chosen.editions)), *kept),
    )


def _list_url(namespace: Namespace, asked: QueryDict) -> str:
    """Return the list with the filter that the change was chosen with."""
    kept = [(name, asked[name]) for name in CLIENTS.listing.keys if asked.get(name)]
    return reverse(CLIENTS.url("list"), args=[namespace.pk]) + (f"?{urlencode(kept)}" if kept else "")


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count:,} clients"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _it(count: int) -> str:
    return "it is" if count == 1 else "they are"


def _named(namespace: Namespace, pks: Sequence[int]) -> str:
    """Name the first few clients, so that the user sees whether they are the intended ones."""
    first = Client.visible_to(namespace.sight).filter(pk__in=pks[:NAMES_SHOWN])
    names = list(first.order_by("name").values_list("name", flat=True))
    more = len(pks) - len(names)
    return f"{', '.join(names)} and {more:,} more." if more else f"{', '.join(names)}."
