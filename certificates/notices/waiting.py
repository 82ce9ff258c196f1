"""Announce that devices wait on first contact: the first one to those who may register it, until none of theirs waits."""

from django.urls import reverse

from certificates.models import WaitingDevice
from namespaces.models import Client
from namespaces.rights import rights_now
from portal.models import User
from portal.notifications.announcing import Place, announce
from portal.registry import places


def announce_waiting(row: WaitingDevice) -> None:
    """Announce a device that has begun to wait, in the caller's transaction.

    A person who may register one that waits already knows of the list, and gets nothing.
    """
    others = WaitingDevice.objects.filter(namespace=row.namespace_id).exclude(pk=row.pk).without_client()
    teams = set(others.order_by().values_list("team", flat=True).distinct())
    if row.team_id in teams:
        return
    know = {user.pk for team_pk in teams for user in _registrars(row.namespace_id, team_pk)}
    to = [user for user in _registrars(row.namespace_id, row.team_id) if user.pk not in know]
    if not to:
        return
    namespace = row.namespace
    announce(
        "devices_waiting",
        to=to,
        subject=f"Device {row.authentication_name} waits to be registered",
        summary="{count} devices wait to be registered",
        sentence=(
            f"It has a valid certificate and no client in {namespace.name}. {row.why or f'{row.get_held_display()}.'} Register or "
            "dismiss it. No other device is announced until none of yours waits."
        ),
        url=reverse("certificates:waiting_devices", args=[row.namespace_id]),
        scope=Place(row.namespace_id, namespace.name),
        team=row.team,
        kind=WaitingDevice._meta.label_lower,
        object_name=row.authentication_name,
        group=f"devices_waiting:{row.namespace_id}:{row.team_id or ''}",
    )


def _registrars(namespace_pk: int, team_pk: int | None) -> list[User]:
    """Return those who look after what the team owns and may register its devices; where nobody may, the Owners."""

    def may(user: User) -> bool:
        return rights_now(user, namespace_pk).reach(Client).covers(team_pk)

    found = [user for user in places().audience(namespace_pk, team_pk) if may(user)]
    return found or [user for user in places().audience(namespace_pk, None, owners=True) if may(user)]
