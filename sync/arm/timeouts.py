"""How long one push may take at most, added up from the timeouts in force. A lease outlasts it.

Each request is sent once (nothing below retries), and nothing is begun after its time: `operations` asks no more after
ARM_OPERATION_TIMEOUT, and `delivery` begins no write that could outlast the lease.
"""

from django.conf import settings

TOKEN_ANSWERS = 3  # the first token of a process: what the authority is, where its endpoints are, and the token
CHALLENGES = 1  # Azure asks for a newer token in the middle of it, and then gets the request again
READS, WRITES = 3, 3  # of one push: before, after, after a refusal; and DELETE, PUT, PUT of the former one
SLACK = 1.1  # for all that is no waiting


def answer_seconds() -> float:
    """One answer, of Azure or of whoever gives the tokens."""
    return float(settings.ARM_CONNECT_TIMEOUT + settings.ARM_READ_TIMEOUT)


def request_seconds() -> float:
    """One request; its token may have to be renewed first."""
    return 2 * answer_seconds()


def write_seconds() -> float:
    """One change, followed to its end. The last question how it goes begins before the time is over."""
    return request_seconds() + float(settings.ARM_OPERATION_TIMEOUT) + request_seconds()


def push_seconds() -> float:
    """All that one push may do."""
    extra = TOKEN_ANSWERS * answer_seconds() + CHALLENGES * request_seconds()
    return extra + READS * request_seconds() + WRITES * write_seconds()


def lease_seconds() -> float:
    """How long a worker holds a row."""
    return SLACK * push_seconds()
