"""What single sign-on manages, and why one was refused."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0011_digests")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="administrator_by_sso",
            field=models.BooleanField(default=False),
        ),
        migrations.RemoveConstraint(model_name="failedsignins", name="portal_failed_sign_ins_unique"),
        migrations.AddField(
            model_name="failedsignins",
            name="reason",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.AddConstraint(
            model_name="failedsignins",
            constraint=models.UniqueConstraint(
                fields=("minute", "account", "address", "reason"), name="portal_failed_sign_ins_unique"
            ),
        ),
    ]
