"""Keep the generation of the last edit, and count the changes of roles. For rows that are there, every earlier generation counts as an edit."""

from typing import Any

from django.db import migrations, models
from django.db.models import F

MODELS = ("client", "clientgroup", "topicspace", "permissionbinding", "namespaceconfiguration")


def copy_generation(apps: Any, schema_editor: Any) -> None:
    for model in MODELS:
        apps.get_model("namespaces", model).objects.exclude(generation=1).update(edited_generation=F("generation"))


class Migration(migrations.Migration):
    dependencies = [("namespaces", "0013_connection_counts")]

    operations = [
        *(
            migrations.AddField(model, "edited_generation", models.PositiveBigIntegerField(default=1))
            for model in MODELS
        ),
        migrations.AddField("namespace", "roles_edition", models.PositiveBigIntegerField(default=0)),
        migrations.RunPython(copy_generation, migrations.RunPython.noop),
    ]
