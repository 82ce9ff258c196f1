"""Whether the portal can work with Azure: each question alone, with what to do when its answer is no."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from sync import registry
from sync.arm.error_hints import PROVIDER
from sync.arm.gateway import ArmGateway, AzureNotFound, AzureRefused, AzureUnreachable, arm_gateway


def needed() -> list[str]:
    """The actions in Azure's terms that the portal takes, from what each synced type is."""
    actions = []
    for model in registry.models():
        # A row that is patched is a part of a resource that others made: it is never deleted from here.
        path, verbs = (
            (model.arm_type, ("read", "write"))
            if model.is_patched
            else (f"namespaces/{model.arm_type}", ("read", "write", "delete"))
        )
        actions += [f"{PROVIDER}/{path}/{verb}" for verb in verbs]
    return sorted(actions)


@dataclass(frozen=True)
class Answer:
    """`is_good` None: it could not be found out, and that is no fault."""

    question: str
    is_good: bool | None
    said: str


def check_azure(gateway: ArmGateway | None = None) -> Iterator[Answer]:
    """Ask one thing after the other; ends where nothing further can be asked."""
    target = _target()
    yield target
    if not target.is_good:
        return
    made = gateway or arm_gateway()
    subscriptions: list[str] = []
    for answer in (_ask("Credential and connection", lambda: _subscriptions(made, subscriptions)),):
        yield answer
        if not answer.is_good:
            return
    for subscription in subscriptions:
        yield _ask(f"{PROVIDER} in {subscription}", lambda name=subscription: _provider(made, name))  # type: ignore[misc]
    found: list[dict[str, Any]] = []
    yield _ask("Event Grid namespaces", lambda: _namespaces(made, found))
    for namespace in found:
        yield _ask(f"{namespace['name']}: reading", lambda each=namespace: _children(made, each))  # type: ignore[misc]
        yield _ask(f"{namespace['name']}: rights", lambda each=namespace: _rights(made, each))  # type: ignore[misc]


def _ask(question: str, find_out: Callable[[], Answer | str]) -> Answer:
    try:
        said = find_out()
    except (AzureRefused, AzureUnreachable) as fault:
        return Answer(question, False, str(fault))
    except ValueError as fault:
        return Answer(question, False, f"The portal cannot address it: {fault}.")
    return said if isinstance(said, Answer) else Answer(question, True, said)


def _target() -> Answer:
    question = "Where Azure is"
    for name in ("AZURE_ARM_URL", "AZURE_AUTHORITY_URL"):
        url = getattr(settings, name)
        parts = urlsplit(url)
        if url and (parts.scheme != "https" or not parts.netloc):
            return Answer(question, False, f"{name} is {url}, which does not begin with https:// and a host.")
    where = urlsplit(settings.AZURE_ARM_URL).netloc
    who = f"token endpoint {urlsplit(settings.AZURE_AUTHORITY_URL).netloc}" if settings.AZURE_AUTHORITY_URL else (
        "DefaultAzureCredential (environment, workload identity, managed identity, Azure CLI)"
    )  # fmt: skip
    return Answer(question, True, f"{where}, by {who}")


def _subscriptions(gateway: ArmGateway, found: list[str]) -> Answer | str:
    named = [each.strip() for each in settings.AZURE_SUBSCRIPTION_ID.split(",") if each.strip()]
    seen = {str(each["subscriptionId"]).lower(): str(each.get("displayName") or "") for each in gateway.subscriptions()}
    found += named or sorted(seen)
    missing = [each for each in named if each.lower() not in seen]
    question = "Credential and connection"
    if missing:
        return Answer(
            question,
            False,
            f"The credential works, but it does not see {', '.join(missing)}. Look at AZURE_SUBSCRIPTION_ID, or give the "
            "identity a role there.",
        )
    if not found:
        return Answer(
            question, False, "The credential works, but it sees no subscription. Give the identity a role in one."
        )
    return f"The credential works and sees {len(seen)} subscription{'s' if len(seen) != 1 else ''}."


def _provider(gateway: ArmGateway, subscription: str) -> Answer | str:
    question = f"{PROVIDER} in {subscription}"
    try:
        provider = gateway.provider(subscription, PROVIDER)
    except AzureRefused as refusal:
        if refusal.status != 403:
            raise
        # The role of docs/azure.md may be given on a namespace alone, and then it does not reach so far.
        return Answer(question, None, "The identity may not look. Where a namespace is there, it is registered.")
    state = str(provider.get("registrationState") or "")
    if state.lower() != "registered":
        return Answer(
            question,
            False,
            f"It is {state or 'not registered'}. Run: az provider register --namespace {PROVIDER} "
            f"--subscription {subscription}",
        )
    return "registered"


def _namespaces(gateway: ArmGateway, found: list[dict[str, Any]]) -> Answer | str:
    found += gateway.list_namespaces()
    if not found:
        return Answer(
            "Event Grid namespaces",
            False,
            "None is to be seen. Make one, or give the identity the role of docs/azure.md.",
        )
    return ", ".join(str(each["name"]) for each in found)


def _children(gateway: ArmGateway, namespace: dict[str, Any]) -> str:
    counts = []
    for model in registry.models():
        count = sum(1 for _ in model.in_azure(gateway, str(namespace["id"])))
        counts.append(f"{count} {model._meta.verbose_name_plural}")
    return ", ".join(counts)


def _rights(gateway: ArmGateway, namespace: dict[str, Any]) -> Answer | str:
    question = f"{namespace['name']}: rights"
    try:
        permissions = gateway.permissions(str(namespace["id"]))
    except (AzureNotFound, AzureRefused):
        return Answer(question, None, "Azure does not tell; the first change will show.")
    missing = [action for action in needed() if not is_allowed(action, permissions)]
    if missing:
        return Answer(question, False, f"Missing: {', '.join(missing)}. docs/azure.md has the role that gives them.")
    return "all that the portal needs"


def is_allowed(action: str, permissions: list[dict[str, Any]]) -> bool:
    """Whether any of the permissions allows an action: in `actions` and not in `notActions`, `*` standing for anything.

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
