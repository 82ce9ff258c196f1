"""Test authentication: the engine's verdict on a chosen certificate, or on a past attempt as it would be now."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import reswap, retarget

from certificates.authentication.matching import matches_scheme
from certificates.forms.authentication_test import TestAuthenticationForm
from certificates.pages.authentication_test import Trial, try_authentication
from certificates.pages.presented_chain import Presented
from namespaces.access import Verb, get_namespace, may
from namespaces.connections.attempts import decision_of, protocol_of
from namespaces.connections.client_certificates import Showing, remember
from namespaces.models import ConnectionAttempt, Namespace
from namespaces.views.context import namespace_context
from portal.listing import whole_number
from portal.web.responses import PageRequest, render_page

ATTEMPTS_OFFERED = 8


@never_cache
@require_http_methods(["GET", "POST"])
def test_authentication(request: PageRequest, pk: int) -> HttpResponse:
    """The form and, once something is presented, the trace. `attempt` names a past attempt by its cursor."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    attempt = _attempt(namespace, (request.POST if request.method == "POST" else request.GET).get("attempt", ""))
    may_change = may(request.user, namespace, Verb.CONTRIBUTE)
    trial, status = None, 200
    if request.method == "POST":
        form = TestAuthenticationForm(request.POST, request.FILES)
        if form.is_valid():
            trial = _try(namespace, form, may_change)
            attempt = attempt if _is_of(attempt, trial.presented) else None
            if may_change:
                _remember(namespace, trial)
        else:
            status = 422
    else:
        form = TestAuthenticationForm(initial=_of_attempt(attempt))
        presented = Presented.of_attempt(attempt) if attempt else None
        if attempt and presented is not None:
            trial = try_authentication(
                namespace,
                presented,
                user_name=attempt.user_name or None,
                at=timezone.now(),
                protocol=protocol_of(attempt),
                now=timezone.now(),
                may_change=may_change,
            )
    context = namespace_context(
        request, namespace, form=form, trial=trial, attempt=attempt, offered=_offered(namespace)
    )
    if attempt is not None:
        context |= {"then": decision_of(attempt)}
    if status == 422:
        answer = render_page(request, "certificates/test_authentication.html", context, partial="form", status=status)
        return reswap(retarget(answer, "#test-form"), "outerHTML")  # each mistake stands by its field
    return render_page(request, "certificates/test_authentication.html", context, partial="result")


def _offered(namespace: Namespace) -> QuerySet[ConnectionAttempt]:
    """The latest attempts that can be tried again: with a certificate, or refused because there was none to be read."""
    decided = ~Q(thumbprint="") | Q(code="certificate-readable")
    return ConnectionAttempt.objects.filter(decided, namespace=namespace)[:ATTEMPTS_OFFERED]


def _try(namespace: Namespace, form: TestAuthenticationForm, may_change: bool) -> Trial:
    now, cleaned = timezone.now(), form.cleaned_data
    assert form.presented is not None
    return try_authentication(
        namespace,
        form.presented,
        user_name=cleaned["user_name"] or None,
        at=cleaned["at"] or now,
        protocol=cleaned["protocol"] or "5",
        now=now,
        may_change=may_change,
    )


def _remember(namespace: Namespace, trial: Trial) -> None:
    """Keep the certificate as that of the client it was tested for, unless it is another's: the wrong file, for example."""
    client, leaf = trial.decision.client, trial.presented.leaf
    if client is not None and leaf is not None and matches_scheme(leaf, client):
        remember(namespace.pk, [Showing(client.name, trial.presented.certificates, timezone.now(), False)])


def _attempt(namespace: Namespace, cursor: str) -> ConnectionAttempt | None:
    if not cursor:
        return None
    number = whole_number(cursor)
    attempt = (
        ConnectionAttempt.objects.filter(namespace=namespace, cursor=number).first() if number is not None else None
    )
    if attempt is None:
        raise Http404("There is no such connection attempt, or it is older than what is kept.")
    return attempt


def _is_of(attempt: ConnectionAttempt | None, presented: Presented) -> bool:
    """Whether this may be what the attempt presented: what happened to another certificate is not to stand beside it."""
    past = Presented.of_attempt(attempt) if attempt else None
    return past is None or not past.ders or past.ders[0] == presented.ders[0]


def _of_attempt(attempt: ConnectionAttempt | None) -> dict[str, Any]:
    if attempt is None:
        return {}
    presented = Presented.of_attempt(attempt)
    return {
        "pem": presented.pem if presented else "",
        "user_name": attempt.user_name,
        "protocol": protocol_of(attempt),
        "attempt": attempt.cursor,
    }
