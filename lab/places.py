"""Where the lab is: in namespaces of an emulator that the person may change."""

from collections.abc import Sequence

from certificates.models import CACertificate
from namespaces.access import get_namespace, visible_namespaces, with_rights
from namespaces.models import Client, Namespace
from namespaces.rights import Rights, Verb
from portal.models import User
from sync.capabilities.fault_training import fault_control


def has_lab() -> bool:
    """Return whether the target is an emulator: only there may exercises break things."""
    return fault_control() is not None


def _may_train(rights: Rights) -> bool:
    is_covered = all(rights.reach(model).covers(None) for model in (CACertificate, Client))
    return Verb.CONTRIBUTE in rights.verbs and is_covered


def places_of(user: User) -> Sequence[Namespace]:
    """Return the namespaces in which the person may work on exercises."""
    return [each for each in with_rights(user, visible_namespaces(user)) if _may_train(each.rights)]


def get_place(user: User, pk: int) -> Namespace:
    """Return the namespace for exercises. Raise Http404 or PermissionDenied."""
    return get_namespace(user, pk, Verb.CONTRIBUTE)
