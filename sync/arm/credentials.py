"""The portal's identity in Azure."""

import logging
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from django.conf import settings

from sync.arm.errors import AUTHORITY

IdentityCredential = ClientSecretCredential | DefaultAzureCredential

_RENEW_BEFORE = 120  # seconds
_SECRETS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_USERNAME")  # of the environment's credential

# Each failure reaches a page, a command or a push record, so azure-identity need not log it as well.
logging.getLogger("azure.identity").setLevel(logging.ERROR)


class SharedCredential:
    """One credential for all threads, which ask for a token one at a time and share the outcome.

    Without this, 32 threads would each wait for a token endpoint that does not answer, one after the other.
    """

    def __init__(self, make: Callable[[], IdentityCredential]) -> None:
        self._make = make
        self._credential = make()
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._failure: AzureError | None = None
        self._failed_at = 0.0

    def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> AccessToken:
        """Return a token for the scopes, kept until shortly before it expires.

        Raise ClientAuthenticationError when the endpoint rejects the credential, ServiceRequestError when the endpoint
        cannot be reached. A thread that was waiting when a request failed gets the same error.
        """
        asked_at = time.monotonic()
        with self._lock:
            if claims is None and self._token is not None and self._token.expires_on - _RENEW_BEFORE > time.time():
                return self._token
            if self._failure is not None and self._failed_at >= asked_at:
                raise type(self._failure)(self._failure.message)
            self._failure = None
            try:
                self._token = self._credential.get_token(*scopes, claims=claims, **options)
            except AzureError as fault:
                self._failure, self._failed_at = _token_fault(fault), time.monotonic()
                if isinstance(self._credential, ClientSecretCredential):
                    self._replace()  # else MSAL would repeat an error 5xx for a minute without asking again
                raise self._failure from None
            return self._token

    def renew(self, rejected: str) -> None:
        """Replace the credential after Azure has rejected its token: azure-identity has no way to drop a cached token.

        Nothing happens when a newer token is already in use.
        """
        with self._lock:
            if self._token is None or self._token.token != rejected:
                return
            self._token = None
            self._replace()

    def _replace(self) -> None:
        self._credential.close()
        self._credential = self._make()


def _token_fault(fault: AzureError) -> AzureError:
    """Return an outage of the token endpoint as ServiceRequestError: azure-identity reports it as a rejection."""
    cause = fault.__cause__ or fault
    failed = re.fullmatch(r"HTTP Error: (5\d\d)", str(cause))  # MSAL's own error
    status = failed[1] if failed else getattr(getattr(fault, "response", None), "status_code", 0) or 0
    if int(status) >= 500:
        return ServiceRequestError(f"{AUTHORITY} answered {status}")
    if not isinstance(cause, ServiceRequestError | ServiceResponseError):
        return ClientAuthenticationError(fault.message)  # without the response, which is not ARM's
    if "certificate verify failed" in str(cause.message):
        return ServiceRequestError(cause.message)
    return ServiceRequestError(f"{AUTHORITY} cannot be reached ({type(cause).__name__})")


def make_credential() -> SharedCredential:
    """Return the credential that the settings describe. Raise ValueError or OSError when they cannot be used."""
    if not settings.AZURE_AUTHORITY_URL:
        return SharedCredential(_default_credential)
    if settings.AZURE_ARM_CA and not Path(settings.AZURE_ARM_CA).is_file():
        raise FileNotFoundError(f"AZURE_ARM_CA names {settings.AZURE_ARM_CA}, which does not exist")
    return SharedCredential(_client_secret_credential)


def _default_credential() -> DefaultAzureCredential:
    """Environment, workload identity, managed identity, then the CLI: the first that is configured.

    Never the browser or editor of a user: what the portal may do must not depend on who is signed in there.
    """
    client_id = os.environ.get("AZURE_CLIENT_ID") or None
    return DefaultAzureCredential(
        disable_instance_discovery=settings.AZURE_DISABLE_INSTANCE_DISCOVERY,
        exclude_shared_token_cache_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_developer_cli_credential=True,
        exclude_powershell_credential=True,
        exclude_broker_credential=True,
        # A variable that is set but empty, as compose files have it, counts as not set.
        exclude_environment_credential=not (client_id and any(os.environ.get(name) for name in _SECRETS)),
        managed_identity_client_id=client_id,
        process_timeout=int(settings.ARM_READ_TIMEOUT),
        **_bounds(),
    )


def _client_secret_credential() -> ClientSecretCredential:
    """Return the credential for a token endpoint that Entra ID does not know, such as the emulator's."""
    return ClientSecretCredential(
        settings.AZURE_TENANT_ID,
        settings.AZURE_CLIENT_ID,
        settings.AZURE_CLIENT_SECRET,
        authority=settings.AZURE_AUTHORITY_URL,
        disable_instance_discovery=True,
        connection_verify=settings.AZURE_ARM_CA or True,
        **_bounds(),
    )


def _bounds() -> dict[str, Any]:
    """Return timeouts, and no retries: the row is retried, not the request, so that a push ends before its lease."""
    return {
        "connection_timeout": settings.ARM_CONNECT_TIMEOUT,
        "read_timeout": settings.ARM_READ_TIMEOUT,
        "retry_total": 0,
    }
