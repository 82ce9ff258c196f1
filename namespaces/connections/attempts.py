"""Connection attempts as the Connections page shows them."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import QueryDict

from certificates.authentication.engine import Decision
from namespaces.connections.hidden_names import without_hidden_names
from namespaces.models import Client, ConnectionAttempt, Namespace
from portal.listing import asked_text, whole_number
from sync.models import same_name

SHOWN = 100
# A page left open must stop polling at some time.
LAST_ROUND = 450
POLL_SECONDS = 2


@dataclass(frozen=True)
class Watch:
    """What the page shows, and where its next request continues."""

    attempts: list[ConnectionAttempt]
    verdict: str  # "", "accepted" or "refused"
    search: str
    client: str  # "", or the one client whose attempts are asked for
    after: int
    round: int = 0
    delay: int = field(default=POLL_SECONDS, init=False)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.verdict or self.search)

    @property
    def is_over(self) -> bool:
        return self.round >= LAST_ROUND

    @property
    def next_query(self) -> str:
        """Return the query string of the next request for newer attempts."""
        return urlencode(
            {
                "after": self.after,
                "round": self.round + 1,
                "verdict": self.verdict,
                "q": self.search,
                "client": self.client,
            }
        )


def has_connection_log() -> bool:
    """Return whether the target of this portal has a connection log."""
    return bool(settings.CONNECTION_LOG_GATEWAY)


def watch(namespace: Namespace, query: QueryDict, *, only_newer: bool = False, client: str = "") -> Watch:
    """The newest attempts, or those newer than the cursor `after` of the query; of one client, where that is asked."""
    client = client or asked_text(query, "client")
    after = _number(query, "after") if only_newer else 0
    listed = listed_attempts(namespace, query, client=client).filter(cursor__gt=after)[:SHOWN]
    attempts = list(without_hidden_names(namespace, listed))
    newest = attempts[0].cursor if attempts else after
    verdict, search = _verdict(query), asked_text(query, "q")
    return Watch(attempts, verdict, search, client, newest, _number(query, "round") if only_newer else 0)


def _verdict(query: QueryDict) -> str:
    """What is asked for, and no other word: a page says “nothing matches” only of what it has looked for."""
    asked = asked_text(query, "verdict")
    return asked if asked in {"accepted", "refused"} else ""


def listed_attempts(namespace: Namespace, query: QueryDict, *, client: str = "") -> QuerySet[ConnectionAttempt]:
    """Return the attempts with the verdict and text that the query asks for, newest first."""
    verdict, search = _verdict(query), asked_text(query, "q")
    rows = ConnectionAttempt.objects.visible_to(namespace.sight)
    if verdict:
        rows = rows.filter(accepted=verdict == "accepted")
    if search:
        rows = rows.filter(client_name__icontains=search) | rows.filter(user_name__icontains=search)
    if client:
        rows = rows.filter(_of_client(namespace, client))
    return rows.order_by("-cursor")


def _of_client(namespace: Namespace, name: str) -> Q:
    """Match attempts that were attributed to the client, and those that only sent its name."""
    own = same_name("client_name", name)
    known = Client.visible_to(namespace.sight).named(name).first()
    return own if known is None else own | same_name("user_name", known.authentication_name)


def _number(query: QueryDict, name: str) -> int:
    return whole_number(query.get(name, "")) or 0


def attempt_at(namespace: Namespace, cursor: int) -> ConnectionAttempt | None:
    """Return the attempt at this place of the log, as the person may read it for whom the namespace was read."""
    found = ConnectionAttempt.objects.visible_to(namespace.sight).filter(cursor=cursor)
    attempt = next(without_hidden_names(namespace, found), None)
    if attempt is not None:
        attempt.namespace = namespace
    return attempt


def protocol_of(attempt: ConnectionAttempt) -> str:
    """ "5" or "3.1.1"; the log says MQTT5 or MQTT3."""
    return "3.1.1" if attempt.protocol.upper().startswith("MQTT3") else "5"


def protocol_label(protocol: str) -> str:
    """The log's MQTT5, MQTT3 and their -WS in the words that the rest of the pages uses."""
    version, _, transport = protocol.partition("-")
    label = {"MQTT5": "MQTT 5", "MQTT3": "MQTT 3.1.1"}.get(version.upper(), version)
    return f"{label} over WebSocket" if transport.upper() == "WS" else label


def decision_of(attempt: ConnectionAttempt) -> Decision | None:
    """Return the decision with its steps, where the log has it."""
    recorded: Any = (attempt.record or {}).get("decision")
    if not recorded:
        return None
    try:
        return Decision.from_dict(recorded)
    except (KeyError, TypeError, ValueError):
        return None  # a log of another version
