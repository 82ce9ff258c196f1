"""The chain of the activity log, and where an entry comes from."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0007_notices"),
    ]

    operations = [
        migrations.CreateModel(
            name="ActivityCheckpoint",
            fields=[
                ("through", models.BigIntegerField(primary_key=True, serialize=False)),
                ("through_seal", models.CharField(max_length=64)),
                ("pruned_at", models.DateTimeField()),
                ("entries", models.BigIntegerField()),
                ("outcomes_left", models.JSONField(default=list)),
                ("key_id", models.CharField(max_length=8)),
                ("seal", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Sealer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token", models.UUIDField(null=True)),
                ("until", models.DateTimeField(null=True)),
                ("head_logged_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="activity",
            name="address",
            field=models.CharField(blank=True, max_length=45),
        ),
        migrations.AddField(
            model_name="activity",
            name="reason",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="activity",
            name="request_id",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AlterField(
            model_name="activity",
            name="actor",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.CreateModel(
            name="ActivityLink",
            fields=[
                ("place", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry", models.BigIntegerField()),
                ("part", models.CharField(choices=[("entry", "Entry"), ("outcome", "Outcome")], max_length=7)),
                ("version", models.PositiveSmallIntegerField()),
                ("key_id", models.CharField(max_length=8)),
                ("digest", models.CharField(max_length=64)),
                ("seal", models.CharField(max_length=64)),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("entry", "part"), name="portal_activity_link_once")],
            },
        ),
        migrations.CreateModel(
            name="UnsealedPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entry", models.BigIntegerField()),
                ("part", models.CharField(choices=[("entry", "Entry"), ("outcome", "Outcome")], max_length=7)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("entry", "part"), name="portal_activity_unsealed_once")
                ],
            },
        ),
    ]
