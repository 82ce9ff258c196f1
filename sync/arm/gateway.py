"""Calls to Azure Resource Manager: generic resources by ID, through azure-mgmt-resource where it has an operation."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib import metadata
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urljoin, urlsplit

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline import PipelineRequest, policies
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.resource.resources import ResourceManagementClient
from django.conf import settings

from sync.arm.call_recording import RecordingPolicy
from sync.arm.credentials import SharedCredential, make_credential
from sync.arm.errors import AzureNotFound, AzureRefused, AzureUnreachable, json_of, sort_fault
from sync.arm.long_running import Follower
from sync.arm.resource_ids import is_group_name, is_segment, parse_resource_id
from sync.arm.session import ArmSession

__all__ = ["ArmGateway", "AzureNotFound", "AzureRefused", "AzureUnreachable", "arm_gateway"]

NAMESPACE_TYPE = "Microsoft.EventGrid/namespaces"

logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)


def _api_version(kind: str) -> str:
    versions = {known.lower(): version for known, version in settings.ARM_API_VERSIONS.items()}
    return str(versions.get(kind.lower(), settings.ARM_API_VERSIONS["namespaces"]))


def _version_of(arm_id: str) -> str:
    return _api_version(parse_resource_id(arm_id).kind)


class OwnServerPolicy(policies.SansIOHTTPPolicy[Any, Any]):
    """Rejects a request to another server, such as one that a link in a response leads to: it would get the token."""

    def __init__(self, base: str) -> None:
        self._server = urlsplit(base)[:2]

    def on_request(self, request: PipelineRequest[Any]) -> None:
        if urlsplit(request.http_request.url)[:2] != self._server:
            raise AzureRefused("ForeignLink", "Azure's response links to another server.", 502)


def _policies(base: str, credential: Any) -> list[Any]:
    """Return what each request passes through. Left out of the SDK's own list, on purpose:

    retries (the row is retried, not the request, so that the newest state is sent), redirects, and the registration of
    the resource provider (it needs rights that the portal should not have, and waits inside the call).
    """
    agent = f"mqtt-namespace-portal azure-mgmt-resource/{metadata.version('azure-mgmt-resource')}"
    return [
        OwnServerPolicy(base),
        policies.RequestIdPolicy(),
        policies.HeadersPolicy(),
        policies.UserAgentPolicy(base_user_agent=agent),
        policies.ProxyPolicy(),
        policies.ContentDecodePolicy(),
        ARMChallengeAuthenticationPolicy(credential, settings.AZURE_ARM_SCOPE),
        RecordingPolicy(),
    ]


def _path(arm_id: str) -> str:
    """Return an ID as the SDK's operations by ID take it."""
    return quote(arm_id.lstrip("/"), safe="/:()$%")


def _raw(response: Any, *_: Any) -> Any:
    """Return the response itself: the body is stored as Azure sent it, with properties that the SDK does not know."""
    return response.http_response


def _listed(client: ResourceManagementClient) -> list[dict[str, Any]]:
    try:
        return [dict(each) for each in client.resources.list(filter=f"resourceType eq '{NAMESPACE_TYPE}'")]
    except (AttributeError, TypeError):  # the SDK expects an object with a list
        raise _not_json() from None


class ArmGateway:
    """Calls to ARM. One per process: threads share its connections. Every call is bounded by timeouts."""

    def __init__(self) -> None:
        self._base = settings.AZURE_ARM_URL.rstrip("/")
        self._credential: SharedCredential | None = None
        self._transport: RequestsTransport | None = None
        self._clients: dict[str, ResourceManagementClient] = {}  # by subscription
        self._connecting = threading.Lock()

    def _client(self, subscription: str = "") -> ResourceManagementClient:
        """Return the client of a subscription, created on first use; calls by ID need none.

        A credential that cannot even be created is an outage like others: reported where it is met, and tried again.
        Raise AzureUnreachable.
        """
        client = self._clients.get(subscription)
        if client is None:
            with self._connecting:
                try:
                    client = self._clients.setdefault(subscription, self._make_client(subscription))
                except (ValueError, OSError) as fault:
                    reason = f"the portal's credential cannot be used: {fault}"
                    raise AzureUnreachable(
                        reason, 30.0, code="credential_settings", sent=False, answered=True
                    ) from None
        return client

    def _make_client(self, subscription: str) -> ResourceManagementClient:
        self._credential = self._credential or make_credential()
        self._transport = self._transport or self._make_transport()
        return ResourceManagementClient(
            self._credential,
            subscription or "00000000-0000-0000-0000-000000000000",
            base_url=self._base,
            credential_scopes=[settings.AZURE_ARM_SCOPE],
            policies=_policies(self._base, self._credential),
            transport=self._transport,
        )

    def _make_transport(self) -> RequestsTransport:
        return RequestsTransport(
            session=ArmSession(self._base, connections=settings.SYNC_IN_FLIGHT + 8),
            connection_verify=settings.AZURE_ARM_CA or os.environ.get("REQUESTS_CA_BUNDLE") or True,
            connection_timeout=settings.ARM_CONNECT_TIMEOUT,
            read_timeout=settings.ARM_READ_TIMEOUT,
        )

    def get(self, arm_id: str, *, api_version: str | None = None) -> dict[str, Any]:
        """Return the resource as ARM has it. Raise AzureNotFound, AzureRefused, AzureUnreachable, ValueError."""
        version = api_version or _version_of(arm_id)
        return _body(self._look(arm_id, version))

    def put(self, arm_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create or replace, wait for the end, and return the resource. Raise as `get`."""
        return self._written("PUT", arm_id, body, _version_of(arm_id))

    def patch(self, arm_id: str, body: Mapping[str, Any], *, api_version: str | None = None) -> dict[str, Any]:
        """Change what `body` names and leave the rest, wait for the end, and return the resource. Raise as `get`."""
        return self._written("PATCH", arm_id, body, api_version or _version_of(arm_id))

    def delete(self, arm_id: str) -> None:
        """Delete and wait for the end; a missing resource is no error. Raise AzureRefused, AzureUnreachable."""
        version = _version_of(arm_id)
        try:
            response = self._send("DELETE", self._url(arm_id, {"api-version": version}))
        except AzureNotFound:
            return
        if response.status_code == 202:
            self._following(arm_id, version).wait_for_absence(response)

    def list_children(self, namespace_id: str, kind: str) -> Iterator[dict[str, Any]]:
        """Yield every child of a kind ("clients", …), page by page. Raise as `get`."""
        link = ""
        while True:
            found, link = self.page_of_children(namespace_id, kind, link)
            yield from found
            if not link:
                return

    def page_of_children(self, namespace_id: str, kind: str, link: str = "") -> tuple[list[dict[str, Any]], str]:
        """Return the first page of children of a kind, or the page of `link`, with the link to the next page or "".

        Raise as `get`.
        """
        parse_resource_id(namespace_id)
        if link:
            page = self._json("GET", self._linked(link), {})
        else:
            query = {"api-version": _api_version(kind), "$top": "100"}
            page = self._json("GET", f"{namespace_id}/{kind}", query)
        return list(page.get("value") or []), str(page.get("nextLink") or "")

    def list_namespaces(self) -> list[dict[str, Any]]:
        """Return every Event Grid namespace that the credential can see. Raise AzureRefused, AzureUnreachable."""
        found: list[dict[str, Any]] = []
        for subscription in self._subscriptions():
            found += self._call(partial(_listed, self._client(subscription)))
        return sorted(found, key=lambda resource: str(resource.get("name", "")).lower())

    def put_resource_group(self, subscription: str, name: str, location: str) -> None:
        """Create a resource group unless it exists. Raise AzureRefused, AzureUnreachable, ValueError for a bad name."""
        if not is_segment(subscription) or not name or not is_group_name(name):
            raise ValueError("not the name of a resource group")
        groups = self._client(subscription).resource_groups
        self._call(lambda: groups.create_or_update(name, {"location": location}))

    def read(
        self, namespace_id: str, tail: str, query: Mapping[str, str], *, patience: float | None = None
    ) -> dict[str, Any]:
        """Return what is below a namespace and not a resource. Raise as `get`.

        `patience`: seconds to wait for the response where a user waits; by default as for every call.
        """
        parse_resource_id(namespace_id)
        return self._json("GET", f"{namespace_id}/{tail}", query, patience=patience)

    def beside(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call what the same server offers beside ARM; return {} for an empty response. Raise as `get`."""
        answer = json_of(self._send(method, self._url(path, {}), body))
        return answer if isinstance(answer, dict) else {}

    def subscriptions(self) -> list[dict[str, Any]]:
        """Return every subscription that the credential can see. Raise AzureRefused, AzureUnreachable."""
        return list(self._pages("/subscriptions", {"api-version": "2022-12-01"}))

    def provider(self, subscription: str, name: str) -> dict[str, Any]:
        """Return a resource provider and whether the subscription has registered it. Raise as `get`."""
        providers = self._client(subscription).providers
        return _body(self._call(lambda: providers.get(name, cls=_raw)))

    def permissions(self, resource_id: str) -> list[dict[str, Any]]:
        """Return what the credential may do with a resource: `actions` and `notActions` of each role. Raise as `get`."""
        parse_resource_id(resource_id)
        path = f"{resource_id}/providers/Microsoft.Authorization/permissions"
        return list(self._pages(path, {"api-version": "2022-04-01"}))

    def _subscriptions(self) -> list[str]:
        named = [each.strip() for each in settings.AZURE_SUBSCRIPTION_ID.split(",") if each.strip()]
        if named:
            return named
        return [str(subscription["subscriptionId"]) for subscription in self.subscriptions()]

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        page = self._json("GET", path, query)
        while True:
            yield from page.get("value") or []
            link = page.get("nextLink")
            if not link:
                return
            page = self._json("GET", self._linked(str(link)), {})

    def _json(
        self, method: str, path: str, query: Mapping[str, str], *, patience: float | None = None
    ) -> dict[str, Any]:
        return _body(self._send(method, self._url(path, query), patience=patience))

    def _written(self, method: str, arm_id: str, body: Mapping[str, Any], version: str) -> dict[str, Any]:
        response = self._send(method, self._url(arm_id, {"api-version": version}), dict(body))
        return self._following(arm_id, version).resource_after(response)

    def _look(self, arm_id: str, version: str) -> Any:
        return self._call(lambda: self._client().resources.get_by_id(_path(arm_id), api_version=version, cls=_raw))

    def _following(self, arm_id: str, version: str) -> Follower:
        """Return the follower of a write that Azure has accepted: whatever fails from here on, it may take effect."""

        def once_accepted(look: Callable[[], Any]) -> Any:
            try:
                return look()
            except AzureUnreachable as outage:
                raise outage.once_accepted() from None

        return Follower(
            look_at_resource=lambda: once_accepted(lambda: self._look(arm_id, version)),
            look_at_operation=lambda link: once_accepted(lambda: self._send("GET", self._linked(link))),
        )

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        url = path if path.startswith("https://") else f"{self._base}{quote(path, safe='/:()$%')}"
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote)}"
        return url.replace("{", "%7B").replace("}", "%7D")

    def _linked(self, link: str) -> str:
        return urljoin(f"{self._base}/", link)

    def _send(self, method: str, url: str, body: Any = None, *, patience: float | None = None) -> Any:
        """Send a request for which azure-mgmt-resource has no operation, or none that serves (see ADR 4)."""
        waits: dict[str, Any] = {} if patience is None else {"connection_timeout": patience, "read_timeout": patience}

        def send() -> Any:
            response = self._client().send_request(HttpRequest(method, url, json=body), **waits)
            if response.status_code >= 300:
                raise HttpResponseError(response=response)
            return response

        return self._call(send)

    def _call(self, operation: Callable[[], Any]) -> Any:
        try:
            return operation()
        except AzureError as fault:
            self._raise(fault)
        except ValueError:  # the SDK could not read the response
            raise _not_json() from None

    def _raise(self, fault: AzureError) -> NoReturn:
        response: Any = getattr(fault, "response", None)
        if getattr(response, "status_code", 0) == 401 and self._credential is not None:
            self._credential.renew(str(response.request.headers.get("Authorization", "")).removeprefix("Bearer "))
        sort_fault(fault)


def _body(response: Any) -> dict[str, Any]:
    answer = json_of(response)
    if not isinstance(answer, dict):
        raise _not_json()
    return answer


def _not_json() -> AzureUnreachable:
    return AzureUnreachable("Azure's response is not JSON", code="not_json")


@cache
def arm_gateway() -> ArmGateway:
    """Return the gateway of this process, created on first use: after a fork, and with the settings in effect."""
    return ArmGateway()
