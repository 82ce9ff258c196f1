"""Counts of connection attempts, kept so that no page counts the connection log."""

from django.db import models


class ConnectionCount(models.Model):
    """How many attempts to connect ended in one way within one hour."""

    namespace = models.ForeignKey("namespaces.Namespace", on_delete=models.CASCADE, related_name="connection_counts")
    hour = models.DateTimeField()  # its beginning, in UTC
    code = models.CharField(max_length=60, blank=True)  # of the refusal; "" for accepted
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "hour", "code"], name="one_connection_count_per_hour")
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.code or 'accepted'}: {self.count}"


class RefusedName(models.Model):
    """When a client, or a name that no client has, was last refused for a reason."""

    namespace = models.ForeignKey("namespaces.Namespace", on_delete=models.CASCADE, related_name="refused_names")
    code = models.CharField(max_length=60)
    name = models.CharField(max_length=256, blank=True)  # of the client, else the MQTT user name that was sent
    is_client = models.BooleanField(default=False)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "code", "name"], name="one_refused_name_per_reason")
        ]
        indexes = [models.Index(fields=["namespace", "last_at"], name="refused_names_by_time")]

    def __str__(self) -> str:
        return f"{self.name}: {self.code}"
