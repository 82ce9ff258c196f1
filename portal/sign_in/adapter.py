"""What django-allauth asks the portal: limits, addresses, messages, redirects and records."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from portal.activity import mark_first_sign_in
from portal.models import User
from portal.sign_in import known_devices, records
from portal.sign_in.addresses import client_address, limited_network
from portal.sign_in.mail import queue_mail
from portal.sign_in.rate_limits import RateLimitError, begin_attempt
from portal.single_sign_on import backend


class AccountAdapter(DefaultAccountAdapter):
    """The portal's accounts: nobody signs up, and a user name belongs to a password."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "Incorrect user name or password. Passwords are case-sensitive.",
        "incorrect_password": "Incorrect password. Passwords are case-sensitive.",
        "incorrect_code": "Incorrect code. Enter the one that your app shows now, or a recovery code not used yet.",
        "too_many_login_attempts": "Too many failed attempts. Wait a few minutes and try again.",
        "rate_limited": "Too many attempts. Wait a minute and try again.",
        "duplicate_email": "This e-mail address already belongs to your account.",
        "max_email_addresses": "Your account has %d e-mail addresses, the most that are possible. Remove one first.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """Return False: pages are HTML, and allauth's JSON answers are not used."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def is_safe_url(self, url: str | None) -> bool:
        """Return whether a redirect stays on this site, whatever other hosts the portal answers to."""
        hosts = {self.request.get_host()}
        return url_has_allowed_host_and_scheme(url, allowed_hosts=hosts, require_https=self.request.is_secure())

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Return the user with this name and password, or None. Every attempt counts until the password is right.

        Raises:
            ValidationError: too many attempts; the password was not checked. `params` has the seconds to wait.
        """
        username = credentials.get("username", "")
        address = client_address(request)
        device = known_devices.device_of(request, username)
        try:
            attempt = begin_attempt(known_devices.account_key(username), limited_network(address), device)
        except RateLimitError as refusal:
            records.note_failure(username, address, "refused")
            message = self.error_messages["too_many_login_attempts"]
            raise ValidationError(
                message, code="too_many_login_attempts", params={"seconds": refusal.seconds}
            ) from None
        user = authenticate(request, username=username, password=credentials.get("password", ""))
        if user is None:
            records.note_failure(username, address, "wrong")
        else:
            attempt.forget()
        return user

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        return reverse("account_email" if self.request.user.is_authenticated else "account_login")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        queue_mail(template_prefix, email, {"email": email, **context})

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        is_verified: bool = super().confirm_email(request, email_address)
        if is_verified:
            records.note("email_verified", email_address.user, request)
        return is_verified

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        if isinstance(user, User):
            mark_first_sign_in(user)
            if _is_by_sso(request, user):
                user.backend = backend.PATH
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        if isinstance(user, User):
            sso = settings.SINGLE_SIGN_ON if _is_by_sso(request, user) else None
            records.note("signed_in", user, request, **({"through": sso.name} if sso else {}))
            known_devices.remember(request, response, user.username)
        return response


def _is_by_sso(request: HttpRequest, user: User) -> bool:
    """Return whether this sign-in began at the identity provider, also where a code of ours is its second step."""
    methods = [each.get("method") for each in get_authentication_records(request, user)]
    first = [method for method in methods if method in ("password", "socialaccount")]
    return bool(first) and first[-1] == "socialaccount" and settings.SINGLE_SIGN_ON is not None
