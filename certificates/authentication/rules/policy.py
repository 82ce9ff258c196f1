"""Check a certificate and a moment against the policy of the namespace. Pure."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from certificates.authentication.rules.types import Policy
from certificates.authentication.rules.windows import closes_at, described, is_open, opens_at
from certificates.authentication.types import CHANGE_POLICY, FAILED, PASSED, WITHIN_POLICY, Step, Values
from certificates.x509.certificate import Certificate

_DAY_SECONDS = 86_400
_EC_KEYS = ("EC ", "Ed25519", "Ed448")


def check_policy(path: Sequence[Certificate], policy: Policy, *, at: datetime) -> Step:
    """Return the step `within-policy`: strong keys along the path, a client certificate that is not too old, and a time window.

    Arguments: `path`, from the client certificate to the uploaded CA certificate; with Thumbprint Match the client certificate alone;
    `at`, an aware datetime.
    """
    return _weak_key(path, policy) or _too_old(path[0], policy, at) or _closed(policy, at) or _passed(path, policy, at)


def least_bits(key: str, policy: Policy) -> int | None:
    """Return how many bits the policy asks of a key of this kind; None for a kind that it does not accept."""
    if key.startswith("RSA "):
        return policy.min_rsa_bits
    if key.startswith(_EC_KEYS):
        return policy.min_ec_bits
    return None if policy.min_rsa_bits or policy.min_ec_bits else 0


def _asked(policy: Policy) -> str:
    parts = [f"RSA {policy.min_rsa_bits} bits"] if policy.min_rsa_bits else []
    parts += [f"EC {policy.min_ec_bits} bits"] if policy.min_ec_bits else []
    return " or ".join(parts)


def _weak_key(path: Sequence[Certificate], policy: Policy) -> Step | None:
    for place, certificate in enumerate(path):
        least = least_bits(certificate.key, policy)
        if least is not None and certificate.key_bits >= least:
            continue
        subject = certificate.subject or "(empty subject)"
        what = "The certificate's key" if place == 0 else f"The key of the CA certificate {subject}"
        again = "the certificate" if place == 0 else f"{subject}, and the certificates below it,"
        return Step(
            WITHIN_POLICY,
            FAILED,
            f"{what} is {certificate.key}. This namespace asks for at least {_asked(policy)}.",
            (("at", subject), ("key", certificate.key), ("least strength", _asked(policy))),
            f"Issue {again} with a key of at least {_asked(policy)}.",
        )
    return None


def _age(leaf: Certificate, at: datetime) -> timedelta:
    return at - leaf.not_before


def _too_old(leaf: Certificate, policy: Policy, at: datetime) -> Step | None:
    if not policy.max_age_days or _age(leaf, at).total_seconds() <= policy.max_age_days * _DAY_SECONDS:
        return None
    age = _age(leaf, at).days
    return Step(
        WITHIN_POLICY,
        FAILED,
        f"The certificate is {age:,} days old. This namespace accepts certificates for {policy.max_age_days:,} days.",
        (("valid from", _moment(leaf.not_before)), ("age", f"{age:,} days"), ("most", f"{policy.max_age_days:,} days")),
        "Issue a new certificate to the client.",
    )


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%a %d %b %Y %H:%M} UTC"


def _closed(policy: Policy, at: datetime) -> Step | None:
    if not policy.windows or is_open(policy.windows, at):
        return None
    shown = "; ".join(map(described, policy.windows))
    opening = opens_at(policy.windows, at)
    next_time = _moment(opening) if opening is not None else "not within a week"
    return Step(
        WITHIN_POLICY,
        FAILED,
        f"Clients of this namespace connect only in its time windows ({shown}), and it is {_local(policy, at)}.",
        (("time windows", shown), ("at", _moment(at)), ("opens", next_time)),
        f"Connect again {f'at {next_time}' if opening is not None else 'later'}, or change the time windows.",
        CHANGE_POLICY,
    )


def _local(policy: Policy, at: datetime) -> str:
    zone = policy.windows[0].zone
    try:
        return f"{at.astimezone(zone):%a %H:%M} in {zone.key}"
    except OverflowError:
        return _moment(at)


def _passed(path: Sequence[Certificate], policy: Policy, at: datetime) -> Step:
    values: Values = ()
    if policy.min_rsa_bits or policy.min_ec_bits:
        keys = ", ".join(dict.fromkeys(certificate.key for certificate in path))
        values += (("keys", keys), ("least strength", _asked(policy)))
    if policy.max_age_days:
        values += (("age", f"{_age(path[0], at).days:,} days"), ("most", f"{policy.max_age_days:,} days"))
    if policy.windows:
        closing = closes_at(policy.windows, at)
        values += (("time windows", "; ".join(map(described, policy.windows))),)
        values += (("closes", _moment(closing)),) if closing is not None else ()
    shown = ", ".join(f"{name} {value}" for name, value in values if name in {"keys", "age", "closes"})
    return Step(WITHIN_POLICY, PASSED, f"Within policy: {shown}" if shown else "Within policy", values)


def policy_end(leaf: Certificate, policy: Policy, *, at: datetime) -> datetime | None:
    """Return the moment at which the policy no longer accepts a client that it accepts at `at`; None where it never does.

    A time window closes, or the certificate becomes too old.
    """
    ends = []
    if policy.windows and (closing := closes_at(policy.windows, at)) is not None:
        ends.append(closing)
    if policy.max_age_days:
        with suppress(OverflowError):  # after the last day of the calendar
            ends.append(leaf.not_before + timedelta(days=policy.max_age_days))
    return min(ends, default=None)
