"""Announce the replacement of a CA certificate."""

from collections.abc import Mapping

from django.urls import reverse

from certificates.models import CACertificate, CARollover
from namespaces.models import Client
from portal.models import Team
from portal.notifications.announcing import Place, announce
from portal.registry import places


def announce_rollover_start(rollover: CARollover, old: CACertificate, new: CACertificate) -> None:
    """Tell the Owners that clients may change from one CA certificate to another without an alarm."""
    by = f" by {rollover.started_by.display_name}" if rollover.started_by is not None else ""
    announce(
        "ca_rollover",
        to=places().audience(rollover.namespace_id, None, owners=True),
        subject=f"CA certificate {old.name} is being replaced by {new.name}",
        sentence=(
            f"Started{by}. Until the old one is deleted, both are trusted, and the clients that this person may change raise no "
            "alarm when they change. If you did not expect this, cancel the replacement."
        ),
        url=reverse("certificates:ca_certificate_replace", args=[rollover.namespace_id, old.name]),
        scope=Place(rollover.namespace_id, rollover.namespace.name),
        team=old.team,
        kind=CACertificate._meta.label_lower,
        object_name=old.name,
    )


def announce_to_teams(
    rollover: CARollover, old: CACertificate, new: CACertificate, left: Mapping[int | None, int]
) -> None:
    """Tell each team how many of its clients have not changed to certificates of the successor.

    Where a namespace hides other teams' rows, a CA certificate has a name only for its own team.
    """
    known = Team.objects.in_bulk([pk for pk in left if pk is not None])
    for pk, count in left.items():
        team = known.get(pk or 0)
        sees_both = not rollover.namespace.hides_other_teams or {old.team_id, new.team_id} <= {pk, None}
        names = (
            f"CA certificate {old.name} is being replaced by {new.name}"
            if sees_both
            else "A CA certificate is replaced"
        )
        page = "certificates:ca_certificate_replace" if sees_both else "namespaces:client_list"
        announce(
            "ca_rollover",
            to=places().audience(rollover.namespace_id, pk),
            subject=f"{names}: {count} client{'' if count == 1 else 's'} to change",
            sentence=(
                f"{'Your team' if team is not None else 'No team'} owns them. Give each a certificate of the new CA, and connect "
                "once with it. Both are trusted until all have changed."
            ),
            url=reverse(page, args=[rollover.namespace_id, *([old.name] if sees_both else [])]),
            scope=Place(rollover.namespace_id, rollover.namespace.name),
            team=team,
            kind=Client._meta.label_lower,
            object_name="",
        )
