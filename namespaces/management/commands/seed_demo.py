"""`manage.py seed_demo`: create the demo's data, a resource group with two namespaces in Azure, and users, teams and roles in the portal."""

import json
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from namespaces.actions.namespaces import connect_namespace
from namespaces.actions.roles import grant_role
from namespaces.models import Namespace, Role
from portal.demo.supervisor import write_private
from portal.deployment.passwords import generate_password
from portal.models import Team, User
from sync.arm.gateway import AzureNotFound, arm_gateway

RESOURCE_GROUP = "contoso"
LOCATION = "westeurope"
NAMESPACES = ("contoso-plant", "contoso-lab")


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    team: str
    role: str  # shown in the list of sign-ins
    namespaces: tuple[str, ...] = ()


PEOPLE = (
    Person("admin", "Alex Admin", "", "admin"),
    Person("dana", "Dana Line", "Line A", "contributor", NAMESPACES),
    Person("lee", "Lee Line", "Line B", "contributor", NAMESPACES[:1]),
    Person("rita", "Rita Reader", "", "reader", NAMESPACES),
)


class Command(BaseCommand):
    help = "Create the demo's data in Azure and the portal, and print it as JSON. Data that exists is not changed."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--passwords", type=Path, required=True, help="JSON file of passwords; missing passwords are generated"
        )

    def handle(self, *args: Any, passwords: Path, **options: Any) -> None:
        known = _read_passwords(passwords)
        write_private(passwords, json.dumps(known, indent=2))
        admin = _seed_people(known)
        ids = _seed_azure()
        for name, resource_id in ids.items():
            _connect(admin, name, resource_id)
        User.objects.filter(activity_seen_at=None).update(
            activity_seen_at=timezone.now()
        )  # do not show the demo's data as new
        created = {
            "subscription": settings.AZURE_SUBSCRIPTION_ID,
            "resource_group": RESOURCE_GROUP,
            "namespaces": [{"name": name, "id": resource_id} for name, resource_id in ids.items()],
            "users": [{"username": person.username, "role": person.role} for person in PEOPLE],
        }
        self.stdout.write(json.dumps(created))


def _read_passwords(path: Path) -> dict[str, str]:
    """Return a password for each user, from the file or newly generated. There are no default passwords."""
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {person.username: known.get(person.username) or generate_password() for person in PEOPLE}


def _seed_people(passwords: dict[str, str]) -> User:
    """Create users and teams, and return the administrator. Existing users keep their password."""
    with transaction.atomic():
        for person in PEOPLE:
            user = User.objects.filter(username=person.username).first()
            if user is None:
                first, last = person.name.split()
                user = User(username=person.username, first_name=first, last_name=last)
                user.is_superuser = person.role == "admin"
                user.set_password(passwords[person.username])
                user.save()
            if person.team:
                Team.objects.get_or_create(name=person.team)[0].members.add(user)
        return User.objects.get(username=PEOPLE[0].username)


def _seed_azure() -> dict[str, str]:
    """Create the resource group and its namespaces through ARM. Return the resource IDs by name."""
    arm = arm_gateway()
    arm.put_resource_group(settings.AZURE_SUBSCRIPTION_ID, RESOURCE_GROUP, LOCATION)
    group = f"/subscriptions/{settings.AZURE_SUBSCRIPTION_ID}/resourceGroups/{RESOURCE_GROUP}"
    ids = {name: f"{group}/providers/Microsoft.EventGrid/namespaces/{name}" for name in NAMESPACES}
    for resource_id in ids.values():
        try:
            arm.get(resource_id)
        except AzureNotFound:
            arm.put(
                resource_id,
                {
                    "location": LOCATION,
                    "identity": {"type": "SystemAssigned"},  # with which it asks the portal, once that decides
                    "sku": {"name": "Standard", "capacity": 1},
                    "properties": {"topicSpacesConfiguration": {"state": "Enabled"}},
                },
            )
    return ids


def _connect(admin: User, name: str, resource_id: str) -> None:
    if Namespace.objects.filter(resource_key=resource_id.lower()).exists():
        return
    namespace = connect_namespace(admin, resource_id=resource_id, needs_approval=False)  # one person follows the guide
    for person in PEOPLE:
        if name not in person.namespaces:
            continue
        role = Role(person.role)
        if person.team:
            grant_role(admin, namespace=namespace, role=role, team=Team.objects.get(name=person.team))
        else:
            grant_role(admin, namespace=namespace, role=role, user=User.objects.get(username=person.username))
