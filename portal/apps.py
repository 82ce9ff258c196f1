from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from portal.pages.menu_items import shell_pages
        from portal.registry import register_pages

        register_pages(shell_pages)
