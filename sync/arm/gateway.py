"""Azure Resource Manager, and with its neighbours the only user of `azure.*`: generic resources by id."""

import logging
import os
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urljoin, urlsplit

from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline import policies
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.resource.resources import ResourceManagementClient
from django.conf import settings

from sync.arm.call_recording import RecordingPolicy
from sync.arm.credentials import SharedCredential, make_credential
from sync.arm.errors import AzureNotFound, AzureRefused, AzureUnreachable, json_of, sort_fault
from sync.arm.long_running import Follower
from sync.arm.session import ArmSession

__all__ = ["ArmGateway", "AzureNotFound", "AzureRefused", "AzureUnreachable", "arm_gateway", "parse_resource_id"]

NAMESPACE_TYPE = "Microsoft.EventGrid/namespaces"
_SEGMENT = re.compile(r"[-A-Za-z0-9:._()$]+\Z")
# Resource groups may have letters of any language, and nothing that cannot be seen or means something in a URL.
_GROUP_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Nd", "Pc"})
_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/(?P<provider>[^/]+)/(?P<rest>.+)\Z",
    re.IGNORECASE,
)

logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)


@dataclass(frozen=True)
class ResourceId:
    """An ARM id taken apart: `type` is "Microsoft.EventGrid/namespaces/clients", `kind` its last step."""

    id: str
    subscription: str
    resource_group: str
    type: str
    kind: str
    name: str


def parse_resource_id(text: str) -> ResourceId:
    """Take an ARM id apart.

    Raises ValueError for anything that is not one, and for steps such as ".." that an HTTP client or a proxy would
    resolve: a DELETE of a client named ".." would reach the namespace.
    """
    match = _ID.match(text)
    if match is None:
        raise ValueError("not a resource id")
    every = text[1:].split("/")
    group = every.pop(3)
    if not _is_group(group) or not all(_is_step(step) for step in every):
        raise ValueError("a resource id has no empty steps, no “.” or “..”, and no characters that a URL would change")
    steps = match["rest"].split("/")
    if len(steps) % 2:
        raise ValueError("a resource id ends with a name")
    type_steps = steps[::2]
    return ResourceId(
        id=text,
        subscription=match["subscription"],
        resource_group=match["group"],
        type="/".join([match["provider"], *type_steps]),
        kind=type_steps[-1],
        name=steps[-1],
    )


def _is_step(text: str) -> bool:
    return text not in {".", ".."} and bool(_SEGMENT.match(text))


def _is_group(text: str) -> bool:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules"""
    return text not in {".", ".."} and all(
        letter in "-._()" or unicodedata.category(letter) in _GROUP_CATEGORIES for letter in text
    )


def _api_version(kind: str) -> str:
    versions = {known.lower(): version for known, version in settings.ARM_API_VERSIONS.items()}
    return str(versions.get(kind.lower(), settings.ARM_API_VERSIONS["namespaces"]))


def _version_of(arm_id: str) -> str:
    return _api_version(parse_resource_id(arm_id).kind)


def _policies(credential: Any) -> list[Any]:
    """What each request passes through. Left out of the SDK's own list, on purpose:

    retries (the row is retried, not the request: what is sent then is the newest), redirects, and the registration of
    the resource provider (it needs rights that the portal should not have, and waits inside the call).
    """
    agent = f"mqtt-namespace-portal azure-mgmt-resource/{metadata.version('azure-mgmt-resource')}"
    return [
        policies.RequestIdPolicy(),
        policies.HeadersPolicy(),
        policies.UserAgentPolicy(base_user_agent=agent),
        policies.ProxyPolicy(),
        policies.ContentDecodePolicy(),
        ARMChallengeAuthenticationPolicy(credential, settings.AZURE_ARM_SCOPE),
        RecordingPolicy(),
    ]


class ArmGateway:
    """Calls to ARM. One per process: threads share its connections. Every call is bounded by timeouts."""

    def __init__(self) -> None:
        self._base = settings.AZURE_ARM_URL.rstrip("/")
        self._credential: SharedCredential | None = None
        self._client: ResourceManagementClient | None = None
        self._connecting = threading.Lock()

    def _connected(self) -> ResourceManagementClient:
        """The client, made at the first call. A credential that cannot even be made is an outage as others are: it is
        told wherever somebody waits, and tried again. Raises AzureUnreachable."""
        if self._client is None:
            with self._connecting:
                try:
                    self._client = self._client or self._make_client()
                except (ValueError, OSError) as fault:
                    reason = f"the portal's credential cannot be used: {fault}"
                    raise AzureUnreachable(
                        reason, 30.0, code="credential_settings", sent=False, answered=True
                    ) from None
        return self._client

    def _make_client(self) -> ResourceManagementClient:
        self._credential = make_credential()
        timeouts = {"connection_timeout": settings.ARM_CONNECT_TIMEOUT, "read_timeout": settings.ARM_READ_TIMEOUT}
        trust = settings.AZURE_ARM_CA or os.environ.get("REQUESTS_CA_BUNDLE") or True
        session = ArmSession(self._base, connections=settings.SYNC_IN_FLIGHT + 8)
        return ResourceManagementClient(
            self._credential,
            settings.AZURE_SUBSCRIPTION_ID.split(",")[0].strip() or "00000000-0000-0000-0000-000000000000",
            base_url=self._base,
            credential_scopes=[settings.AZURE_ARM_SCOPE],
            policies=_policies(self._credential),
            transport=RequestsTransport(session=session, connection_verify=trust, **timeouts),
        )

    def get(self, arm_id: str, *, api_version: str | None = None) -> dict[str, Any]:
        """The resource as ARM returns it. Raises AzureNotFound, AzureRefused, AzureUnreachable, ValueError."""
        return self._json("GET", arm_id, {"api-version": api_version or _version_of(arm_id)})

    def put(self, arm_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create or replace, wait for the end, and return the resource. Raises as `get`."""
        return self._written("PUT", arm_id, body, _version_of(arm_id))

    def patch(self, arm_id: str, body: Mapping[str, Any], *, api_version: str | None = None) -> dict[str, Any]:
        """Change what `body` names and leave the rest, wait for the end, and return the resource. Raises as `get`."""
        return self._written("PATCH", arm_id, body, api_version or _version_of(arm_id))

    def delete(self, arm_id: str) -> None:
        """Delete and wait for the end; what is not there is no error. Raises AzureRefused, AzureUnreachable."""
        url = self._url(arm_id, {"api-version": _version_of(arm_id)})
        try:
            response = self._send("DELETE", url)
        except AzureNotFound:
            return
        if response.status_code == 202:
            self._following(url).wait_for_absence(response)

    def list_children(self, namespace_id: str, kind: str) -> Iterator[dict[str, Any]]:
        """Every child of a kind ("clients", …), page by page. Raises as `get`."""
        link = ""
        while True:
            found, link = self.page_of_children(namespace_id, kind, link)
            yield from found
            if not link:
                return

    def page_of_children(self, namespace_id: str, kind: str, link: str = "") -> tuple[list[dict[str, Any]], str]:
        """The first page of children of a kind, or the one that `link` leads to; with the link to the next, "" after
        the last. Raises as `get`."""
        parse_resource_id(namespace_id)
        if link:
            page = self._json("GET", self._same_server(link), {})
        else:
            query = {"api-version": _api_version(kind), "$top": "100"}
            page = self._json("GET", f"{namespace_id}/{kind}", query)
        return list(page.get("value") or []), str(page.get("nextLink") or "")

    def list_namespaces(self) -> list[dict[str, Any]]:
        """Every Event Grid namespace that the credential can see. Raises AzureRefused, AzureUnreachable."""
        found: list[dict[str, Any]] = []
        for subscription in self._subscriptions():
            path = f"/subscriptions/{quote(subscription, safe='')}/resources"
            query = {"$filter": f"resourceType eq '{NAMESPACE_TYPE}'", "api-version": "2021-04-01"}
            found.extend(self._pages(path, query))
        return sorted(found, key=lambda resource: str(resource.get("name", "")).lower())

    def put_resource_group(self, subscription: str, name: str, location: str) -> None:
        """Make sure of a resource group. Raises AzureRefused, AzureUnreachable, ValueError for a name that is no step."""
        if not _is_step(subscription) or not name or not _is_group(name):
            raise ValueError("not the name of a resource group")
        path = f"/subscriptions/{subscription}/resourcegroups/{name}"
        self._send("PUT", self._url(path, {"api-version": "2021-04-01"}), {"location": location})

    def read(
        self, namespace_id: str, tail: str, query: Mapping[str, str], *, patience: float | None = None
    ) -> dict[str, Any]:
        """GET something below a namespace that is not a resource. Raises as `get`.

        `patience`: seconds to wait for the answer, where a person waits too; else as for every call.
        """
        parse_resource_id(namespace_id)
        return self._json("GET", f"{namespace_id}/{tail}", query, patience=patience)

    def beside(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What the same server offers beside ARM; {} where it answers nothing. Raises as `get`."""
        answer = json_of(self._send(method, self._url(path, {}), body))
        return answer if isinstance(answer, dict) else {}

    def subscriptions(self) -> list[dict[str, Any]]:
        """Every subscription that the credential can see. Raises AzureRefused, AzureUnreachable."""
        return list(self._pages("/subscriptions", {"api-version": "2022-12-01"}))

    def provider(self, subscription: str, name: str) -> dict[str, Any]:
        """A resource provider and whether the subscription has registered it. Raises as `get`."""
        path = f"/subscriptions/{quote(subscription, safe='')}/providers/{quote(name, safe='')}"
        return self._json("GET", path, {"api-version": "2021-04-01"})

    def permissions(self, resource_id: str) -> list[dict[str, Any]]:
        """What the credential may do with a resource: `actions` and `notActions` of each role. Raises as `get`."""
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
            page = self._json("GET", self._same_server(str(link)), {})

    def _json(
        self, method: str, path: str, query: Mapping[str, str], *, patience: float | None = None
    ) -> dict[str, Any]:
        answer = json_of(self._send(method, self._url(path, query), patience=patience))
        if not isinstance(answer, dict):
            raise AzureUnreachable("Azure's response is not JSON", code="not_json")
        return answer

    def _written(self, method: str, arm_id: str, body: Mapping[str, Any], api_version: str) -> dict[str, Any]:
        url = self._url(arm_id, {"api-version": api_version})
        response = self._send(method, url, dict(body))
        return self._following(url).resource_after(response)

    def _following(self, url: str) -> Follower:
        """Azure has accepted a write. Whatever goes wrong from here on, it may have taken effect, or still will."""

        def get(asked: str) -> Any:
            try:
                return self._send("GET", asked)
            except AzureUnreachable as outage:
                raise outage.once_accepted() from None

        return Follower(get, self._same_server, url)

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        url = path if path.startswith("https://") else f"{self._base}{quote(path, safe='/:()$%')}"
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote)}"
        return url.replace("{", "%7B").replace("}", "%7D")

    def _send(self, method: str, url: str, body: Any = None, *, patience: float | None = None) -> Any:
        waits: dict[str, Any] = {} if patience is None else {"connection_timeout": patience, "read_timeout": patience}
        try:
            response = self._connected().send_request(HttpRequest(method, url, json=body), **waits)
            if response.status_code >= 300:
                raise HttpResponseError(response=response)
        except AzureError as fault:
            self._raise(fault)
        return response

    def _same_server(self, link: str) -> str:
        target = urljoin(f"{self._base}/", link)
        if urlsplit(target)[:2] != urlsplit(self._base)[:2]:
            raise AzureRefused("ForeignLink", "Azure's answer leads to another server.", 502)
        return target

    def _raise(self, fault: AzureError) -> NoReturn:
        response: Any = getattr(fault, "response", None)
        if getattr(response, "status_code", 0) == 401 and self._credential is not None:
            self._credential.renew(str(response.request.headers.get("Authorization", "")).removeprefix("Bearer "))
        sort_fault(fault)


@cache
def arm_gateway() -> ArmGateway:
    """The process's gateway, made at first use: after a fork, and with the settings in force."""
    return ArmGateway()
