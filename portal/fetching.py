"""Fetch a file from a host that the operator allows, and from no other: never a redirect, never more than was asked for.

The operator lists hosts because such servers are usually inside the network, where no request may go by the wish of a user.
"""

from collections.abc import Collection

from requests_hardened import Config, Manager

from portal.notifications.webhooks.addresses import PORTS, is_among, parse_address
from portal.notifications.webhooks.deadline import limit_session

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
WHOLE_SECONDS = 60.0  # for all of it, however slowly it comes
PIECE = 65_536
USER_AGENT = "mqtt-namespace-portal/1"


class FetchError(ValueError):
    """An address that is not fetched, or an answer that is not taken. `code` for machines, the text for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def check_address(url: str, hosts: Collection[str]) -> None:
    """Raise FetchError unless this address is well formed and on one of these hosts.

    `hosts`: names such as pki.example.internal, .example.internal for all below it, or with a port that is not the usual one.
    """
    address = parse_address(url)
    if address is None or address.scheme not in PORTS:
        raise FetchError("malformed", "Enter an address such as http://pki.example.com/line.crl.")
    if address.has_credentials:
        raise FetchError("credentials", "Leave out user name and password: a revocation list is public.")
    name = address.host.rstrip(".")
    if not is_among(name if address.has_usual_port else f"{name}:{address.port}", hosts):
        raise FetchError("host-not-allowed", "The operator of this portal does not allow this host.")


def fetch(url: str, *, hosts: Collection[str], most_bytes: int, authorities: str = "") -> bytes:
    """Return the file at this address. Raise FetchError. `authorities`: a PEM file for HTTPS; empty: the public ones."""
    check_address(url, hosts)
    manager = Manager(
        Config(
            ip_filter_enable=False,  # the operator lists the host, usually one of the own network
            ip_filter_allow_loopback_ips=True,
            never_redirect=True,
            default_timeout=(CONNECT_SECONDS, READ_SECONDS),
            user_agent_override=USER_AGENT,
        )
    )
    try:
        with manager.get_session() as session:
            session.trust_env = False  # no proxy and no credentials of the machine
            session.verify = authorities or True
            limit_session(session, WHOLE_SECONDS)
            with session.get(url, stream=True, headers={"Accept-Encoding": "identity"}) as answer:
                if answer.status_code != 200:
                    raise FetchError("status", f"The server answered {answer.status_code}.")
                return _body(answer.iter_content(PIECE), most_bytes)
    except FetchError:
        raise
    except OSError as fault:  # every error of requests is one
        raise FetchError("unreachable", f"The server could not be reached ({type(fault).__name__}).") from None


def _body(pieces: object, most_bytes: int) -> bytes:
    found = bytearray()
    for piece in pieces:  # type: ignore[attr-defined]  # untyped
        found += piece
        if len(found) > most_bytes:
            raise FetchError(
                "too-large", f"The file is larger than {most_bytes // 1_048_576} MB, the maximum that is read."
            )
    return bytes(found)
