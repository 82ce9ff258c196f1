"""The reach of a CA certificate, by team, as it was counted at one moment."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

ABLE, FLAWED, NOT_FOR_CLIENTS = "", "flawed", "not-for-clients"


@dataclass(frozen=True)
class TeamReach:
    """The clients of one team, or of none (`team` None), that a CA certificate could authenticate as.

    `disabled` of them cannot connect now. `signed` of them last connected with a certificate that it vouched for, and `left` of
    those would have no other CA certificate without it.
    """

    team: int | None
    name: str
    clients: int
    disabled: int = 0
    signed: int = 0
    left: int = 0


@dataclass(frozen=True)
class Reach:
    """The clients that a CA certificate could authenticate as, whoever they belong to.

    `teams` has the largest first. Out of reach are clients with Thumbprint Match (`by_thumbprint`), and those whose names its name
    constraints exclude (`outside_names`), and where this portal decides, those for whom it does not vouch (`outside_binding`). `unable` is why it vouches for no client at all, or "": `FLAWED`, `NOT_FOR_CLIENTS`;
    then `teams` is empty.
    """

    thumbprint: str
    teams: tuple[TeamReach, ...] = ()
    by_thumbprint: int = 0
    outside_names: int = 0
    unable: str = ABLE
    outside_binding: int = 0

    @property
    def clients(self) -> int:
        return sum(each.clients for each in self.teams)

    @property
    def disabled(self) -> int:
        return sum(each.disabled for each in self.teams)

    @property
    def signed(self) -> int:
        return sum(each.signed for each in self.teams)

    @property
    def left(self) -> int:
        return sum(each.left for each in self.teams)

    @property
    def out_of_reach(self) -> int:
        return self.by_thumbprint + self.outside_names + self.outside_binding

    @property
    def team_pks(self) -> frozenset[int]:
        """Return the teams that own clients in reach. Clients without a team belong to no one else."""
        return frozenset(each.team for each in self.teams if each.team is not None)

    @property
    def by_team(self) -> dict[int | None, int]:
        return {each.team: each.clients for each in self.teams}

    def others(self, own: Collection[int]) -> tuple[TeamReach, ...]:
        """Return the teams in reach that are not among these."""
        return tuple(each for each in self.teams if each.team is not None and each.team not in own)

    @property
    def digest(self) -> str:
        """Return what an approval is for: the certificate and the set of teams in reach, as SHA-256 in hex.

        Not the counts: a client more of a team that is in reach already changes nothing for anyone who approved.
        """
        named = json.dumps([self.thumbprint, self.unable, sorted(self.team_pks)])
        return hashlib.sha256(named.encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, to keep what was shown."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return what `as_dict` returned."""
        return cls(**{**data, "teams": tuple(TeamReach(**each) for each in data["teams"])})
