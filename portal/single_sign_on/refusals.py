"""Why a single sign-on is refused: a code for the log, and sentences for the page."""

from dataclasses import dataclass
from http import HTTPStatus

from portal.models import User

AGAIN = "Try again. If it happens again, tell your administrators the reason shown here."
ASK = "Ask your administrators: the portal's settings and those of the identity provider do not match."
SOON = "Try again in a few minutes."
SUSPICIOUS = "If you did not start this yourself, close the page; otherwise try again."


@dataclass(frozen=True)
class Reason:
    status: HTTPStatus
    sentence: str  # {name}: of the identity provider; {detail}: what the refusal adds
    next_step: str = AGAIN


BAD = HTTPStatus.BAD_REQUEST
AWAY = HTTPStatus.SERVICE_UNAVAILABLE
REASONS = {
    "state": Reason(
        BAD,
        "This sign-in was not started in this browser, took longer than ten minutes, or was used already.",
        SUSPICIOUS,
    ),
    "nonce": Reason(BAD, "The answer of {name} belongs to another sign-in.", SUSPICIOUS),
    "issuer": Reason(BAD, "The answer does not come from the identity provider that this portal trusts.", ASK),
    "audience": Reason(BAD, "The answer of {name} is meant for another application.", ASK),
    "signature": Reason(BAD, "The answer of {name} has no valid signature.", SUSPICIOUS),
    "algorithm": Reason(BAD, "The answer of {name} is not signed in the way that this portal accepts (RS256).", ASK),
    "clock": Reason(BAD, "The answer of {name} is not valid now: one of the two clocks is wrong, or it came too late."),
    "code": Reason(BAD, "{name} rejected the code of this sign-in: it was used before, or has expired.", SUSPICIOUS),
    "client": Reason(BAD, "{name} does not accept this portal's client ID and secret.", ASK),
    "answer": Reason(BAD, "The answer of {name} cannot be understood: {detail}.", ASK),
    "cancelled": Reason(HTTPStatus.FORBIDDEN, "{name} did not sign you in, or you cancelled.", AGAIN),
    "groups": Reason(
        BAD, "The groups in the answer of {name} cannot be read, so it is unknown what you may do here.", ASK
    ),
    "graph": Reason(
        AWAY,
        "You are in so many groups that {name} does not list them, and they could not be read from Microsoft Graph "
        "({detail}). You were not signed in, because it is unknown what you may do here.",
        SOON,
    ),
    "unreachable": Reason(AWAY, "{name} does not answer ({detail}).", SOON),
    "disabled": Reason(HTTPStatus.FORBIDDEN, "Your account here is disabled.", "Ask an administrator to enable it."),
    "name_taken": Reason(
        HTTPStatus.CONFLICT,
        "An account named {detail} exists here already, and it is not linked to your identity.",
        "An e-mail address or a name alone never links accounts. Ask an administrator to run the command below on the "
        "server, or to rename the other account.",
    ),
}


class Refusal(Exception):  # noqa: N818 - the user reads it, it is not a bug
    """A single sign-on that is refused, for one of REASONS.

    Args:
        code: which of REASONS.
        detail: what its sentence needs; from this portal, never text from outside.
        user: whose account it is, once that is certain.
        subject: the identity at the provider, once its token is verified.
    """

    def __init__(self, code: str, detail: str = "", *, user: User | None = None, subject: str = "") -> None:
        super().__init__(code)
        self.code, self.detail, self.user, self.subject = code, detail, user, subject
        self.reason = REASONS[code]

    @property
    def is_outage(self) -> bool:
        return self.reason.status == AWAY

    def sentence(self, name: str) -> str:
        return self.reason.sentence.format(name=name, detail=self.detail)
