"""Announce what happens to the clients of a namespace, in the transaction that stores it."""

from collections import defaultdict
from collections.abc import Sequence

from django.urls import reverse

from namespaces.models import Client, IssuerAlarm
from portal.models import User
from portal.notifications.announcing import Place, announce
from portal.registry import places

NAMED = 5  # clients named in a sentence


def announce_issuer_alarms(alarms: Sequence[IssuerAlarm]) -> None:
    """Announce alarms to the teams of the clients and to the Owners, together for each team and change of issuer."""
    groups: dict[tuple[int, int | None, str, str], list[IssuerAlarm]] = defaultdict(list)
    for each in alarms:
        groups[each.namespace_id, each.client.team_id, each.former_key, each.key].append(each)
    for group in groups.values():
        _announce_group(group)


def _announce_group(group: Sequence[IssuerAlarm]) -> None:
    first, more = group[0], len(group) - NAMED
    namespace, client = first.namespace, first.client
    names = ", ".join(each.client.name for each in group[:NAMED]) + (f" and {more} more" if more > 0 else "")
    caller = f" The connection came from {first.caller}." if first.caller and len(group) == 1 else ""
    announce(
        "issuer_alarm",
        to=concerned_with(namespace.pk, client.team_id),
        subject=f"Client {client.name} connected with a certificate of another issuer",
        summary="{count} clients connected with a certificate of another issuer",
        sentence=(
            f"{names}: signed by {first.issuer or 'a CA without a name'} now, with another key than before"
            f"{f' ({first.former_issuer})' if first.former_issuer else ''}.{caller} If you did not expect this, disable the client "
            "and investigate: the other CA can authenticate as it."
        ),
        url=reverse("namespaces:issuer_alarm_list", args=[namespace.pk]),
        scope=Place(namespace.pk, namespace.name),
        team=client.team,
        kind=Client._meta.label_lower,
        object_name=client.name,
        group=f"issuer_alarm:{namespace.pk}:{client.team_id or ''}:{first.former_key[:24]}:{first.key[:24]}",
        count=len(group),
    )


def concerned_with(namespace_pk: int, team_pk: int | None) -> list[User]:
    """Return the people who look after what a team owns, and the Owners."""
    found = [*places().audience(namespace_pk, team_pk), *places().audience(namespace_pk, None, owners=True)]
    return list({user.pk: user for user in found}.values())
