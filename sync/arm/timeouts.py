"""The longest that one push may take, computed from the configured timeouts. The lease of a row outlasts it.

Each request is sent once, without retries below this level. No request begins after its time: `long_running` stops
polling after ARM_OPERATION_TIMEOUT, and `delivery` begins no write that could outlast the lease.
"""

from django.conf import settings

TOKEN_ANSWERS = 3  # for the first token of a process: the authority, its endpoints, the token
CHALLENGES = 1  # Azure asks for a newer token during the push, and gets the request again
READS, WRITES = 3, 3  # per push: reads before, after, and after a rejection; DELETE, PUT, and PUT of the former state
SLACK = 1.1  # factor for everything other than waiting


def answer_seconds() -> float:
    """Return the longest wait in seconds for one response of Azure or of the token endpoint."""
    return float(settings.ARM_CONNECT_TIMEOUT + settings.ARM_READ_TIMEOUT)


def request_seconds() -> float:
    """Return the longest duration in seconds of one request, whose token may have to be renewed first."""
    return 2 * answer_seconds()


def write_seconds() -> float:
    """Return the longest duration in seconds of one write, including polling until it ends.

    The last poll begins before ARM_OPERATION_TIMEOUT is over, and may itself take as long as a request.
    """
    return request_seconds() + float(settings.ARM_OPERATION_TIMEOUT) + request_seconds()


def push_seconds() -> float:
    """Return the longest duration in seconds of one push, with all its reads and writes."""
    extra = TOKEN_ANSWERS * answer_seconds() + CHALLENGES * request_seconds()
    return extra + READS * request_seconds() + WRITES * write_seconds()


def lease_seconds() -> float:
    """Return how long, in seconds, a worker claims a row."""
    return SLACK * push_seconds()
