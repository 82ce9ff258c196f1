"""What sign-in counts and shares between web processes."""

from django.db import models


class CachedValue(models.Model):
    """A value that all web processes share for a while, such as the count of a rate limit (`portal.serving.shared_cache`)."""

    key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()  # JSON
    expires_at = models.FloatField(db_index=True)  # seconds since 1970

    def __str__(self) -> str:
        return self.key


class FailedSignIns(models.Model):
    """The failed sign-ins of one account from one address for one reason within a minute, until a worker adds them to the activity log.

    The typed name is not kept: where no such account exists, it may be a password.
    """

    minute = models.DateTimeField()
    account = models.BigIntegerField()  # primary key of the user; 0 where no account has the typed name
    address = models.CharField(max_length=45)
    reason = models.CharField(max_length=40, default="", blank=True)  # why single sign-on was refused; "" for passwords
    wrong = models.PositiveIntegerField(default=0)
    wrong_codes = models.PositiveIntegerField(default=0)  # of the second step, after the right password
    refused = models.PositiveIntegerField(default=0)  # by a rate limit, without checking the password

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["minute", "account", "address", "reason"], name="portal_failed_sign_ins_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account} from {self.address}"


class SignInCount(models.Model):
    """How often something happened at sign-in since the portal was set up, for the metrics."""

    event = models.CharField(max_length=40, primary_key=True)
    count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.event
