from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    name = "certificates"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from certificates import menu
        from certificates.models import CACertificate, next_expiries
        from portal.registry import register_menu_item, register_search
        from sync import registry

        registry.register(CACertificate, next_expiries=next_expiries)
        for item in menu.MENU:
            register_menu_item(item)
        register_search(menu.search_ca_certificates)
