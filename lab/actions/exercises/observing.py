"""Note what the trainee is shown without a row being stored, such as a refused upload."""

from django.db import transaction
from django.utils import timezone

from lab.actions.exercises.files import with_seen
from lab.actions.exercises.wrong_turns import take_turn
from lab.catalogue.reading import exercise
from lab.models import Enrolment, Progress
from portal.models import User
from portal.observations import Observation

NOT_REFUSED = frozenset({"accepted", "made", ""})


def note(user: User, namespace_pk: int, observation: Observation) -> None:
    """Note an observation for the exercise that the person is working on in this namespace, if there is one."""
    running = Enrolment.objects.filter(user=user, namespace=namespace_pk, is_running=True).exclude(exercise="")
    slug = running.values_list("exercise", flat=True).first()
    found = exercise(slug) if slug else None
    if found is None:
        return
    with transaction.atomic():
        rows = Progress.objects.select_for_update().filter(user=user, namespace=namespace_pk, exercise=found.slug)
        progress = rows.first()
        if progress is None:
            return
        now = timezone.now()
        if found.start.get("own_chain") and observation.certificates:
            client = str(found.names[0]["name"])
            files = with_seen(progress.facts.get("files", {}), observation.certificates, client=client)
            progress.facts = progress.facts | {"files": files}
        if observation.code not in NOT_REFUSED:
            progress.met = progress.met | {observation.code[:60]: now.isoformat()}
            take_turn(progress, found, observation.kind, observation.code, _facts(progress, observation), at=now)
        progress.save()


def _facts(progress: Progress, observation: Observation) -> dict[str, str]:
    """Return names about what was refused: of the file, and of its certificate where there is one."""
    first = observation.certificates[0] if observation.certificates else {}
    facts = {"subject": first.get("subject", ""), "issuer": first.get("issuer", "")}
    facts |= {"thumbprint": first.get("thumbprint", ""), "file": observation.file_name}
    known = {each["thumbprint"]: stem for stem, each in progress.facts.get("files", {}).items()}
    if not facts["file"] and facts["thumbprint"] in known:
        facts["file"] = f"{known[facts['thumbprint']]}.crt"
    return {name: value[:200] for name, value in facts.items()}
