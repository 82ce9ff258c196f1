"""Export a namespace as files that create it again."""

from itertools import chain
from typing import IO

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from namespaces.access import get_namespace
from namespaces.pages.recreation.files import write_archive
from namespaces.pages.recreation.formats import FORMATS, scope_of
from namespaces.pages.recreation.parts import count_parts, held_back, parts_of
from namespaces.rights import Verb
from namespaces.views.context import namespace_context
from portal.web.exports import written_response
from portal.web.responses import PageRequest, render_page

PARTLY = "Rows of other teams that you do not see are not among them."


@require_safe
def template_export(request: PageRequest, pk: int) -> HttpResponse:
    """Show what the files contain, and offer each kind of them."""
    namespace = get_namespace(request.user, pk, Verb.READ)
    context = namespace_context(
        request,
        namespace,
        formats=FORMATS.values(),
        counts=count_parts(namespace),
        is_partial=namespace.sight.is_partial,
        held_back=held_back(namespace),
    )
    return render_page(request, "namespaces/template_export.html", context)


@require_safe
def template_files(request: PageRequest, pk: int, made: str) -> StreamingHttpResponse:
    """Download the files of one kind in an archive."""
    namespace = get_namespace(request.user, pk, Verb.READ)

    def write(file: IO[bytes]) -> None:
        parts = parts_of(namespace)
        whole = next(parts)
        missing = [f"{name} waits for its proof of possession and is not among them." for name in held_back(namespace)]
        note = "\n".join([*([PARTLY] if namespace.sight.is_partial else []), *missing])
        write_archive(file, scope_of(namespace, whole), chain([whole], parts), FORMATS[made], note)

    return written_response(f"{namespace.name}-{made}.zip", "application/zip", write)
