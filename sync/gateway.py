"""Azure Resource Manager, and the only user of `azure.*` beside the credential: generic resources by id."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urljoin, urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.core.rest import HttpRequest
from azure.mgmt.resource.resources import ResourceManagementClient
from django.conf import settings

from sync.credentials import make_credential

NAMESPACE_TYPE = "Microsoft.EventGrid/namespaces"
_SEGMENT = re.compile(r"[-A-Za-z0-9:._()$]+\Z")
_ID = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/(?P<provider>[^/]+)/(?P<rest>.+)\Z",
    re.IGNORECASE,
)
# Two calls at once on one resource, or Azure's own hiccups: the same request passes later.
_PASSING_CODES = frozenset({"AnotherOperationInProgress", "OperationNotAllowed", "RetryableError", "ServerBusy"})

logging.getLogger("azure.core.pipeline.policies.http_logging_policy").setLevel(logging.WARNING)


class AzureRefused(Exception):  # noqa: N818 - says what happened
    """Azure said no, and would again: the change must be edited, or retried by a person."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class AzureNotFound(AzureRefused):
    """404: no such resource, or its parent is gone."""


class AzureUnreachable(Exception):  # noqa: N818 - says what happened
    """No final answer. `sent` says that the request may have taken effect; `retry_after` is in seconds or None."""

    def __init__(self, reason: str, retry_after: float | None = None, *, sent: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.sent = sent


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
    if any(step in {".", ".."} or not _SEGMENT.match(step) for step in text[1:].split("/")):
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


def _api_version(kind: str) -> str:
    versions = {known.lower(): version for known, version in settings.ARM_API_VERSIONS.items()}
    return str(versions.get(kind.lower(), settings.ARM_API_VERSIONS["namespaces"]))


def _body(response: Any) -> Any:
    try:
        return response.json() if response is not None else None
    except (ValueError, AzureError, AttributeError):
        return None


class ArmGateway:
    """Calls to ARM. One per process: threads share its connections. Every call is bounded by timeouts."""

    def __init__(self) -> None:
        self._credential = make_credential()
        self._base = settings.AZURE_ARM_URL.rstrip("/")
        self._client = ResourceManagementClient(
            self._credential,
            settings.AZURE_SUBSCRIPTION_ID or "00000000-0000-0000-0000-000000000000",
            base_url=self._base,
            credential_scopes=[settings.AZURE_ARM_SCOPE],
            connection_verify=settings.AZURE_ARM_CA or True,
            connection_timeout=settings.ARM_CONNECT_TIMEOUT,
            read_timeout=settings.ARM_READ_TIMEOUT,
            retry_total=0,  # the row is retried, not the request: what was sent then is the newest
            polling_interval=1,
        )

    def get(self, arm_id: str) -> dict[str, Any]:
        """The resource as ARM returns it. Raises AzureNotFound, AzureRefused, AzureUnreachable, ValueError."""
        resource = parse_resource_id(arm_id)
        return self._json("GET", arm_id, {"api-version": _api_version(resource.kind)})

    def put(self, arm_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create or replace, wait for the end, and return the resource. Raises as `get`."""
        resource = parse_resource_id(arm_id)
        try:
            poller = self._client.resources.begin_create_or_update_by_id(
                arm_id.lstrip("/"),
                dict(body),
                api_version=_api_version(resource.kind),
                cls=lambda response, _result, _headers: response.http_response.json(),
            )
            answer = self._wait(poller)
        except AzureError as fault:
            self._raise(fault)
        if not isinstance(answer, dict):
            return self.get(arm_id)
        return answer

    def delete(self, arm_id: str) -> None:
        """Delete and wait for the end; what is not there is no error. Raises AzureRefused, AzureUnreachable."""
        resource = parse_resource_id(arm_id)
        try:
            poller = self._client.resources.begin_delete_by_id(
                arm_id.lstrip("/"), api_version=_api_version(resource.kind)
            )
            self._wait(poller)
        except AzureError as fault:
            try:
                self._raise(fault)
            except AzureNotFound:
                return

    def list_children(self, namespace_id: str, kind: str) -> Iterator[dict[str, Any]]:
        """Every child of a kind ("clients", …), page by page. Raises as `get`."""
        parse_resource_id(namespace_id)
        yield from self._pages(f"{namespace_id}/{kind}", {"api-version": _api_version(kind), "$top": "100"})

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
        if any(step in {"", ".", ".."} or not _SEGMENT.match(step) for step in (subscription, name)):
            raise ValueError("not the name of a resource group")
        path = f"{self._base}/subscriptions/{subscription}/resourcegroups/{name}?api-version=2021-04-01"
        try:
            response = self._client.send_request(HttpRequest("PUT", path, json={"location": location}))
            if response.status_code >= 300:
                raise HttpResponseError(response=response)
        except AzureError as fault:
            self._raise(fault)

    def read(self, namespace_id: str, tail: str, query: Mapping[str, str]) -> dict[str, Any]:
        """GET something below a namespace that is not a resource. Raises as `get`."""
        parse_resource_id(namespace_id)
        return self._json("GET", f"{namespace_id}/{tail}", query)

    def _subscriptions(self) -> list[str]:
        if settings.AZURE_SUBSCRIPTION_ID:
            return [settings.AZURE_SUBSCRIPTION_ID]
        pages = self._pages("/subscriptions", {"api-version": "2022-12-01"})
        return [str(subscription["subscriptionId"]) for subscription in pages]

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        page = self._json("GET", path, query)
        while True:
            yield from page.get("value") or []
            link = page.get("nextLink")
            if not link:
                return
            target = urljoin(f"{self._base}/", str(link))
            if urlsplit(target)[:2] != urlsplit(self._base)[:2]:
                raise AzureRefused("ForeignNextLink", "Azure's next page is on another server.", 502)
            page = self._json("GET", target, {})

    def _json(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        url = path if path.startswith("https://") else f"{self._base}{path}"
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote)}"
        try:
            response = self._client.send_request(HttpRequest(method, url.replace("{", "%7B").replace("}", "%7D")))
            if response.status_code >= 300:
                raise HttpResponseError(response=response)
        except AzureError as fault:
            self._raise(fault)
        answer = _body(response)
        if not isinstance(answer, dict):
            raise AzureUnreachable("Azure's answer is not JSON")
        return answer

    def _wait(self, poller: Any) -> Any:
        poller.wait(settings.ARM_OPERATION_TIMEOUT)
        if not poller.done():
            raise AzureUnreachable("Azure accepted the change and is still working on it", retry_after=5)
        return poller.result()

    def _raise(self, fault: AzureError) -> NoReturn:
        """Sort what went wrong into no, not there, and not now."""
        response = getattr(fault, "response", None)
        status = int(getattr(response, "status_code", 0) or 0)
        if response is None or not status:
            if isinstance(fault, ClientAuthenticationError):
                raise AzureUnreachable(str(fault.message), sent=False) from None
            raise AzureUnreachable(_outage(fault), sent=not isinstance(fault, ServiceRequestError)) from None
        retry_after = _retry_after(response)
        code, message = _error(response, fault)
        if status == 401:
            forget = getattr(self._credential, "forget", None)
            if forget is not None:
                forget()
            raise AzureUnreachable("Azure did not accept the portal's credential", retry_after, sent=False) from None
        if status in {408, 429} or status >= 500:
            raise AzureUnreachable(f"{code}: {message}", retry_after, sent=status != 429) from None
        if status == 409 and (retry_after is not None or code in _PASSING_CODES):
            raise AzureUnreachable(f"{code}: {message}", retry_after, sent=False) from None
        if status == 404:
            raise AzureNotFound(code, message, status) from None
        raise AzureRefused(code, message, status) from None


def _outage(fault: AzureError) -> str:
    text = str(fault.message)
    if "timed out" in text.lower():
        return "Azure did not answer in time"
    if isinstance(fault, ServiceRequestError):
        return "Azure cannot be reached: no connection" if "HTTPSConnection" in text or "onnection" in text else text
    return "the connection to Azure broke off before the answer"


def _retry_after(response: Any) -> float | None:
    try:
        return max(0.0, float(response.headers.get("Retry-After")))
    except (TypeError, ValueError):
        return None


def _error(response: Any, fault: AzureError) -> tuple[str, str]:
    """Code and message of ARM's error envelope, else of the status line."""
    answer = _body(response)
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict) and error.get("code"):
        return str(error["code"])[:120], str(error.get("message") or error["code"])
    status = int(getattr(response, "status_code", 0) or 0)
    failed = getattr(fault, "error", None)  # the end of a long-running operation: its own code, status 200
    if failed is not None and getattr(failed, "code", None):
        return str(failed.code)[:120], str(getattr(failed, "message", "") or failed.code)
    return f"HTTP{status}", f"Azure answered {status} {getattr(response, 'reason', '') or ''}".strip() + "."


@cache
def arm_gateway() -> ArmGateway:
    """The process's gateway, made at first use: after a fork, and with the settings in force."""
    return ArmGateway()
