"""Make a class: a namespace, a team, an account and a seat for each trainee, in seconds.

The namespaces are created by the emulator's control API in one request, not through the queue of changes and its budget.
"""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from lab.actions.classes import codes as class_codes
from lab.actions.classes.access import administrator_now, emulator
from lab.actions.classes.errors import ClassError
from lab.models import Seat, TrainingClass
from lab.models.classes import ACCOUNTS, MOST_SEATS
from namespaces.importing.runs import take_resource
from namespaces.models import Namespace, NamespaceConfiguration, NamespaceRole, Role
from portal import activity
from portal.models import Activity, Membership, Team, User
from portal.people.authority import RefusedError, check_local_accounts
from sync.arm.gateway import AzureRefused, AzureUnreachable

RESOURCE_GROUP, LOCATION = "classes", "westeurope"
KIND = "lab.trainingclass"
_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"


def create_class(actor: User, *, title: str, seats: int) -> TrainingClass:
    """Make a class with free seats, open for joining. Raise ClassError, PermissionDenied."""
    administrator_now(actor)
    if not 1 <= seats <= MOST_SEATS:
        raise ClassError("seats", "seats", f"A class has from 1 to {MOST_SEATS} seats.")
    try:
        check_local_accounts()
    except RefusedError as refusal:
        raise ClassError("", refusal.code, "Seats need local accounts, which are turned off in this portal.") from None
    mark = "".join(secrets.choice(_LETTERS) for _ in range(5))  # names nothing else has
    subscription = str(uuid.uuid4())
    resources = _make_namespaces(subscription, mark, seats)
    with transaction.atomic(durable=True):
        administrator_now(actor)
        training = TrainingClass.objects.create(
            title=title,
            trainer=actor,
            subscription=subscription,
            created_at=timezone.now(),
            join_code=class_codes.sealed(class_codes.new_secret()),
        )
        _make_seats(actor, training, mark, resources)
        record(actor, training, "Create class", after={"title": title, "seats": seats})
    return training


def body_of(resource_id: str) -> dict[str, Any]:
    """Return the namespace of a seat as it is at the start."""
    return {
        "id": resource_id,
        "location": LOCATION,
        "sku": {"name": "Standard", "capacity": 1},
        "properties": {"topicSpacesConfiguration": {"state": "Enabled"}},
    }


def _make_namespaces(subscription: str, mark: str, seats: int) -> Sequence[Mapping[str, Any]]:
    """Create the namespaces in the emulator, and return them as its ARM shows them."""
    control = emulator()
    place = f"/subscriptions/{subscription}/resourceGroups/{RESOURCE_GROUP}/providers/Microsoft.EventGrid/namespaces"
    numbers = range(1, seats + 1)
    try:
        return control.replace_namespaces([body_of(f"{place}/class-{mark}-{number:02}") for number in numbers])
    except (AzureRefused, AzureUnreachable) as fault:
        raise ClassError("", "emulator", f"The emulator did not create the namespaces: {fault}") from None


def _make_seats(actor: User, training: TrainingClass, mark: str, resources: Sequence[Mapping[str, Any]]) -> None:
    now = timezone.now()
    namespaces, users = [], []
    for number, resource in enumerate(resources, 1):
        namespace = Namespace(resource_key=str(resource["id"]).lower(), connected_at=now, connected_by=actor)
        namespace.adopt(resource)
        namespace.import_state, namespace.import_touched_at = Namespace.Import.DONE, now
        namespaces.append(namespace)
        # Inactive until a trainee joins: nobody can use the account of a free seat.
        user = User(username=f"{ACCOUNTS}{mark}-{number:02}", first_name=f"Seat {number:02}", is_active=False)
        user.set_unusable_password()
        users.append(user)
    Namespace.objects.bulk_create(namespaces)
    User.objects.bulk_create(users)
    teams = Team.objects.bulk_create([Team(name=f"Seat {user.username.removeprefix(ACCOUNTS)}") for user in users])
    places = list(zip(namespaces, teams, users, strict=True))
    Membership.objects.bulk_create([Membership(team=team, user=user) for _, team, user in places])
    NamespaceRole.objects.bulk_create(
        [NamespaceRole(namespace=place, team=team, role=Role.CONTRIBUTOR, since=now) for place, team, _ in places]
    )
    Seat.objects.bulk_create(
        [
            Seat(training=training, number=number, namespace=place, team=team, user=user)
            for number, (place, team, user) in enumerate(places, 1)
        ]
    )
    for namespace, resource in zip(namespaces, resources, strict=True):
        take_resource(NamespaceConfiguration, namespace, resource)
    activity.record_many([_connected(actor, namespace) for namespace in namespaces])


def _connected(actor: User, namespace: Namespace) -> Activity:
    return activity.entry_of(
        actor,
        verb="Connect namespace",
        kind="namespaces.namespace",
        object_pk=namespace.pk,
        object_name=namespace.name,
        scope=namespace.pk,
        scope_name=namespace.name,
        after={"resource_id": namespace.resource_id},
    )


def record(
    actor: User | None,
    training: TrainingClass,
    verb: str,
    *,
    name: str = "",
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry about a class, or about what is called `name` in it, to the activity log."""
    object_name = f"{name} of {training.title}" if name else training.title
    activity.record(actor, verb=verb, kind=KIND, object_pk=training.pk, object_name=object_name[:160], after=after)
