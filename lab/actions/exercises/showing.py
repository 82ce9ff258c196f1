"""*Show me*: do the steps of an exercise through the same actions as the forms, and note that they were shown.

The keys that this needs are in memory only while it runs, so an exercise with files starts over.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from django.db import connections
from django.db.models import F
from django.utils import timezone

from certificates.models import CACertificate
from certificates.samples.chain import SampleChain
from lab.actions.exercises.files import facts_of, make_chain
from lab.actions.exercises.progress import Begun, begin
from lab.actions.exercises.show_steps import STEPS, Showing
from lab.catalogue.exercise import Exercise
from lab.models import Progress
from namespaces.models import Client, Namespace, NamespaceConfiguration
from namespaces.rules.errors import RuleError
from portal.models import User
from sync.arm.gateway import AzureRefused, AzureUnreachable
from sync.control import HeldBack

logger = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=20)  # until Azure has what a step changed
Wait = Callable[[Namespace], None]


@dataclass(frozen=True)
class _Job:
    showing: Showing
    exercise: Exercise


def show_me(actor: User, *, namespace: Namespace, exercise: Exercise, wait: Wait, in_background: bool = False) -> Begun:
    """Begin the exercise and do its steps. `wait` returns when Azure has what the steps before changed.

    Raise RuleError, AzureRefused or AzureUnreachable where it cannot begin.
    """
    begun = begin(actor, namespace=namespace, exercise=exercise)
    chain = begun.chain or _fresh_chain(actor, namespace, exercise, begun.progress)
    Progress.objects.filter(pk=begun.progress.pk).update(shown_at=timezone.now())
    job = _Job(Showing(actor, namespace, begun.progress, chain), exercise)
    if in_background:
        threading.Thread(target=_run_alone, args=(job, wait), name="lab-show-me", daemon=True).start()
    else:
        _run(job, wait)
    return Begun(begun.progress, None)


def _fresh_chain(actor: User, namespace: Namespace, exercise: Exercise, progress: Progress) -> SampleChain | None:
    """Make a chain where the trainee's own is used, since its keys are with the trainee."""
    chain = make_chain(exercise, at=timezone.now(), ahead=namespace.judged_ahead)
    if chain is not None:
        progress.facts = progress.facts | {"files": facts_of(chain), "own": False}
        progress.save(update_fields=["facts"])
    return chain


def _run(job: _Job, wait: Wait) -> None:
    for step in job.exercise.show_me:
        function, needs_azure = STEPS[step.step]
        if needs_azure:
            wait(job.showing.namespace)
        function(job.showing, **step.arguments)


def _run_alone(job: _Job, wait: Wait) -> None:
    """Run in a thread of its own: a connection waits until Azure has the rows."""
    try:
        _run(job, wait)
    except (RuleError, HeldBack, AzureRefused, AzureUnreachable, OSError) as fault:
        logger.warning("A step of %s could not be shown: %s", job.exercise.slug, fault)
    finally:
        connections.close_all()


def wait_for_azure(namespace: Namespace) -> None:
    """Return when Azure has confirmed every change of CA certificates, clients and configuration, or after a while."""
    ends = time.monotonic() + PATIENCE.total_seconds()
    models = (CACertificate, Client, NamespaceConfiguration)
    while time.monotonic() < ends:
        with suppress(OSError):
            waiting = any(
                model._default_manager.filter(namespace=namespace).exclude(generation=F("synced_generation")).exists()
                for model in models
            )
            if not waiting:
                return
        time.sleep(0.2)
