"""Waiting devices, registered or dismissed by a click, and blocked names, released by a click."""

from collections.abc import Callable, Sequence

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.views.decorators.http import require_POST, require_safe

from certificates.actions.first_contact.blocks import release_name
from certificates.actions.first_contact.clicks import register_waiting
from certificates.actions.first_contact.waiting import dismiss
from certificates.models import BlockedName, WaitingDevice
from certificates.pages.decision_rules.enforcement import enforcement_of
from certificates.pages.first_contact.lists import (
    blocked_list,
    may_decide,
    registers_devices,
    waiting_in,
    waiting_list,
)
from namespaces.access import get_namespace, whom_to_ask
from namespaces.connections.hidden_names import texts_without_hidden_names
from namespaces.models import Client, Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from portal.listing import whole_number
from portal.models import User
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to, render_page
from sync.control import HeldBack

WAITING, BLOCKED = "certificates:waiting_devices", "certificates:blocked_names"
MOST_CHOSEN = 200
MOST_NAMED = 3  # refusals that are written out
Decide = Callable[[User, Namespace, WaitingDevice], object]


@require_safe
def waiting_devices(request: PageRequest, pk: int) -> HttpResponse:
    """List the devices that wait for a person."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(
        request,
        namespace,
        listing=waiting_list(namespace, request.GET),
        registers=registers_devices(namespace),
        enforcement=enforcement_of(namespace),
    )
    return render_page(request, "certificates/waiting_devices.html", context)


@require_POST
def waiting_devices_register(request: PageRequest, pk: int) -> HttpResponseBase:
    """Register the chosen devices, each as a change of its own."""

    def register(actor: User, namespace: Namespace, row: WaitingDevice) -> object:
        return register_waiting(actor, namespace=namespace, device=row)

    return _decide_each(request, pk, register, "registered", "devices-registered")


@require_POST
def waiting_devices_dismiss(request: PageRequest, pk: int) -> HttpResponseBase:
    """Dismiss the chosen devices: their names stay blocked."""

    def refuse(actor: User, namespace: Namespace, row: WaitingDevice) -> None:
        dismiss(actor, namespace=namespace, device=row)

    return _decide_each(request, pk, refuse, "dismissed", "devices-dismissed")


def _decide_each(request: PageRequest, pk: int, decide: Decide, done_word: str, tag: str) -> HttpResponseBase:
    """Decide about each chosen device. One that fails does not stop the others; those that need approval are requested together."""
    namespace = get_namespace(request.user, pk, Verb.CONTRIBUTE, model=Client)
    done, refused, held = 0, [], []
    for row in _chosen(namespace, request.POST):
        try:
            decide(request.user, namespace, row)
        except RuleError as refusal:
            refused.append(f"{row.authentication_name}: {refusal.sentence}")
        except HeldBack as each:
            held.append(each)
        else:
            done += 1
    for sentence in texts_without_hidden_names(namespace, refused[:MOST_NAMED]):
        messages.error(request, sentence, extra_tags="device-refused")
    if len(refused) > MOST_NAMED:
        messages.error(request, f"{len(refused) - MOST_NAMED} more were left as they are.", extra_tags="device-refused")
    words = f"{done} device{'s' if done != 1 else ''} {done_word}." if done else ""
    if held:
        raise HeldBack.of_all(held, done=words)
    if words:
        messages.success(request, words, extra_tags=tag)
    elif not refused:
        messages.info(request, "Choose devices first.", extra_tags="none-chosen")
    return go_to(request, WAITING, pk)


def _chosen(namespace: Namespace, posted: QueryDict) -> Sequence[WaitingDevice]:
    """Return the one whose button was pressed, else those that are ticked."""
    texts = [posted.get("only", "")] if "only" in posted else posted.getlist("device")[:MOST_CHOSEN]
    pks = {number for text in texts if (number := whole_number(text)) is not None}
    rows = waiting_in(namespace.sight).filter(namespace=namespace.pk, pk__in=pks)
    return list(rows.select_related("team").order_by("pk"))


@require_safe
def blocked_names(request: PageRequest, pk: int) -> HttpResponse:
    """List the names that are not registered on first contact until a person releases them."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(
        request,
        namespace,
        listing=blocked_list(namespace, request.GET),
        enforcement=enforcement_of(namespace),
        menu_current=WAITING,
    )
    return render_page(request, "certificates/blocked_names.html", context)


@require_POST
def blocked_name_release(request: PageRequest, pk: int, blocked: int) -> HttpResponseBase:
    """Let a name be registered on first contact again."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    rows = BlockedName.objects.visible_to(namespace.sight).filter(namespace=pk, thumbprint="")
    row = rows.select_related("team").filter(pk=blocked).first()
    if row is None:
        raise Http404("There is no such blocked name.")
    if not may_decide(namespace.rights, row):
        sentence = "You may not create clients of the team that this name belongs to."
        raise Denied(sentence, lambda: whom_to_ask(namespace))
    try:
        release_name(request.user, blocked=row)
    except RuleError as refusal:
        messages.warning(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, f"The name {row} is released.", extra_tags="name-released")
    return go_to(request, BLOCKED, pk)
