"""Users, teams, the activity log, notices, and what sign-in keeps, independent of resource types."""

from portal.models.activity import Activity, ActivityQuerySet
from portal.models.links import AccessLink, InvitedTeam
from portal.models.notices import Channel, DigestTime, Notice, NoticePreference, NoticeRecipient, Reminder
from portal.models.outbox import Outgoing, OutgoingMail
from portal.models.people import Membership, Team, User
from portal.models.sign_in import CachedValue, FailedSignIns, SignInCount

__all__ = [
    "AccessLink",
    "Activity",
    "ActivityQuerySet",
    "CachedValue",
    "Channel",
    "DigestTime",
    "FailedSignIns",
    "InvitedTeam",
    "Membership",
    "Notice",
    "NoticePreference",
    "NoticeRecipient",
    "Outgoing",
    "OutgoingMail",
    "Reminder",
    "SignInCount",
    "Team",
    "User",
]
