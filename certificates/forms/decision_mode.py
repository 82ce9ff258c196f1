"""The form of what Azure needs to ask this portal, in the words of Azure's portal."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict

from certificates.actions.decision_mode import Wanted
from namespaces.forms.base import GuardedForm
from namespaces.models import Namespace, NamespaceConfiguration, SwitchCheck
from namespaces.rules.configuration import LONGEST_AUDIENCE, SYSTEM_ASSIGNED, USER_ASSIGNED

# A field of the form ← that of the rules.
_FIELDS = {"webhook_identity": "identity", "webhook_audience": "audience", "webhook_tenant": "tenant"}


def identities_of(namespace: Namespace) -> list[tuple[str, str]]:
    """Return the managed identities that Azure reports for a namespace: value and label."""
    held = (namespace.resource or {}).get("identity") or {}
    found = [(SYSTEM_ASSIGNED, "System assigned")] if held.get("principalId") else []
    users = sorted(held.get("userAssignedIdentities") or {}, key=str.lower)
    return found + [(each, f"User assigned: {each.rpartition('/')[2]}") for each in users]


class DecisionModeForm(GuardedForm):
    """What Azure sends with each request, and for whom."""

    identity = forms.ChoiceField(
        label="Managed identity type",
        help_text="The identity of the namespace whose token Azure sends.",
        error_messages={"required": "Choose a managed identity.", "invalid_choice": "Choose an identity of the list."},
    )
    audience = forms.CharField(
        label="Token audience URI",
        max_length=LONGEST_AUDIENCE,
        help_text="The application ID URI of the app registration, such as api://decisions.contoso.com.",
        error_messages={"required": "Type the application ID URI or the client ID of the app registration."},
    )
    tenant = forms.CharField(
        label="Microsoft Entra ID tenant ID",
        max_length=64,
        help_text="The tenant of the app registration and of the identity.",
        error_messages={"required": "Type the tenant's ID."},
    )
    client_id = forms.CharField(
        label="Application (client) ID",
        required=False,
        max_length=64,
        help_text="Of the app registration. Needed when it issues tokens of version 2.0, whose audience is this ID.",
    )

    def __init__(self, namespace: Namespace, data: QueryDict | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        choices = identities_of(namespace)
        self.has_identity = bool(choices)
        identity: Any = self.fields["identity"]
        identity.choices = choices or [("", "none")]

    @classmethod
    def of(
        cls,
        namespace: Namespace,
        row: NamespaceConfiguration,
        check: SwitchCheck | None,
        client_id: str,
        data: QueryDict | None = None,
    ) -> "DecisionModeForm":
        """Return the form for what is configured, for what was checked last, or for what was typed."""
        checked = check.wanted if check is not None else {}
        if row.webhook_url:
            checked = {"audience": row.webhook_audience, "tenant": row.webhook_tenant, "identity": row.webhook_identity}
            checked |= {"user_identity": row.webhook_user_identity, "client_id": client_id}
        initial = {
            "identity": checked.get("user_identity") or checked.get("identity") or SYSTEM_ASSIGNED,
            "audience": checked.get("audience") or settings.DECISIONS_AUDIENCE,
            "tenant": checked.get("tenant") or settings.AZURE_TENANT_ID,
            "client_id": checked.get("client_id") or client_id,
        }
        return cls(namespace, data, initial=initial)

    def clean_client_id(self) -> str:
        text: str = self.cleaned_data["client_id"].strip()
        if text and not (text.isascii() and text.replace("-", "").isalnum()):
            raise ValidationError("Type the client ID as the app registration shows it.", code="no-guid")
        return text

    @property
    def wanted(self) -> Wanted:
        """Return the cleaned values."""
        chosen = self.cleaned_data["identity"]
        is_system = chosen == SYSTEM_ASSIGNED
        return Wanted(
            audience=self.cleaned_data["audience"],
            tenant=self.cleaned_data["tenant"].lower(),
            identity=SYSTEM_ASSIGNED if is_system else USER_ASSIGNED,
            user_identity="" if is_system else chosen,
            client_id=self.cleaned_data["client_id"],
        )

    def refuse(self, refusal: Any) -> None:
        """Show the refusal of an action at its field."""
        refusal.field = _FIELDS.get(refusal.field, refusal.field)
        super().refuse(refusal)
