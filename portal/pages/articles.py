"""Microsoft's articles that pages link to."""

_ARTICLES = "https://learn.microsoft.com/azure/event-grid/"


def article_url(name: str) -> str:
    """Return the address of an article of Event Grid by the last part of its address."""
    return f"{_ARTICLES}{name}"
