"""Users, teams, the activity log and what sign-in keeps, independent of resource types."""

from portal.models.activity import Activity, ActivityQuerySet
from portal.models.people import Membership, Team, User
from portal.models.sign_in import CachedValue, FailedSignIns, SignInCount

__all__ = [
    "Activity",
    "ActivityQuerySet",
    "CachedValue",
    "FailedSignIns",
    "Membership",
    "SignInCount",
    "Team",
    "User",
]
