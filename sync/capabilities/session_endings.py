"""End sessions of MQTT clients at once, where the target offers it: the emulator does, Azure does not.

On Azure a session that a revoked certificate opened lives on until its client connects again, or its `expiration` passes.
"""

from collections.abc import Iterator, Sequence

from django.conf import settings

from sync.arm.gateway import arm_gateway
from sync.workers.wakeups import send_on_commit

TASK = "sync.tasks.end_sessions"
MOST_AT_ONCE = 1_000  # thumbprints or names in one request


def end_sessions_on_commit(
    namespace_id: str, *, thumbprints: Sequence[str] = (), names: Sequence[str] = (), reason: str
) -> None:
    """Let a worker end sessions when the current transaction is committed; nothing where the target has no such control.

    Arguments: `namespace_id`, its ARM id; `thumbprints`, SHA-256 of certificates that clients presented; `names`, authentication
    names; `reason`, a sentence for the clients.
    """
    if settings.FAULT_CONTROL_GATEWAY and (thumbprints or names):
        send_on_commit(TASK, namespace_id, list(thumbprints), list(names), reason)


def end_sessions(namespace_id: str, thumbprints: Sequence[str], names: Sequence[str], reason: str) -> int:
    """End sessions, and return their number. Raise AzureRefused or AzureUnreachable."""
    ended = 0
    for some in _in_parts(thumbprints, names):
        answer = arm_gateway().beside(
            "POST", "/emulator/sessions/end", {"namespace": namespace_id, "reason": reason, **some}
        )
        ended += int(answer.get("ended") or 0)
    return ended


def _in_parts(thumbprints: Sequence[str], names: Sequence[str]) -> Iterator[dict[str, list[str]]]:
    for member, found in (("thumbprints", thumbprints), ("authenticationNames", names)):
        for start in range(0, len(found), MOST_AT_ONCE):
            yield {member: list(found[start : start + MOST_AT_ONCE])}
