"""Alarms about devices that were let in with a revoked certificate: decide about one, or report one that no log shows."""

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.views.decorators.http import require_POST

from certificates.actions.decision_rules.alarm_decisions import decide_revocation_alarm, report_let_in
from certificates.actions.decision_rules.revocations import holder_of_revoked
from certificates.models import RevocationAlarm, RevokedCertificate
from namespaces.access import get_client, get_namespace, not_yours, whom_to_ask
from namespaces.rights import Verb
from namespaces.rules.errors import RuleError
from portal.people.contacts import whom_to_ask_in
from portal.web.access_denied import Denied
from portal.web.responses import PageRequest, go_to

State = RevocationAlarm.State
DONE = {
    State.SETTLED: "The alarm about {} is settled. The next connection with the revoked certificate is an alarm again.",
    State.DISABLED: "{} is being disabled. Azure refuses it from then on.",
}


@require_POST
def client_revocation_alarm(request: PageRequest, pk: int, name: str, alarm: int) -> HttpResponseBase:
    """Decide about an alarm: it is settled, or the client is disabled."""
    client = get_client(request.user, pk, name, Verb.CONTRIBUTE)
    seen = RevocationAlarm.objects.visible_to(client.namespace.sight)
    row = seen.filter(pk=alarm, client=client).select_related("client").first()
    if row is None:
        raise Http404("There is no such alarm.")
    asked = request.POST.get("decision", "")
    decision = State(asked) if asked in State.values else State.OPEN
    try:
        decide_revocation_alarm(request.user, alarm=row, decision=decision)
    except RuleError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
    else:
        messages.success(request, DONE[decision].format(client), extra_tags=f"alarm-{decision}")
    return go_to(request, "certificates:revoked_list", pk)


@require_POST
def certificate_let_in(request: PageRequest, pk: int, revoked: int) -> HttpResponseBase:
    """Report that a device was let in with its revoked certificate: Azure sends no log that would show it."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    row = RevokedCertificate.objects.visible_to(namespace.sight).filter(namespace=pk, pk=revoked).first()
    if row is None:
        raise Http404("There is no such revoked certificate.")
    client = holder_of_revoked(row).client
    if client is not None and not namespace.rights.covers(client):
        team = client.team
        raise Denied(not_yours(client), lambda: f"{whom_to_ask_in(team)} {whom_to_ask(namespace)}".strip())
    try:
        report_let_in(request.user, revoked=row)
    except RuleError as refusal:
        messages.error(request, refusal.sentence, extra_tags=refusal.code)
        return go_to(request, "certificates:decision_mode", pk)
    messages.warning(request, "The alarm is raised. Rules do not count for every client.", extra_tags="let-in-reported")
    return go_to(request, "certificates:revoked_list", pk)
