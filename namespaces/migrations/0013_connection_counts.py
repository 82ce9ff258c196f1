"""Keep counts of connection attempts, and what is known of each client's certificate. What is stored is read once."""

import json
from collections import Counter
from datetime import timedelta

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone

from certificates.x509.certificate import name_mark
from certificates.x509.reading import DecodingError, from_azure_pem, load_certificate

KEPT = timedelta(days=31)


def count_the_log(apps, schema_editor):
    attempts = apps.get_model("namespaces", "ConnectionAttempt").objects
    counted, newest = Counter(), {}
    rows = attempts.filter(at__gt=timezone.now() - KEPT).order_by("at")
    for namespace, at, accepted, code, client, user in rows.values_list(
        "namespace_id", "at", "accepted", "code", "client_name", "user_name"
    ).iterator(chunk_size=2000):
        code = "" if accepted else code or "other"
        counted[namespace, at.replace(minute=0, second=0, microsecond=0), code] += 1
        if not accepted:
            newest[namespace, code, client or user] = (bool(client), at)
    count_model, name_model = (apps.get_model("namespaces", name) for name in ("ConnectionCount", "RefusedName"))
    count_model.objects.bulk_create(
        [
            count_model(namespace_id=namespace, hour=hour, code=code, count=count)
            for (namespace, hour, code), count in counted.items()
        ],
        batch_size=500,
    )
    name_model.objects.bulk_create(
        [
            name_model(namespace_id=namespace, code=code, name=name, is_client=is_client, last_at=at)
            for (namespace, code, name), (is_client, at) in newest.items()
        ],
        batch_size=500,
    )


def note_latest_certificates(apps, schema_editor):
    """Fill the columns of clients and certificates, as namespaces.connections.client_certificates does from now on."""
    certificates = apps.get_model("namespaces", "ClientCertificate").objects
    latest, marks_of_chains = {}, {}
    shown = certificates.order_by("has_connected", "seen_at", "pk")
    for row in list(shown.defer("der").iterator(chunk_size=2000)):
        chain = json.dumps(row.chain)
        if chain not in marks_of_chains:
            marks_of_chains[chain] = [name_mark(each.issuer) for each in read_chain(row.chain)]
        row.path = " ".join(dict.fromkeys([name_mark(row.issuer), *marks_of_chains[chain]]))
        certificates.filter(pk=row.pk).update(path=row.path)
        latest[row.namespace_id, row.client_name.lower()] = row
    clients = apps.get_model("namespaces", "Client").objects
    for pk, namespace, name in list(clients.values_list("pk", "namespace_id", "name")):
        row = latest.get((namespace, name.lower()))
        if row is not None:
            clients.filter(pk=pk).update(
                certificate_thumbprint=row.thumbprint,
                certificate_issuer=row.issuer,
                certificate_path=row.path,
                certificate_expires_at=row.not_after,
            )


def read_chain(pems):
    found = []
    for pem in pems:
        try:
            found.append(load_certificate(from_azure_pem(str(pem))))
        except DecodingError:
            continue
    return found


class Migration(migrations.Migration):

    dependencies = [
        ('namespaces', '0012_roles_by_team'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConnectionCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.DateTimeField()),
                ('code', models.CharField(blank=True, max_length=60)),
                ('count', models.PositiveIntegerField(default=0)),
                ('namespace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='connection_counts', to='namespaces.namespace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('namespace', 'hour', 'code'), name='one_connection_count_per_hour')],
            },
        ),
        migrations.CreateModel(
            name='RefusedName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=60)),
                ('name', models.CharField(blank=True, max_length=256)),
                ('is_client', models.BooleanField(default=False)),
                ('last_at', models.DateTimeField()),
                ('namespace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refused_names', to='namespaces.namespace')),
            ],
            options={
                'indexes': [models.Index(fields=['namespace', 'last_at'], name='refused_names_by_time')],
                'constraints': [models.UniqueConstraint(fields=('namespace', 'code', 'name'), name='one_refused_name_per_reason')],
            },
        ),
        migrations.AddField(
            model_name="namespace", name="clients_connected", field=models.PositiveIntegerField(null=True)
        ),
        migrations.AddField(
            model_name="client",
            name="certificate_thumbprint",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="client", name="certificate_issuer", field=models.TextField(blank=True, default="")
        ),
        migrations.AddField(
            model_name="client",
            name="certificate_path",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(model_name="client", name="certificate_expires_at", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="clientcertificate",
            name="path",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddIndex(
            model_name="client",
            index=models.Index(fields=["namespace", "certificate_expires_at"], name="client_by_expiry"),
        ),
        migrations.AddIndex(
            model_name="client",
            index=models.Index(fields=["namespace", "certificate_path"], name="client_by_issuer"),
        ),
        migrations.RunPython(count_the_log, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(note_latest_certificates, migrations.RunPython.noop, elidable=True),
    ]
