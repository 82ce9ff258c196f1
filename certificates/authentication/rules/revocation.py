"""Check whether a certificate, or a CA certificate above it, is revoked. Pure.

Source: RFC 5280 section 6.3.3; docs/policy.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from certificates.authentication.certification_paths import TrustAnchors, load_known, signed_by
from certificates.authentication.chain import verify_chain
from certificates.authentication.rules.types import (
    HOLD,
    REASONS,
    REMOVED,
    ListEntry,
    NamespaceRules,
    Revocation,
    RevocationList,
)
from certificates.authentication.types import (
    FAILED,
    NOT_REVOKED,
    PASSED,
    RELEASE_CERTIFICATE,
    UPLOAD_LIST,
    Step,
    Values,
)
from certificates.x509.certificate import Certificate, load_certificate, public_key_hash
from certificates.x509.serial_numbers import serial_digits, serial_text


@dataclass(frozen=True)
class _Checked:
    """A certificate of the path, with the one above it where it was used to verify it."""

    certificate: Certificate
    parent: Certificate | None
    is_leaf: bool


def check_revocation(path: Sequence[Certificate], rules: NamespaceRules, *, at: datetime) -> Step:
    """Return the step `not-revoked`.

    Arguments: `path`, from the client certificate to the uploaded CA certificate, or with Thumbprint Match the client certificate
    alone; `at`, an aware datetime. A certificate counts as revoked for good, also where its list or entry is dated later than `at`.
    """
    used: list[RevocationList] = []
    removed: list[str] = []
    for each in _each(path):
        by_hand = _revocation(each, rules)
        if by_hand is not None:
            by_thumbprint = by_hand.thumbprint == each.certificate.thumbprint_sha256
            found_by = "thumbprint" if by_thumbprint else "issuer and serial number"
            return _revoked(each, by_hand, found_by)
        for found in _lists(each, rules):
            if found not in used:
                used.append(found)
            entry = found.entries.get(serial_digits(each.certificate.serial_number))
            if entry is not None and entry.reason == REMOVED:
                removed.append(_taken_off(each, entry))
            elif entry is not None:
                return _revoked(each, entry, _named(found), is_listed=True)
    stale = [found for found in used if found.is_stale(at)]
    if stale and rules.refuses_stale_lists:
        return _too_old(stale[0])
    return _passed(path, used, stale, removed)


@dataclass(frozen=True)
class RevokedOnPath:
    """The first revoked certificate of a path, and what revokes it: `by_hand`, else an entry of `listed_by`."""

    certificate: Certificate
    by_hand: Revocation | None = None
    listed_by: RevocationList | None = None


def path_shown(
    sent: Sequence[Certificate], anchors: TrustAnchors, *, has_chain: bool, at: datetime
) -> Sequence[Certificate]:
    """Return the path that is checked for revocation: of what a client sent, its own certificate first, up to an anchor.

    Only its own certificate where no CA certificate has to vouch for it (`has_chain`), or none does.
    """
    path = verify_chain(sent[0], [each.der for each in sent[1:]], anchors, at=at).path if has_chain else ()
    return path or sent[:1]


def revoked_on_path(path: Sequence[Certificate], rules: NamespaceRules) -> RevokedOnPath | None:
    """Return the certificate because of which `check_revocation` refuses this path, None where it is not revoked."""
    for each in _each(path):
        by_hand = _revocation(each, rules)
        if by_hand is not None:
            return RevokedOnPath(each.certificate, by_hand=by_hand)
        for found in _lists(each, rules):
            entry = found.entries.get(serial_digits(each.certificate.serial_number))
            if entry is not None and entry.reason != REMOVED:
                return RevokedOnPath(each.certificate, listed_by=found)
    return None


def lists_end(path: Sequence[Certificate], rules: NamespaceRules, *, at: datetime) -> datetime | None:
    """Return the first next update of the lists that count for this path: from then on they refuse it. None where nothing does."""
    if not rules.refuses_stale_lists:
        return None
    ends = (found.next_update for each in _each(path) for found in _lists(each, rules))
    return min((end for end in ends if end is not None and end >= at), default=None)


def _each(path: Sequence[Certificate]) -> Iterator[_Checked]:
    for place, certificate in enumerate(path):
        yield _Checked(certificate, path[place + 1] if place + 1 < len(path) else None, place == 0)


def _revocation(each: _Checked, rules: NamespaceRules) -> Revocation | None:
    found = rules.revoked_thumbprints.get(each.certificate.thumbprint_sha256)
    if found is not None:
        return found
    named = rules.revoked_serials.get(serial_digits(each.certificate.serial_number), ())
    return next((revocation for issuer, revocation in named if _is_of(issuer, revocation, each)), None)


def _is_of(issuer: str, revocation: Revocation, each: _Checked) -> bool:
    """Compare the issuer by its key where both are known, else by its name. `issuer`: the name in the form of `name_key`."""
    if revocation.issuer_key and each.parent is not None:
        return revocation.issuer_key == public_key_hash(each.parent.der)
    return bool(issuer) and issuer == each.certificate.issuer_key


def _lists(each: _Checked, rules: NamespaceRules) -> Iterator[RevocationList]:
    """Yield the lists that count for this certificate: of its issuer's name, and signed by the key that signed it."""
    for found in rules.lists_by_issuer.get(each.certificate.issuer_key, ()):
        if each.parent is not None:
            if public_key_hash(each.parent.der) == found.issuer_key:
                yield found
        elif _is_signed(each.certificate.der, found.signer):
            yield found


@lru_cache(maxsize=1024)
def _is_signed(der: bytes, signer: bytes) -> bool:
    """Cached, because a client with Thumbprint Match and an uploaded CA certificate come with every connection."""
    return signed_by(load_certificate(der), load_known(signer))


def _moment(value: datetime | None) -> str:
    return f"{value.astimezone(UTC):%d %b %Y %H:%M} UTC" if value is not None else "not recorded"


def _subject(certificate: Certificate) -> str:
    return certificate.subject or "(empty subject)"


def _named(found: RevocationList) -> str:
    number = f", number {found.number}" if found.number is not None else ""
    return f"the revocation list of {found.issuer}{number}"


def _taken_off(each: _Checked, entry: ListEntry) -> str:
    return f"{_subject(each.certificate)} on {_moment(entry.revoked_at)}"


def _revoked(each: _Checked, entry: Revocation | ListEntry, found_by: str, *, is_listed: bool = False) -> Step:
    certificate, words = each.certificate, REASONS.get(entry.reason, entry.reason)
    day = f"{entry.revoked_at.astimezone(UTC):%d %b %Y}" if entry.revoked_at is not None else ""
    what = "The certificate" if each.is_leaf else f"The CA certificate {_subject(certificate)}"
    if entry.reason == HOLD:
        sentence = f"{what} is on hold{f' since {day}' if day else ''}."
    else:
        sentence = f"{what} was revoked{f' on {day}' if day else ''} ({words})."
    again = "Issue a new certificate with a new key to the client."
    if not each.is_leaf:
        again = "Issue the client's certificate from a CA that is not revoked."
    mistake = "have its CA take it off the list, and upload the new list" if is_listed else "release it"
    return Step(
        NOT_REVOKED,
        FAILED,
        sentence,
        (
            ("revoked certificate", _subject(certificate)),
            ("serial number", serial_text(certificate.serial_number)),
            ("issuer", certificate.issuer),
            ("reason", words),
            ("revoked", _moment(entry.revoked_at)),
            ("found by", found_by),
        ),
        f"{again} If it was revoked by mistake, {mistake}.",
        UPLOAD_LIST if is_listed else RELEASE_CERTIFICATE,
    )


def _too_old(found: RevocationList) -> Step:
    return Step(
        NOT_REVOKED,
        FAILED,
        f"The revocation list of {found.issuer} is past its next update of {_moment(found.next_update)}, and this namespace then"
        " refuses every client of that CA.",
        (("revocation list", _named(found)), ("next update", _moment(found.next_update))),
        f"Upload the newest revocation list of {found.issuer}.",
        UPLOAD_LIST,
    )


def _passed(
    path: Sequence[Certificate], used: Sequence[RevocationList], stale: Sequence[RevocationList], removed: Sequence[str]
) -> Step:
    sentence = (
        "The certificate is not revoked." if len(path) == 1 else f"None of the {len(path)} certificates is revoked."
    )
    values: Values = (("certificates", ", ".join(map(_subject, path))),)
    values += tuple(("revocation list", _named(found)) for found in used)
    values += tuple(("taken off the list", text) for text in removed)
    for found in stale:
        sentence += (
            f" Warning: the revocation list of {found.issuer} is past its next update of {_moment(found.next_update)}; the last one"
            " still counts."
        )
        values += (("old revocation list", f"{_named(found)}, next update {_moment(found.next_update)}"),)
    return Step(NOT_REVOKED, PASSED, sentence, values)
