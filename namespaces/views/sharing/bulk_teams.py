"""Give many clients to a team: the question, and the change."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponseBase, QueryDict
from django.urls import reverse

from namespaces.actions.bulk import MOST
from namespaces.actions.ownership import assign_team_to_many, assignable
from namespaces.models import Client, Namespace
from namespaces.pages.sharing.ownership import teams_to_assign
from namespaces.rights import Verb
from namespaces.views.clients import CLIENTS
from namespaces.views.resources.pages import grid_context
from portal.listing import whole_number
from portal.models import Team
from portal.web.responses import PageRequest, go_to, render_page
from sync.pages.confirmation import Question

NONE = "none"


def assign_clients(request: PageRequest, namespace: Namespace, asked: QueryDict, among: Q) -> HttpResponseBase:
    """Assign the team `to` to the clients that `among` selects and the user may give to it. Ask first, and again when others match."""
    team, is_known = _team_asked(request, namespace, asked)
    pks = _chosen(namespace, among, team) if is_known else ()
    if not pks:
        messages.info(
            request, "Nothing to do: choose a team, and clients that it does not own and that you may give to it."
        )
        return go_to(request, CLIENTS.url("list"), namespace.pk)
    if request.method == "POST" and asked.get("count") == str(len(pks)):
        done = assign_team_to_many(request.user, model=Client, scope_pk=namespace.pk, pks=pks, team=team)
        messages.success(request, f"Assign team: {_clients(done)} changed.", extra_tags="team-assigned")
        return go_to(request, CLIENTS.url("list"), namespace.pk)
    context = grid_context(
        request,
        namespace,
        CLIENTS,
        question=_question(namespace, asked, team, len(pks)),
        chosen={"pks": pks, "unchanged": 0},
        ticked=asked.getlist("client"),
        which=asked.get("which", ""),
    )
    return render_page(request, "namespaces/clients_change.html", context, partial="pane")


def _team_asked(request: PageRequest, namespace: Namespace, asked: QueryDict) -> tuple[Team | None, bool]:
    """Return the team `to` (None for no team), and whether the user may choose it."""
    wanted = asked.get("to", "")
    if wanted == NONE:
        return None, Verb.OWN in namespace.rights.verbs
    team = teams_to_assign(request.user, namespace, Client).filter(pk=whole_number(wanted) or 0).first()
    return team, team is not None


def _chosen(namespace: Namespace, among: Q, team: Team | None) -> tuple[int, ...]:
    seen = Client.visible_to(namespace.sight).present().filter(among)
    rows = seen.filter(assignable(namespace.rights, Client, team.pk if team else None)).exclude(team=team)
    return tuple(rows.order_by("pk").values_list("pk", flat=True)[:MOST])


def _question(namespace: Namespace, asked: QueryDict, team: Team | None, count: int) -> Question:
    whose = f"team {team.name}" if team else "no team"
    sentences = [
        f"{_clients(count)} then {'belongs' if count == 1 else 'belong'} to {whose}, whose members manage "
        f"{'it' if count == 1 else 'them'}."
        if team
        else f"{_clients(count)} then {'belongs' if count == 1 else 'belong'} to no team: Contributors and Owners change "
        f"{'it' if count == 1 else 'them'}.",
        "Nothing changes in Azure, which knows no teams.",
    ]
    kept = [(name, value) for name in ("which", "client", "to", *CLIENTS.listing.keys) for value in asked.getlist(name)]
    return Question(
        f"Assign team to {_clients(count)}",
        tuple(sentences),
        "Assign team",
        "primary",
        reverse("namespaces:clients_change", args=[namespace.pk]),
        reverse(CLIENTS.url("list"), args=[namespace.pk]),
        (("change", "assign"), ("count", str(count)), *kept),
    )


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count:,} clients"
