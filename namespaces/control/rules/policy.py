"""What a namespace asks other people to approve, who they are, and how many."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Need(StrEnum):
    """A kind of change that can need approval. The codes are stored."""

    CA_UPLOAD = "ca_upload"
    CA_DELETE = "ca_delete"
    CA_ADOPT = "ca_adopt"
    TEAM_CHANGE = "team_change"
    LEAVE_THUMBPRINT = "leave_thumbprint"
    NAME_SOURCES = "name_sources"
    DECISION_MODE = "decision_mode"
    LOOSEN_RULE = "loosen_rule"
    RELEASE_CERTIFICATE = "release_certificate"
    POWERFUL_ROLE = "powerful_role"
    POLICY = "policy"
    CLIENT_CREATE = "client_create"
    CLIENT_CHANGE = "client_change"
    CLIENT_DELETE = "client_delete"
    OTHER_ROLE = "other_role"


LABELS: Mapping[Need, str] = {
    Need.CA_UPLOAD: "Upload a CA certificate that reaches other teams' clients",
    Need.CA_DELETE: "Delete a CA certificate that reaches other teams' clients",
    Need.CA_ADOPT: "Adopt or take from Azure a CA certificate that reaches other teams' clients",
    Need.TEAM_CHANGE: "Change the team of a CA certificate or client",
    Need.LEAVE_THUMBPRINT: "Take a client off Thumbprint Match",
    Need.NAME_SOURCES: "Change the alternative name sources",
    Need.DECISION_MODE: "Change whether Azure or this portal decides which clients connect",
    Need.LOOSEN_RULE: "Loosen a rule that Azure does not have, such as for whom a CA vouches or what registers devices",
    Need.RELEASE_CERTIFICATE: "Undo the revocation of a certificate",
    Need.POWERFUL_ROLE: "Make a person or team Owner, or a person team lead",
    Need.POLICY: "Loosen this policy, or the proof of possession",
    Need.CLIENT_CREATE: "Create a client",
    Need.CLIENT_CHANGE: "Change a client",
    Need.CLIENT_DELETE: "Delete a client",
    Need.OTHER_ROLE: "Give any other role",
}
DEFAULT_NEEDS = frozenset(
    {
        Need.CA_UPLOAD,
        Need.CA_DELETE,
        Need.CA_ADOPT,
        Need.TEAM_CHANGE,
        Need.LEAVE_THUMBPRINT,
        Need.NAME_SOURCES,
        Need.DECISION_MODE,
        Need.LOOSEN_RULE,
        Need.RELEASE_CERTIFICATE,
        Need.POWERFUL_ROLE,
        Need.POLICY,
    }
)
MOST_APPROVALS = 5


@dataclass(frozen=True)
class Policy:
    """The policy of one namespace. A namespace that has none is as if it were off."""

    enabled: bool = False
    needs: frozenset[Need] = DEFAULT_NEEDS
    approvals: int = 1
    by_owners: bool = True
    by_leads: bool = True  # of the teams affected
    by_team: int | None = None  # the primary key of a team whose members may approve
    emergency: bool = True  # an Owner may apply a change set at once

    def asked(self, needs: Iterable[Need]) -> tuple[Need, ...]:
        """Return those of the needs for which this policy asks, in the order of `Need`."""
        wanted = set(needs) & self.needs if self.enabled else set()
        return tuple(need for need in Need if need in wanted)

    def is_looser_than(self, other: "Policy") -> bool:
        """Return whether this policy would let something through that `other` stops."""
        if not other.enabled:
            return False
        return (
            not self.enabled
            or not self.needs >= other.needs
            or self.approvals < other.approvals
            or (self.by_owners and not other.by_owners)
            or (self.by_leads and not other.by_leads)
            or (self.by_team is not None and self.by_team != other.by_team)
            or (self.emergency and not other.emergency)
        )
