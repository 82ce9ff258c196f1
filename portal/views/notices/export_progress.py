"""How far a download is that the page waits for."""

from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.web.export_progress import progress_of
from portal.web.responses import PageRequest


@require_safe
@never_cache
def export_progress(request: PageRequest, token: str) -> JsonResponse:
    return JsonResponse(progress_of(request.user, token))
