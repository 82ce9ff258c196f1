"""Devices in the browser, as the portal remembers them: what they show to others, never a key."""

from django.conf import settings
from django.db import models

from certificates.samples.names import FAULTS_BY_CODE
from namespaces.models import Namespace
from portal.models import User


class BrowserDeviceQuerySet(models.QuerySet["BrowserDevice"]):
    def visible_to(self, user: User, namespace: Namespace) -> "BrowserDeviceQuerySet":
        """A person's own devices in a namespace that was read for this person; nobody sees those of others."""
        return self.filter(namespace.sight.condition("namespace", is_hideable=False), owner=user, namespace=namespace)


class BrowserDevice(models.Model):
    """A device of one person. It lives in the process of devices under `handle`; this row outlives it, its key does not."""

    namespace = models.ForeignKey(Namespace, on_delete=models.CASCADE, related_name="browser_devices")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="browser_devices")
    handle = models.CharField(max_length=32, unique=True)
    authentication_name = models.CharField(max_length=128)
    validation_scheme = models.CharField(max_length=40)
    fault = models.CharField(max_length=40, blank=True)
    client_id = models.CharField(max_length=128)
    thumbprint = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    objects = BrowserDeviceQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(name="devices_of_person", fields=["owner", "namespace"])]

    def __str__(self) -> str:
        return self.authentication_name

    @property
    def kind(self) -> str:
        """Return the kind of its certificate in words."""
        return FAULTS_BY_CODE[self.fault].label if self.fault in FAULTS_BY_CODE else "Valid"
