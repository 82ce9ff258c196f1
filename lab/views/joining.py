"""Join a class with its code, without an account, and return to one's seat."""

from collections.abc import Callable
from typing import Any

from allauth.account.utils import perform_login
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lab.actions.classes.access import emulator, seat_of
from lab.actions.classes.codes import LONGEST_CODE, TooManyGuessesError
from lab.actions.classes.errors import ClassError
from lab.actions.classes.joining import join as join_class
from lab.actions.classes.joining import return_to_seat
from lab.models import Seat
from lab.pages.join_cas import SITE, ca_files, fingerprint
from lab.views.class_forms import ClassForm, JoinForm, ReturnForm
from portal.models import User
from portal.views.people.context import keep_secret


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponseBase:
    """Show both forms; a right code gives the next free seat, and shows its return code once."""
    emulator()
    if _sits(request):
        return redirect("portal:home")
    if request.method != "POST":
        return _page(request, JoinForm(initial={"code": request.GET.get("code", "")[:LONGEST_CODE]}), ReturnForm())
    form = JoinForm(request.POST)
    opened = _try(form, lambda: join_class(form.cleaned_data["code"], form.cleaned_data["first_name"]))
    if isinstance(opened, int):
        return _page(request, form, ReturnForm(), opened)
    seat, code = opened
    _sign_in(request, seat)
    return keep_secret(render(request, "lab/joined.html", {"seat": seat, "code": code}))


@login_not_required
@require_POST
def return_to(request: HttpRequest) -> HttpResponseBase:
    """Sign in to the seat whose return code was typed."""
    emulator()
    form = ReturnForm(request.POST)
    opened = _try(form, lambda: return_to_seat(form.cleaned_data["return_code"]))
    if isinstance(opened, int):
        return _page(request, JoinForm(), form, opened)
    return _sign_in(request, opened)


@login_not_required
@require_safe
def join_ca(request: HttpRequest, which: str) -> HttpResponse:
    """Return the CA certificate of this site or of the MQTT endpoints, as a file to trust: neither is known to other machines."""
    emulator()
    try:
        pem = ca_files()[which].read_bytes()
    except (KeyError, OSError):
        raise Http404("There is no such CA certificate.") from None
    headers = {"Content-Disposition": f'attachment; filename="{which}-ca.crt"'}
    return HttpResponse(pem, content_type="application/x-x509-ca-cert", headers=headers)


def _try(form: ClassForm, act: Callable[[], Any]) -> Any:
    """Return what `act` returns for a valid form, or the status of the page that shows what is wrong."""
    if not form.is_valid():
        return 422
    try:
        return act()
    except ClassError as refusal:
        form.refuse_class(refusal)
        return 422
    except TooManyGuessesError as refusal:
        form.add_error(None, f"Too many wrong codes in this class. Try again in {refusal.seconds} seconds.")
        return 429


def _sits(request: HttpRequest) -> bool:
    """Return whether the browser is signed in to a seat already: a reload must not take a second one."""
    return isinstance(request.user, User) and seat_of(request.user) is not None


def _sign_in(request: HttpRequest, seat: Seat) -> HttpResponseBase:
    if request.user.is_authenticated:
        logout(request)
    answer: HttpResponseBase = perform_login(request, seat.user, email_verification="none")
    return answer


def _page(request: HttpRequest, form: JoinForm, return_form: ReturnForm, status: int = 200) -> HttpResponse:
    cas = ca_files()
    context = {"form": form, "return_form": return_form, "cas": cas}
    context |= {"fingerprint": fingerprint(cas[SITE])} if SITE in cas else {}
    return keep_secret(render(request, "lab/join.html", context, status=status))
