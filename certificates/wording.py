"""Sentences that carry what strangers wrote into certificates: never longer than people read. Pure."""

MAX_SENTENCE = 1000
MAX_VALUE = 2000


def shortened(text: str, limit: int = MAX_SENTENCE) -> str:
    """The text, or its beginning and "…" where it has more than `limit` characters. A certificate's names may have 64 KB."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def shortened_values(values: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The same values, each at most `MAX_VALUE` characters long, and at most fifty of them."""
    for _, value in values:
        if len(value) > MAX_VALUE:
            break
    else:
        if len(values) <= 50:
            return values
    return tuple((name, shortened(value, MAX_VALUE)) for name, value in values[:50])
