"""What the namespace gets back: allow with a name, attributes and an end, or deny with the engine's sentence. Pure.

Source: Azure Event Grid "mqtt-client-webhook-authentication" (both answers, and the types of attributes).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from certificates.authentication.certification_paths import load_known
from certificates.authentication.rules.policy import policy_end
from certificates.authentication.types import Decision, NamespaceState
from certificates.x509.certificate import Certificate, DecodingError

INT32 = range(-(2**31), 2**31)


def answer_of(decision: Decision, *, attributes: Mapping[str, Any], expires_at: datetime | None) -> dict[str, Any]:
    """Return the JSON of a decision. `attributes`: the client's; `expires_at`: an aware datetime, or None for no end.

    An attribute that Azure would not take (another type, a whole number beyond 32 bits) is left out: with it the whole answer
    would be an error to Azure, and the device would hear "Server unavailable".
    """
    if not decision.accepted:
        return {"decision": "deny", "errorReason": f"{decision.reason} ({decision.code})"}
    answer: dict[str, Any] = {"decision": "allow", "clientAuthenticationName": decision.authentication_name}
    taken = {name: value for name, value in attributes.items() if _is_attribute(value)}
    if taken:
        answer["attributes"] = taken
    if expires_at is not None:
        answer["expiration"] = int(expires_at.timestamp())
    return answer


def _is_attribute(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return value in INT32
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def session_end(
    decision: Decision, ders: Sequence[bytes], state: NamespaceState, *, at: datetime, longest: timedelta | None = None
) -> datetime | None:
    """Return the moment at which an accepted session has to end: the first of what ends its certificate, its chain, the policy.

    The policy ends it with the longest session, when a time window closes, and when the certificate becomes too old. So does the next
    update of a revocation list that counts for its chain, where the namespace refuses clients once that has passed.

    Arguments: `ders`, what the client sent, its own certificate first; `state`, the namespace; `at`, the moment of the decision, an
    aware datetime; `longest`, the namespace's longest session. None where nothing ends, or the client was refused. With Thumbprint
    Match the chain does not count, and of a chain only certificates that are valid now: others were not needed.
    """
    if not decision.accepted or not ders:
        return None
    needed = list(ders[:1])
    if decision.anchor:
        needed += [*ders[1:], *(ca.der for ca in state.cas if ca.name == decision.anchor)]
    ends = [each.not_after for each in map(_readable, needed) if each is not None and not each.never_expires]
    ends = [end for end in ends if end > at]
    leaf = _readable(ders[0])
    policy = policy_end(leaf, state.rules.policy, at=at) if leaf is not None else None
    if policy is not None:
        ends.append(policy)
    if decision.lists_end is not None:
        ends.append(decision.lists_end)
    if longest is not None:
        ends.append(at + longest)
    return min(ends, default=None)


def _readable(der: bytes) -> Certificate | None:
    try:
        return load_known(der)
    except DecodingError:
        return None
