from django.db import migrations

# What is on by default, as it was stored; policies that have all of it get what is new and on by default.
BEFORE = frozenset(
    [
        "ca_adopt",
        "ca_delete",
        "ca_upload",
        "decision_mode",
        "leave_thumbprint",
        "name_sources",
        "policy",
        "powerful_role",
        "team_change",
    ]
)
NEW = frozenset(["loosen_rule", "release_certificate"])


def ask(apps, schema_editor):
    policies = apps.get_model("namespaces", "ControlPolicy")
    for row in policies.objects.all():
        if set(row.needs) >= BEFORE and not NEW <= set(row.needs):
            row.needs = sorted(NEW | set(row.needs))
            row.save(update_fields=["needs"])


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0039_last_attempts")]

    operations = [migrations.RunPython(ask, migrations.RunPython.noop)]
