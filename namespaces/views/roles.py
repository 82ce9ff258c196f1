"""Access control: who has which role in a namespace, given and taken by its owners."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_safe

from namespaces.access import get_namespace, may, rights_of
from namespaces.actions.roles import RolesChanged, changes_of_holder, grant_role, is_last_owner, revoke_role
from namespaces.control.standing import policy_of
from namespaces.forms.roles import RoleForm
from namespaces.models import Namespace, NamespaceRole, Role
from namespaces.pages.role_list import MEANINGS, role_grid
from namespaces.pages.sharing.access_requests import waiting_requests
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.resources.conflicts import CHANGED, NO_GENERATION
from portal.listing import whole_number
from portal.web.responses import PageRequest, go_to, render_page


@require_safe
def role_list(request: PageRequest, pk: int) -> HttpResponse:
    namespace = get_namespace(request.user, pk, Verb.READ)
    return render_page(request, "namespaces/role_list.html", _grid_context(request, namespace), partial="grid")


def _grid_context(request: PageRequest, namespace: Namespace, **more: Any) -> dict[str, Any]:
    """What the grid draws, also below an open pane."""
    mine = [(role, MEANINGS[role]) for role in rights_of(request.user, namespace).roles]
    grid, requests = role_grid(namespace, request.GET), waiting_requests(namespace)
    policy = policy_of(namespace.pk)
    return namespace_context(request, namespace, grid=grid, mine=mine, requests=requests, policy=policy, **more)


@require_http_methods(["GET", "HEAD", "POST"])
def role_add(request: PageRequest, pk: int) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.OWN)
    form = RoleForm(request.POST if request.method == "POST" else None)
    opened = whole_number(request.POST.get("generation", ""), digits=18)
    status = 422 if form.is_bound else 200
    if form.is_valid():
        holder, role = form.cleaned_data["chosen"], Role(form.cleaned_data["role"])
        try:
            if opened is None:
                raise NO_GENERATION
            granted = grant_role(
                request.user, namespace=namespace, role=role, user=holder.user, team=holder.team, opened=opened
            )
        except RuleError as refusal:
            form.refuse(refusal)
            if isinstance(refusal, RolesChanged):
                opened, status = None, CHANGED
        else:
            sentence = f"{granted.holder_name} is {role.label} of {namespace.name} now."
            messages.success(request, sentence, extra_tags="role-granted")
            return _back(request, namespace)
    edition = _edition_now(namespace) if opened is None else opened
    context = _grid_context(request, namespace, form=form, opened=edition)
    return render_page(request, "namespaces/role_add.html", context, partial="pane", status=status)


def _edition_now(namespace: Namespace) -> int:
    return Namespace.objects.values_list("roles_edition", flat=True).get(pk=namespace.pk)


@require_safe
def role_find(request: PageRequest, pk: int) -> HttpResponse:
    """Whom the name that is being typed may mean."""
    get_namespace(request.user, pk, Verb.OWN)
    return render_page(request, "namespaces/role_holders.html", {"form": RoleForm(request.GET)})


@require_http_methods(["GET", "HEAD", "POST"])
def role_delete(request: PageRequest, pk: int, assignment: int) -> HttpResponseBase:
    namespace = get_namespace(request.user, pk, Verb.OWN)
    rows = NamespaceRole.objects.filter(namespace=namespace).select_related("namespace", "user", "team")
    held = rows.filter(pk=assignment).first()
    if held is None and request.method == "POST":
        return _gone(request, namespace)
    if held is None:
        raise Http404("This role assignment is gone.")
    if request.method == "POST":
        try:
            revoke_role(request.user, role=held)
        except RuleError as refusal:
            messages.error(request, refusal.sentence, extra_tags=refusal.code)
        else:
            sentence = f"{held.holder_name} is no longer {Role(held.role).label} of {namespace.name}."
            messages.success(request, sentence, extra_tags="role-revoked")
        return _back(request, namespace)
    is_mine = held.user == request.user or (held.team is not None and request.user in held.team.members.all())
    context = _grid_context(request, namespace, held=held, is_mine=is_mine, is_last=is_last_owner(held))
    return render_page(request, "namespaces/role_delete.html", context, partial="pane")


def _gone(request: PageRequest, namespace: Namespace) -> HttpResponseBase:
    """Report that others have changed or removed an assignment meanwhile, with the last change of its holder's roles."""
    holder = request.POST.get("holder", "")[:200].replace("\x00", "")
    last = changes_of_holder(namespace.pk, holder).order_by("-pk").first() if holder else None
    by = f" {last.actor_name}: {last.verb}, {last.object_name}." if last is not None else ""
    sentence = f"This role assignment was changed or removed meanwhile.{by} Nothing was done."
    messages.warning(request, sentence, extra_tags="changed-meanwhile")
    return _back(request, namespace)


def _back(request: PageRequest, namespace: Namespace) -> HttpResponseBase:
    """To the list, as long as one may still see it."""
    if not may(request.user, namespace, Verb.READ):
        return go_to(request, "namespaces:namespace_list")
    return go_to(request, "namespaces:role_list", namespace.pk)
