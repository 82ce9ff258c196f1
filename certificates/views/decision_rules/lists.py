"""Revocation lists: upload one, and fetch one from an address that the operator allows."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certificates.actions.decision_rules.lists import fetch_soon, remove_list, set_list_address, take_list
from certificates.forms.revocation_lists import ListAddressForm, RevocationListForm
from certificates.models import CACertificate, RevocationList
from certificates.pages.decision_rules.enforcement import enforcement_of
from certificates.pages.decision_rules.list_entries import entry_page
from certificates.pages.decision_rules.list_page import list_page
from namespaces.access import get_namespace, get_resource
from namespaces.models import Namespace
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from namespaces.views.context import namespace_context
from namespaces.views.resources.refusals import observe_refusal
from portal.listing import whole_number
from portal.web.responses import PageRequest, go_to, render_page

LISTS = "certificates:ca_certificate_crls"


@require_http_methods(["GET", "HEAD", "POST"])
def ca_certificate_crls(request: PageRequest, pk: int) -> HttpResponseBase:
    """List the revocation lists of a namespace. A POST uploads one: the CA that issued it is found by its key.

    For `round`, only those that a page waits for and that have come.
    """
    is_upload = request.method == "POST"
    verb = Verb.CONTRIBUTE if is_upload else Verb.READ
    namespace = get_namespace(request.user, pk, verb, model=CACertificate if is_upload else None)
    if request.htmx and "round" in request.GET:
        return _fetched(request, namespace)
    rows = CACertificate.visible_to(namespace.sight).present().filter(namespace=pk).exclude(der=b"").order_by("pk")
    files = request.FILES if is_upload else None
    form = RevocationListForm(request.POST if is_upload else None, files, cas=list(rows))
    if form.is_valid() and form.ca is not None:
        try:
            row = take_list(request.user, ca=form.ca, data=form.file_bytes)
        except RuleError as refusal:
            form.refuse(refusal)
        else:
            number = f"{row.entries:,} revoked certificate{'' if row.entries == 1 else 's'}"
            sentence = f"The list of {form.ca.name} counts now: {number}."
            messages.success(request, sentence, extra_tags="list-taken")
            return go_to(request, LISTS, pk)
    if form.is_bound:
        observe_refusal(request.user, pk, form)
    return _page(request, namespace, form, status=422 if form.is_bound else 200)


def _fetched(request: PageRequest, namespace: Namespace) -> HttpResponse:
    """Answer a page that waits for lists that are being fetched."""
    context = _context(request, namespace, _empty())
    listing, round_ = context["listing"], whole_number(request.GET.get("round", ""), digits=6) or 0
    context |= {"poll": listing.poll(round_), "came": listing.came_of(request.GET)}
    return render_page(request, "certificates/revocation_list_poll.html", context)


@require_safe
def ca_certificate_crl(request: PageRequest, pk: int, name: str) -> HttpResponse:
    """Show the certificates on the list of a CA."""
    row = get_resource(request.user, CACertificate, pk, name, Verb.READ)
    namespace = row.namespace
    own = {"ca": row, "entries": entry_page(row, request.GET), "enforcement": enforcement_of(namespace)}
    context = namespace_context(request, namespace, **own, menu_current="certificates:rules")
    return render_page(request, "certificates/revocation_list_entries.html", context)


@require_POST
def ca_certificate_crl_address(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Set the address from which the list of a CA is fetched."""
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE)
    address = ListAddressForm(request.POST)
    if address.is_valid():
        try:
            set_list_address(request.user, ca=row, url=address.cleaned_data["url"].strip())
        except RuleError as refusal:
            address.refuse(refusal)
        else:
            messages.success(request, f"The address of the list of {row.name} is saved.", extra_tags="address-saved")
            return go_to(request, LISTS, pk)
    observe_refusal(request.user, pk, address)
    return _page(request, row.namespace, _empty(), status=422, address=address, address_of=row.name)


@require_POST
def ca_certificate_crl_fetch(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Fetch the list of a CA now."""
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE)
    return _done(request, row, lambda: fetch_soon(request.user, ca=row), "list-asked", "is being fetched")


@require_http_methods(["GET", "HEAD", "POST"])
def ca_certificate_crl_remove(request: PageRequest, pk: int, name: str) -> HttpResponseBase:
    """Ask before no list of a CA counts any more, and remove it."""
    row = get_resource(request.user, CACertificate, pk, name, Verb.CONTRIBUTE)
    if request.method != "POST":
        held = RevocationList.objects.filter(ca=row).first()
        if held is None or not (held.der or held.url):
            return go_to(request, LISTS, pk)
        context = _context(request, row.namespace, _empty(), removed=held)
        return render_page(request, "certificates/revocation_list_remove.html", context, partial="pane")
    return _done(request, row, lambda: remove_list(request.user, ca=row), "list-removed", "no longer counts")


def _done(
    request: PageRequest, row: CACertificate, change: Callable[[], None], code: str, happened: str
) -> HttpResponseBase:
    try:
        change()
    except RuleError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, f"The list of {row.name} {happened}.", extra_tags=code)
    return go_to(request, LISTS, row.namespace_id)


def _empty() -> RevocationListForm:
    return RevocationListForm(None, None, cas=())


def _page(
    request: PageRequest, namespace: Namespace, form: RevocationListForm, *, status: int, **more: Any
) -> HttpResponse:
    context = _context(request, namespace, form, **more)
    return render_page(request, "certificates/revocation_lists.html", context, status=status)


def _context(request: PageRequest, namespace: Namespace, form: RevocationListForm, **more: Any) -> dict[str, Any]:
    own: dict[str, Any] = {"listing": list_page(namespace, at=timezone.now()), "form": form}
    own["enforcement"] = enforcement_of(namespace)
    own["poll"] = own["listing"].poll()
    own["may_upload"] = bool(namespace.rights.reach(CACertificate))
    return namespace_context(request, namespace, **own, menu_current="certificates:rules", **more)
