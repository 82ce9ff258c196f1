"""Who the portal is towards Azure."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import requests
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.identity import DefaultAzureCredential
from django.conf import settings

from sync.arm.errors import AUTHORITY

_RENEW_BEFORE = 120  # seconds
_SECRETS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_USERNAME")  # of the environment's credential


class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, section 4.4) against a token endpoint that is not Entra ID.

    azure-identity trusts only authorities it knows. The secret is sent in the body of one POST and never logged.
    """

    def __init__(self, *, authority: str, tenant: str, client_id: str, client_secret: str, ca_file: str) -> None:
        self._url = f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token"
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._verify: str | bool = ca_file or True
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._failure: AzureError | None = None
        self._failed_at = 0.0

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for the scopes, kept until shortly before it ends.

        Threads that have waited for a request that failed share its failure: one after the other they would wait for
        minutes, each until the endpoint has not answered it, too. Raises ClientAuthenticationError when the endpoint refuses, ServiceRequestError when it cannot be reached.
        """
        asked_at = time.monotonic()
        with self._lock:
            if self._token is not None and self._token.expires_on - _RENEW_BEFORE > time.time():
                return self._token
            if self._failure is not None and self._failed_at >= asked_at:
                raise type(self._failure)(self._failure.message)
            self._failure = None
            try:
                self._token = self._request(" ".join(scopes))
            except AzureError as fault:
                self._failure, self._failed_at = fault, time.monotonic()
                raise
            return self._token

    def forget(self) -> None:
        """Drop the token, so that the next call asks for a fresh one."""
        with self._lock:
            self._token = None

    def _request(self, scope: str) -> AccessToken:
        timeout = (settings.ARM_CONNECT_TIMEOUT, settings.ARM_READ_TIMEOUT)
        try:
            answer = requests.post(
                self._url,
                data={**self._form, "scope": scope},
                timeout=timeout,
                verify=self._verify,
                allow_redirects=False,
            )
            content = answer.json() if answer.ok else {}
        except (requests.RequestException, OSError, ValueError) as fault:
            raise ServiceRequestError(f"{AUTHORITY} cannot be reached ({type(fault).__name__})") from None
        if answer.status_code >= 500:
            raise ServiceRequestError(f"{AUTHORITY} answered {answer.status_code}")
        if "access_token" not in content:
            raise ClientAuthenticationError(f"{AUTHORITY} refused the portal's credential ({answer.status_code})")
        lifetime = int(content.get("expires_in", 300))
        return AccessToken(str(content["access_token"]), int(time.time()) + lifetime)


def make_credential() -> TokenCredential:
    """The credential that the settings describe."""
    if not settings.AZURE_AUTHORITY_URL:
        client_id = os.environ.get("AZURE_CLIENT_ID") or None
        # Environment, workload identity, managed identity, then the CLI: the first that there is. Never a person's
        # browser or editor: what the portal may do must not depend on who is signed in there.
        return DefaultAzureCredential(
            disable_instance_discovery=settings.AZURE_DISABLE_INSTANCE_DISCOVERY,
            exclude_shared_token_cache_credential=True,
            exclude_visual_studio_code_credential=True,
            exclude_developer_cli_credential=True,
            exclude_powershell_credential=True,
            exclude_broker_credential=True,
            # Set and empty, as compose files have it, is not set.
            exclude_environment_credential=not (client_id and any(os.environ.get(name) for name in _SECRETS)),
            managed_identity_client_id=client_id,
            process_timeout=int(settings.ARM_READ_TIMEOUT),
            connection_timeout=settings.ARM_CONNECT_TIMEOUT,
            read_timeout=settings.ARM_READ_TIMEOUT,
            retry_total=0,  # the row is retried, not the request; else a push could outlast its lease
        )
    if settings.AZURE_ARM_CA and not Path(settings.AZURE_ARM_CA).is_file():
        raise FileNotFoundError(f"AZURE_ARM_CA names {settings.AZURE_ARM_CA}, which is not there")
    return ClientCredentials(
        authority=settings.AZURE_AUTHORITY_URL,
        tenant=settings.AZURE_TENANT_ID,
        client_id=settings.AZURE_CLIENT_ID,
        client_secret=settings.AZURE_CLIENT_SECRET,
        ca_file=settings.AZURE_ARM_CA,
    )
