"""Give each membership of a team its own model: who leads the team, and whom the identity provider put there."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0005_sign_in_codes")]

    operations = [
        migrations.SeparateDatabaseAndState(  # the table is the one that Django made for the relation
            state_operations=[
                migrations.CreateModel(
                    name="Membership",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="memberships",
                                to="portal.team",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="memberships",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={"db_table": "portal_team_members", "unique_together": {("team", "user")}},
                ),
                migrations.AlterField(
                    model_name="team",
                    name="members",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="teams",
                        through="portal.Membership",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ]
        ),
        migrations.AddField(
            model_name="membership",
            name="is_lead",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="membership",
            name="by_sso",
            field=models.BooleanField(default=False),
        ),
    ]
