"""Users, teams, the activity log, notices, and what sign-in keeps, independent of resource types."""

from portal.models.activity import Activity, ActivityQuerySet
from portal.models.evidence import ActivityCheckpoint, ActivityLink, Part, Sealer, UnsealedPart
from portal.models.links import AccessLink, InvitedTeam
from portal.models.notices import Channel, DigestTime, Notice, NoticePreference, NoticeRecipient, Reminder
from portal.models.outbox import Outgoing, OutgoingMail
from portal.models.people import FormerMembership, Membership, Team, User
from portal.models.sign_in import CachedValue, FailedSignIns, SignInCount
from portal.models.webhooks import Webhook, WebhookAttempt, WebhookDelivery

__all__ = [
    "AccessLink",
    "Activity",
    "ActivityCheckpoint",
    "ActivityLink",
    "ActivityQuerySet",
    "CachedValue",
    "Channel",
    "DigestTime",
    "FailedSignIns",
    "FormerMembership",
    "InvitedTeam",
    "Membership",
    "Notice",
    "NoticePreference",
    "NoticeRecipient",
    "Outgoing",
    "OutgoingMail",
    "Part",
    "Reminder",
    "Sealer",
    "SignInCount",
    "Team",
    "UnsealedPart",
    "User",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
]
