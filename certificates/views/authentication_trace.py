"""The page Test authentication: trace a decision for a chosen certificate, or repeat a past attempt."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django_htmx.http import reswap, retarget

from certificates.authentication.matching import matches_scheme
from certificates.forms.authentication_trace import TestAuthenticationForm
from certificates.forms.upload import public_facts
from certificates.pages.authentication_trace import AuthenticationTest, run_authentication_test
from certificates.pages.presented_chain import PresentedChain
from namespaces.access import get_namespace
from namespaces.connections.attempts import attempt_at, decision_of, protocol_of
from namespaces.connections.client_certificates import Showing, remember
from namespaces.models import Client, ConnectionAttempt, Namespace
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.listing import whole_number
from portal.observations import Observation, observe
from portal.web.responses import PageRequest, render_page

ATTEMPTS_OFFERED = 8


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def test_authentication(request: PageRequest, pk: int) -> HttpResponse:
    """Show the form and, once a certificate is presented, the trace. `attempt` is the cursor of a past attempt."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    attempt = _attempt(namespace, (request.POST if request.method == "POST" else request.GET).get("attempt", ""))
    may_change = bool(namespace.rights.reach(Client))
    test, status = None, 200
    if request.method == "POST":
        form = TestAuthenticationForm(request.POST, request.FILES)
        if form.is_valid():
            test = _run_test(namespace, form, may_change)
            _observe(request, namespace, test)
            attempt = attempt if _is_of(attempt, test.presented) else None
            if may_change:
                _remember(namespace, test)
        else:
            status = 422
    else:
        form = TestAuthenticationForm(initial=_of_attempt(attempt))
        presented = PresentedChain.of_attempt(attempt) if attempt else None
        if attempt and presented is not None:
            test = run_authentication_test(
                namespace,
                presented,
                user_name=attempt.user_name or None,
                at=namespace.judged_at(timezone.now()),
                protocol=protocol_of(attempt),
                now=namespace.judged_at(timezone.now()),
                may_change=may_change,
            )
    context = namespace_context(request, namespace, form=form, test=test, attempt=attempt, offered=_offered(namespace))
    if attempt is not None:
        context |= {"then": decision_of(attempt)}
    if status == 422:
        answer = render_page(request, "certificates/test_authentication.html", context, partial="form", status=status)
        return reswap(retarget(answer, "#test-form"), "outerHTML")  # each error is shown at its field
    return render_page(request, "certificates/test_authentication.html", context, partial="result")


def _offered(namespace: Namespace) -> QuerySet[ConnectionAttempt]:
    """Return the latest attempts that can be repeated: with a certificate, or refused without a readable one."""
    decided = ~Q(thumbprint="") | Q(code="certificate-readable")
    return ConnectionAttempt.objects.visible_to(namespace.sight).filter(decided)[:ATTEMPTS_OFFERED]


def _run_test(namespace: Namespace, form: TestAuthenticationForm, may_change: bool) -> AuthenticationTest:
    now, cleaned = namespace.judged_at(timezone.now()), form.cleaned_data
    assert form.presented is not None
    return run_authentication_test(
        namespace,
        form.presented,
        user_name=cleaned["user_name"] or None,
        at=cleaned["at"] or now,
        protocol=cleaned["protocol"] or "5",
        now=now,
        may_change=may_change,
    )


def _observe(request: PageRequest, namespace: Namespace, test: AuthenticationTest) -> None:
    """Report the verdict and the certificates that were tested."""
    facts = tuple(map(public_facts, test.presented.certificates))
    code = "accepted" if test.decision.accepted else test.decision.code
    observe(request.user, namespace.pk, Observation("test", code, "", facts))


def _remember(namespace: Namespace, test: AuthenticationTest) -> None:
    """Store the certificate for the client it was tested for, if it matches that client and the user may change it."""
    client, leaf = test.decision.client, test.presented.leaf
    if client is None or leaf is None or not matches_scheme(leaf, client):
        return
    row = Client.visible_to(namespace.sight).present().named(client.name).first()
    if row is not None and namespace.rights.covers(row):
        remember(namespace.pk, [Showing(client.name, test.presented.certificates, timezone.now(), False)])


def _attempt(namespace: Namespace, cursor: str) -> ConnectionAttempt | None:
    if not cursor:
        return None
    number = whole_number(cursor)
    attempt = attempt_at(namespace, number) if number is not None else None
    if attempt is None:
        raise Http404("This connection attempt does not exist or is no longer stored.")
    return attempt


def _is_of(attempt: ConnectionAttempt | None, presented: PresentedChain) -> bool:
    """Return whether the attempt presented this certificate, so that its result can be shown beside the test."""
    past = PresentedChain.of_attempt(attempt) if attempt else None
    return past is None or not past.ders or past.ders[0] == presented.ders[0]


def _of_attempt(attempt: ConnectionAttempt | None) -> dict[str, Any]:
    if attempt is None:
        return {}
    presented = PresentedChain.of_attempt(attempt)
    return {
        "pem": presented.pem if presented else "",
        "user_name": attempt.user_name,
        "protocol": protocol_of(attempt),
        "attempt": attempt.cursor,
    }
