"""Tasks of namespaces: bring in what Azure holds, and keep the essentials fresh."""

import logging

from celery import shared_task
from django.db import transaction

from namespaces.models import Namespace

logger = logging.getLogger(__name__)


def import_on_commit(namespace: Namespace) -> None:
    """Start the import once the namespace is committed. Only a hint: `refresh_namespaces` starts what was missed."""
    pk = namespace.pk

    def hint() -> None:
        try:
            import_namespace.delay(pk)
        except Exception:
            logger.warning("No broker for the import of namespace %s; the next refresh starts it.", pk, exc_info=True)

    transaction.on_commit(hint, robust=True)


@shared_task
def import_namespace(pk: int) -> None:
    """Bring in one namespace."""
