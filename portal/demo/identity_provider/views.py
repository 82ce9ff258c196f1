"""The home page, where users choose their groups, and the request of Microsoft Graph that lists them."""

from typing import Any

from allauth.idp.oidc.models import Token
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from portal.demo.identity_provider.people import CHOICES, group_ids, object_id

GRAPH_SCOPE = "User.Read"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponseBase:
    """Let a user choose groups. They count from the next sign-in to an application on."""
    user: Any = request.user
    if request.method == "POST":
        chosen = [name for name in CHOICES if name in request.POST.getlist("groups")]
        user.groups.remove(*Group.objects.filter(name__in=CHOICES))
        user.groups.add(*Group.objects.filter(name__in=chosen))
        return redirect("home")
    held = set(user.groups.values_list("name", flat=True))
    choices = [{"name": name, "id": object_id(name), "is_held": name in held} for name in CHOICES]
    context = {"choices": choices, "others": len(held - set(CHOICES))}
    return render(request, "identity_provider/home.html", context)


@csrf_exempt
@require_POST
def get_member_groups(request: HttpRequest) -> HttpResponse:
    """Answer as `POST /me/getMemberGroups` of Microsoft Graph."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    token = Token.objects.lookup(Token.Type.ACCESS_TOKEN, value) if kind == "Bearer" else None
    if token is None or token.user is None or not token.user.is_active:
        return _error(401, "InvalidAuthenticationToken")
    if GRAPH_SCOPE not in token.get_scopes():
        return _error(403, "Authorization_RequestDenied")
    return JsonResponse({"value": group_ids(token.user)})


def _error(status: int, code: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": code}}, status=status)
