"""What the pages of the lab share."""

import base64
from typing import Any

from django.http import Http404

from certificates.samples.chain import SampleChain, sample_chain_zip
from lab.catalogue.exercise import Exercise
from lab.catalogue.reading import exercise as exercise_of
from lab.models import Progress
from lab.pages.panel import enrolment_of, progress_of
from lab.places import get_place, has_lab
from namespaces.models import Namespace
from portal.models import User


def check_lab() -> None:
    """Raise Http404 where the target is no emulator."""
    if not has_lab():
        raise Http404("There is a lab only where the portal is connected to an emulator.")


def get_exercise(slug: str) -> Exercise:
    check_lab()
    found = exercise_of(slug)
    if found is None:
        raise Http404("There is no such exercise.")
    return found


def current(user: User) -> tuple[Progress, Exercise, Namespace] | None:
    """Return what the person is working on, with the namespace as they see it. Raise Http404 or PermissionDenied."""
    check_lab()
    progress = progress_of(enrolment_of(user))
    exercise = exercise_of(progress.exercise) if progress is not None else None
    if progress is None or exercise is None:
        return None
    return progress, exercise, get_place(user, progress.namespace_id)


def download_context(chain: SampleChain | None) -> dict[str, Any]:
    """Return the files of an exercise with their keys, for the one page that has them."""
    return {"zip_base64": base64.b64encode(sample_chain_zip(chain)).decode()} if chain is not None else {}
