from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    name = "certificates"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from certificates.models import CACertificate, next_expiry
        from sync import registry

        registry.register(CACertificate, next_expiry=next_expiry)
