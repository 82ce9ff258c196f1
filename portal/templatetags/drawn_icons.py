"""The tag `lucide`, which draws each icon once: reading and writing its SVG for each use took a tenth of a page's time."""

from functools import lru_cache

from django import template
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide as draw

register = template.Library()


@lru_cache(maxsize=512)
def _drawn(name: str, size: int | None, attributes: tuple[tuple[str, object], ...]) -> SafeString:
    return SafeString(draw(name, size=size, **dict(attributes)))


@register.simple_tag
def lucide(name: str, *, size: int | None = 24, **attributes: object) -> SafeString:
    """Return the SVG of an icon with these attributes."""
    return _drawn(name, size, tuple(attributes.items()))
