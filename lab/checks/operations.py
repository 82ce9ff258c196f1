"""Checks of running a namespace: refusals met in forms, drift, faults, retries and imports."""

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from lab.checks.situation import Situation, check
from namespaces.models import Client, ClientImport
from sync.arm.gateway import AzureRefused, AzureUnreachable
from sync.capabilities.fault_training import fault_control, state_of
from sync.models import Finding, PushRecord
from sync.registry import Scope


@check()
def met(situation: Situation, *, code: str) -> bool:
    """A form or the check of an uploaded file refused something for this reason."""
    return code in situation.progress.met


@check()
def drift_found(situation: Situation, *, name: str) -> bool:
    """A difference from Azure was found."""
    return _findings(situation, name).exists()


@check()
def drift_resolved(situation: Situation, *, name: str) -> bool:
    """A difference was found, and none is open or ignored any more."""
    states = set(_findings(situation, name).values_list("state", flat=True))
    return states == {Finding.State.RESOLVED}


def _findings(situation: Situation, name: str) -> "QuerySet[Finding]":
    rows = Finding.objects.visible_to(situation.namespace.sight).filter(scope=situation.namespace.pk, name=name)
    began = parse_datetime(str(situation.progress.facts.get("starting_at", "")))  # the start state makes it
    return rows.filter(seen_at__gte=began or situation.progress.started_at)


@check()
def push_delayed(situation: Situation, *, client: str) -> bool:
    """A change of the client was sent and had to wait, since Azure throttled or failed."""
    row = situation.clients().named(client).first()
    if row is None:
        return False
    records = PushRecord.objects.filter(kind=Client._meta.label_lower, object_pk=row.pk)
    tried = records.filter(claimed_at__gte=situation.progress.started_at)
    return bool(row.attempts) or tried.filter(outcome="delayed").exists()


@check(is_costly=True)
def faults_off(situation: Situation) -> bool:
    """No fault is active in the namespace. Asks the emulator."""
    control, place = fault_control(), situation.namespace
    if control is None:
        return False
    try:
        return not state_of(control, Scope(place.pk, place.resource_id, place.name)).here
    except (AzureRefused, AzureUnreachable):
        return False


@check()
def imported(situation: Situation, *, clients: list[str]) -> bool:
    """The clients came by an import of files of this person, since the exercise began."""
    runs = ClientImport.objects.filter(namespace=situation.namespace, user=situation.progress.user)
    finished = runs.filter(created_at__gte=situation.progress.started_at, imported__gt=0)
    present = situation.clients().filter(name__in=clients).count()
    return finished.exists() and present == len(clients)


@check()
def drift_ignored(situation: Situation, *, name: str) -> bool:
    """A difference was found and ignored."""
    return _findings(situation, name).filter(state=Finding.State.IGNORED).exists()


@check()
def client_by_hand(situation: Situation, *, client: str) -> bool:
    """The client exists although this person has imported nothing since the exercise began."""
    return situation.clients().named(client).exists() and not imported(situation, clients=[client])
