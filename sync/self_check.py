"""Whether the portal can work with Azure: one check at a time, each with what to do when it fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from portal.registry import Shortcoming
from sync import registry
from sync.arm.error_hints import PROVIDER
from sync.arm.gateway import ArmGateway, AzureNotFound, AzureRefused, AzureUnreachable, arm_gateway


def needed() -> list[str]:
    """Return the Azure actions that the portal performs, derived from the synced types."""
    actions = []
    for model in registry.models():
        # A patched row is part of a resource that others created: the portal never deletes it.
        path, verbs = (
            (model.arm_type, ("read", "write"))
            if model.is_patched
            else (f"namespaces/{model.arm_type}", ("read", "write", "delete"))
        )
        actions += [f"{PROVIDER}/{path}/{verb}" for verb in verbs]
    return sorted(actions)


@dataclass(frozen=True)
class Result:
    """`is_good` None: it could not be determined, which is not a fault. `code`: what is wrong, for machines."""

    is_good: bool | None
    message: str
    code: str = ""


@dataclass(frozen=True)
class Check:
    """One check and its result. `name` is for machines, `title` for people."""

    name: str
    title: str
    result: Result


def check_azure(gateway: ArmGateway | None = None) -> Iterator[Check]:
    """Run the checks in order; stop where no further check is possible."""
    target = Check("target", "Azure's address", _target())
    yield target
    if not target.result.is_good:
        return
    made = gateway or arm_gateway()
    subscriptions: list[str] = []
    credential = _run("credential", "Credential and connection", partial(_subscriptions, made, subscriptions))
    yield credential
    if not credential.result.is_good:
        return
    for subscription in subscriptions:
        yield _run("provider", f"{PROVIDER} in {subscription}", partial(_provider, made, subscription))
    found: list[dict[str, Any]] = []
    yield _run("namespaces", "Event Grid namespaces", partial(_namespaces, made, found))
    for namespace in found:
        yield _run("reading", f"{namespace['name']}: reading", partial(_children, made, namespace))
        yield _run("rights", f"{namespace['name']}: rights", partial(_rights, made, namespace))


def _run(name: str, title: str, check: Callable[[], Result]) -> Check:
    try:
        result = check()
    except (AzureRefused, AzureUnreachable) as fault:
        result = Result(False, str(fault), fault.code)
    except ValueError as fault:
        result = Result(False, f"The portal cannot address this resource: {fault}.", "resource_id")
    return Check(name, title, result)


def _target() -> Result:
    for name in ("AZURE_ARM_URL", "AZURE_AUTHORITY_URL"):
        url = getattr(settings, name)
        parts = urlsplit(url)
        if url and (parts.scheme != "https" or not parts.netloc):
            return Result(False, f"{name} is {url}, but must begin with https:// and a host.", name)
    host = urlsplit(settings.AZURE_ARM_URL).netloc
    authority = urlsplit(settings.AZURE_AUTHORITY_URL).netloc
    if authority:
        return Result(True, f"{host}, with tokens from {authority}")
    return Result(
        True, f"{host}, with DefaultAzureCredential (environment, workload identity, managed identity, Azure CLI)"
    )


def _subscriptions(gateway: ArmGateway, found: list[str]) -> Result:
    named = [each.strip() for each in settings.AZURE_SUBSCRIPTION_ID.split(",") if each.strip()]
    seen = {str(each["subscriptionId"]).lower() for each in gateway.subscriptions()}
    found += named or sorted(seen)
    missing = [each for each in named if each.lower() not in seen]
    if missing:
        message = (
            f"The credential works, but it cannot see {', '.join(missing)}. Check AZURE_SUBSCRIPTION_ID, or assign the "
            "identity a role there."
        )
        return Result(False, message, "subscription")
    if not found:
        message = "The credential works, but it can see no subscription. Assign the identity a role in one."
        return Result(False, message, "no_subscription")
    return Result(True, f"The credential works and sees {len(seen)} subscription{'s' if len(seen) != 1 else ''}.")


def _provider(gateway: ArmGateway, subscription: str) -> Result:
    try:
        provider = gateway.provider(subscription, PROVIDER)
    except AzureRefused as refusal:
        if refusal.status != 403:
            raise
        # The role of docs/azure.md may be assigned on a namespace alone, which does not include this.
        message = "The identity may not read this. Where a namespace exists, the provider is registered."
        return Result(None, message, "forbidden")
    state = str(provider.get("registrationState") or "")
    if state.lower() == "registered":
        return Result(True, "registered")
    command = f"az provider register --namespace {PROVIDER} --subscription {subscription}"
    return Result(False, f"{state or 'not registered'}. Run: {command}", "not_registered")


def _namespaces(gateway: ArmGateway, found: list[dict[str, Any]]) -> Result:
    found += gateway.list_namespaces()
    if not found:
        message = "No namespace is visible. Create one, or assign the identity the role in docs/azure.md."
        return Result(False, message, "no_namespace")
    return Result(True, ", ".join(str(each["name"]) for each in found))


def _children(gateway: ArmGateway, namespace: dict[str, Any]) -> Result:
    counts = []
    for model in registry.models():
        count = sum(1 for _ in model.in_azure(gateway, str(namespace["id"])))
        counts.append(f"{count} {model._meta.verbose_name_plural}")
    return Result(True, ", ".join(counts))


def _rights(gateway: ArmGateway, namespace: dict[str, Any]) -> Result:
    try:
        permissions = gateway.permissions(str(namespace["id"]))
    except (AzureNotFound, AzureRefused):
        return Result(None, "Azure does not list the identity's permissions; the first change will show.", "unknown")
    missing = [action for action in needed() if not is_allowed(action, permissions)]
    if missing:
        message = f"Missing: {', '.join(missing)}. Assign the role in docs/azure.md."
        return Result(False, message, "missing_actions")
    return Result(True, "all that the portal needs")


def is_allowed(action: str, permissions: list[dict[str, Any]]) -> bool:
    """Return whether any permission has an action in `actions` and not in `notActions`; `*` matches anything.

    https://learn.microsoft.com/azure/role-based-access-control/role-definitions
    """
    return any(
        _matches(action, each.get("actions") or []) and not _matches(action, each.get("notActions") or [])
        for each in permissions
    )


def _matches(action: str, patterns: list[str]) -> bool:
    wanted = action.lower()
    for pattern in patterns:
        head, star, tail = pattern.lower().partition("*")
        if wanted == head if not star else wanted.startswith(head) and wanted[len(head) :].endswith(tail):
            return True
    return False


def azure_deployment_check() -> Iterator[Shortcoming]:
    """Report to `manage.py check_deployment` what `manage.py check_azure` finds missing."""
    for check in check_azure():
        if check.result.is_good is False:
            problem = f"Azure: {check.title}: {check.result.message}"
            yield Shortcoming("error", f"azure_{check.name}", problem, "docs/azure.md explains it.")
