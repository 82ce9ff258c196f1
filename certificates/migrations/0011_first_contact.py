"""Registration on first contact. Names of clients that were deleted before are blocked too, as far as the activity log has them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from certificates.authentication.rules.names import authentication_name_key

BATCH = 500


def block_deleted_names(apps, schema_editor):
    alias = schema_editor.connection.alias
    blocked = apps.get_model("certificates", "BlockedName").objects.using(alias)
    places = set(apps.get_model("namespaces", "Namespace").objects.using(alias).values_list("pk", flat=True))
    entries = apps.get_model("portal", "Activity").objects.using(alias).filter(
        kind="namespaces.client", after__isnull=True, before__isnull=False, scope__in=places
    )
    columns = ("scope", "object_name", "at", "before")
    batch = []
    for scope, name, at, before in entries.order_by("pk").values_list(*columns).iterator(chunk_size=2000):
        authentication_name = str((before or {}).get("authentication_name") or name)[:128]
        batch.append(
            blocked.model(
                namespace_id=scope,
                authentication_name=authentication_name,
                authentication_key=authentication_name_key(authentication_name),
                thumbprint="",
                client_name=name[:128],
                reason="deleted",
                at=at,
            )
        )
        if len(batch) == BATCH:
            blocked.bulk_create(batch, ignore_conflicts=True)
            batch = []
    blocked.bulk_create(batch, ignore_conflicts=True)


class Migration(migrations.Migration):

    dependencies = [
        ('certificates', '0010_decision_rules'),
        ('namespaces', '0040_ask_for_looser_rules'),
        ('portal', '0016_former_rows'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BlockedName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('authentication_name', models.CharField(max_length=128)),
                ('authentication_key', models.CharField(max_length=512)),
                ('thumbprint', models.CharField(blank=True, max_length=64)),
                ('client_name', models.CharField(blank=True, max_length=128)),
                ('reason', models.CharField(choices=[('deleted', 'Its client was deleted'), ('renamed', 'Its client got another authentication name'), ('dismissed', 'Dismissed by a person')], max_length=9)),
                ('at', models.DateTimeField()),
                ('namespace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='blocked_names', to='namespaces.namespace')),
                ('team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='portal.team')),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'indexes': [models.Index(condition=models.Q(('thumbprint', ''), _negated=True), fields=['namespace', 'thumbprint'], name='blocked_certificates'), models.Index(condition=models.Q(('thumbprint', '')), fields=['namespace', 'at'], name='blocked_by_time')],
                'constraints': [models.UniqueConstraint(fields=('namespace', 'authentication_key', 'thumbprint'), name='blocked_once'), models.CheckConstraint(condition=models.Q(('reason__in', ['deleted', 'renamed', 'dismissed'])), name='block_reason_known')],
            },
        ),
        migrations.CreateModel(
            name='RegisteredDevice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('client_name', models.CharField(max_length=128)),
                ('thumbprint', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('ca', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='registered_devices', to='certificates.cacertificate')),
                ('registered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'indexes': [models.Index(fields=['ca', 'registered_by', 'at'], name='registered_by_time')],
            },
        ),
        migrations.CreateModel(
            name='RegistrationTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mode', models.CharField(choices=[('off', 'Refuse it, as Azure does'), ('queue', 'Refuse it, and list it under Waiting devices'), ('register', 'Register it at once, and let it in')], default='off', max_length=8)),
                ('source', models.CharField(default='ClientCertificateSubject', max_length=40)),
                ('validation_scheme', models.CharField(default='SubjectMatchesAuthenticationName', max_length=40)),
                ('attributes', models.JSONField(blank=True, default=dict)),
                ('patterns', models.JSONField(blank=True, default=list)),
                ('per_minute', models.PositiveIntegerField(default=10)),
                ('per_hour', models.PositiveIntegerField(default=100)),
                ('cap', models.PositiveIntegerField(default=100)),
                ('edition', models.PositiveBigIntegerField(default=1)),
                ('changed_at', models.DateTimeField()),
                ('ca', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='registration_template', to='certificates.cacertificate')),
                ('changed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portal.team')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('mode__in', ['off', 'queue', 'register'])), name='first_contact_known'), models.CheckConstraint(condition=models.Q(('source__in', ['ClientCertificateSubject', 'ClientCertificateDns', 'ClientCertificateUri', 'ClientCertificateIp', 'ClientCertificateEmail'])), name='name_source_known')],
            },
        ),
        migrations.CreateModel(
            name='WaitingDevice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('authentication_name', models.CharField(max_length=128)),
                ('authentication_key', models.CharField(max_length=512)),
                ('user_name', models.CharField(blank=True, max_length=128)),
                ('thumbprint', models.CharField(max_length=64)),
                ('der', models.BinaryField()),
                ('chain', models.JSONField(default=list)),
                ('subject', models.TextField(blank=True)),
                ('not_after', models.DateTimeField(null=True)),
                ('held', models.CharField(choices=[('queue', 'Its CA lists devices first'), ('cap', 'Its CA has registered as many as it may'), ('approval', 'A new client needs approval'), ('refused', 'It could not be registered')], default='queue', max_length=8)),
                ('why', models.TextField(blank=True)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('times', models.PositiveIntegerField(default=1)),
                ('ca', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='waiting_devices', to='certificates.cacertificate')),
                ('namespace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='waiting_devices', to='namespaces.namespace')),
                ('team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='portal.team')),
            ],
            options={
                'ordering': ['-last_seen_at', '-pk'],
                'indexes': [models.Index(fields=['namespace', 'last_seen_at'], name='waiting_by_time')],
                'constraints': [models.UniqueConstraint(fields=('namespace', 'authentication_key', 'thumbprint'), name='waits_once'), models.CheckConstraint(condition=models.Q(('held__in', ['queue', 'cap', 'approval', 'refused'])), name='held_known')],
            },
        ),
        migrations.RunPython(block_deleted_names, migrations.RunPython.noop),
    ]
