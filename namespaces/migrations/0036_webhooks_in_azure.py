from django.db import migrations

# What was on by default when a policy was made, as it was stored; those who had all of it get what is new and on by default.
BEFORE = frozenset(
    ["ca_adopt", "ca_delete", "ca_upload", "leave_thumbprint", "name_sources", "policy", "powerful_role", "team_change"]
)
NEW = "decision_mode"
SPELLINGS = ("webhookAuthentication", "webHookAuthentication")


def copy_webhooks(apps, schema_editor):
    """Copy the webhook that Azure holds to the new columns: it would look as if people wanted none, and be removed."""
    configurations = apps.get_model("namespaces", "NamespaceConfiguration")
    for row in configurations.objects.filter(base__isnull=False).iterator(100):
        part = ((row.base or {}).get("properties") or {}).get("topicSpacesConfiguration") or {}
        authentication = part.get("clientAuthentication") or {}
        held = next((authentication[name] for name in SPELLINGS if authentication.get(name)), None)
        if not held:
            continue
        identity = held.get("identity") or {}
        kinds = {"systemassigned": "SystemAssigned", "userassigned": "UserAssigned"}
        row.webhook_identity = kinds.get(str(identity.get("type") or "").lower(), "")
        row.webhook_user_identity = (
            str(identity.get("userAssignedIdentity") or "") if row.webhook_identity == "UserAssigned" else ""
        )
        row.webhook_url = str(held.get("endpointUrl") or held.get("endpointBaseUrl") or "")
        row.webhook_audience = str(held.get("azureActiveDirectoryApplicationIdOrUri") or "")
        row.webhook_tenant = str(held.get("azureActiveDirectoryTenantId") or "").lower()
        row.save(
            update_fields=[
                "webhook_url",
                "webhook_audience",
                "webhook_tenant",
                "webhook_identity",
                "webhook_user_identity",
            ]
        )


def ask_for_switches(apps, schema_editor):
    policies = apps.get_model("namespaces", "ControlPolicy")
    for row in policies.objects.all():
        if set(row.needs) >= BEFORE and NEW not in row.needs:
            row.needs = sorted([*row.needs, NEW])
            row.save(update_fields=["needs"])


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0035_decision_changes")]

    operations = [
        migrations.RunPython(copy_webhooks, migrations.RunPython.noop),
        migrations.RunPython(ask_for_switches, migrations.RunPython.noop),
    ]
