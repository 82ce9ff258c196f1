"""The provider's users and groups."""

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

MOST_IN_A_TOKEN = 200  # as Entra ID
DOMAIN = "contoso.example"
LINE_A, LINE_B, ADMINISTRATORS = "Line A engineers", "Line B engineers", "Portal administrators"
CHOICES = (LINE_A, LINE_B, ADMINISTRATORS)  # what a user may choose on the provider's home page
PROJECTS = tuple(f"Project {number:03}" for number in range(1, MOST_IN_A_TOKEN + 1))


@dataclass(frozen=True)
class Person:
    username: str
    first_name: str
    last_name: str
    groups: tuple[str, ...] = ()


PEOPLE = (
    Person("ann", "Ann", "Archer", (LINE_A,)),
    Person("ben", "Ben", "Baker", (LINE_B,)),
    Person("cora", "Cora", "Cook", (ADMINISTRATORS,)),
    Person("eve", "Eve", "Ellis"),
    Person("olga", "Olga", "Olsen", (LINE_A, *PROJECTS)),
)


def object_id(group: str) -> str:
    """Return the object ID of a group, the same in every demo."""
    return str(uuid5(NAMESPACE_URL, f"group:{group}"))


def group_ids(user: Any) -> list[str]:
    """Return the object IDs of a user's groups."""
    return [object_id(name) for name in user.groups.order_by("name").values_list("name", flat=True)]


def seed_people(passwords: dict[str, str]) -> None:
    """Create the users and groups that are missing. What exists is not changed."""
    users = get_user_model()
    with transaction.atomic():
        if not Group.objects.exists():
            Group.objects.bulk_create(Group(name=name) for name in (*CHOICES, *PROJECTS))
        for person in PEOPLE:
            if person.username not in passwords or users.objects.filter(username=person.username).exists():
                continue
            user: Any = users(
                username=person.username,
                first_name=person.first_name,
                last_name=person.last_name,
                email=f"{person.username}@{DOMAIN}",
            )
            user.set_password(passwords[person.username])
            user.save()
            user.groups.set(Group.objects.filter(name__in=person.groups))
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
