"""The second step of a sign-in: codes of an authenticator app, and recovery codes."""

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, generate_totp_secret
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from qrcode import QRCode

from portal.models import User
from portal.sign_in import records
from portal.sign_in.encryption import UnreadableSecretError, decrypt, encrypt

QUIET_ZONE = 4  # modules around the code


class MFAAdapter(DefaultMFAAdapter):
    """Encrypts secrets, and draws codes in a way that the Content-Security-Policy allows."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "Incorrect code. Enter the one that your app shows now, or a recovery code not used yet.",
    }

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text)

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()

    def build_totp_svg(self, url: str) -> str:
        """Return a QR code as an inline SVG without style or script."""
        return drawn_code(url)


def drawn_code(text: str) -> str:
    """Return an SVG of a QR code. It contains only numbers and our own markup."""
    code = QRCode(border=QUIET_ZONE)
    code.add_data(text)
    rows = code.get_matrix()
    squares = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return (
        f'<svg class="qr-code" viewBox="0 0 {len(rows)} {len(rows)}" role="img" aria-label="QR code for your app" '
        f'shape-rendering="crispEdges"><path d="{squares}"/></svg>'
    )


def pending_secret(request: HttpRequest, *, anew: bool) -> str:
    """Return the secret that the user is about to set up, kept encrypted in the session."""
    kept = request.session.get(SECRET_SESSION_KEY)
    if kept and not anew:
        try:
            return decrypt(kept)
        except UnreadableSecretError:
            pass
    secret: str = generate_totp_secret()
    request.session[SECRET_SESSION_KEY] = encrypt(secret)
    return secret


def remove_second_step(user: User) -> bool:
    """Delete app and recovery codes of the user, and return whether there were any."""
    return bool(Authenticator.objects.filter(user=user).delete()[0])


# What allauth reports, for the activity log


def on_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    is_app = authenticator.type == Authenticator.Type.TOTP
    records.note("second_step_added" if is_app else "recovery_codes_made", user, request)


def on_reset(request: HttpRequest, user: User, **_: Any) -> None:
    records.note("recovery_codes_made", user, request)


def on_removed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        records.note("second_step_removed", user, request)


def on_used(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        records.note("recovery_code_used", user, request)
