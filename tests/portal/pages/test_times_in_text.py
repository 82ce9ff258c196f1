"""Times in sentences are shown in the reader's time zone, as the times beside them."""

import pytest

from portal.templatetags.portal import with_times


def test_a_time_in_a_sentence_becomes_a_local_time() -> None:
    shown = with_times("The certificate expired on 29 Nov 2026 15:47 UTC.")
    assert 'datetime="2026-11-29T15:47:00.000Z" data-local="datetime" title="29 Nov 2026 15:47:00 UTC"' in shown
    assert shown.startswith("The certificate expired on <time")
    assert shown.endswith("29 Nov 2026 15:47 UTC</time>.")  # as it was, without JavaScript


def test_all_times_of_a_sentence_are_found() -> None:
    shown = with_times("01 Jan 2026 00:00 UTC to 31 Dec 2027 23:59 UTC; tested at 02 Feb 2027 12:00 UTC")
    assert shown.count("<time") == 3


@pytest.mark.parametrize(
    "text", ["31 Feb 2026 10:00 UTC", "01 Xyz 2026 10:00 UTC", "2026-01-01 10:00 UTC", "29 Nov 2026", "", "1 & 2"]
)
def test_what_is_no_such_time_stays(text: str) -> None:
    assert with_times(text) == text.replace("&", "&amp;")


def test_the_rest_is_escaped_and_shows_invisible_characters() -> None:
    shown = with_times("<b>CN=\u202epress</b> expired on 29 Nov 2026 15:47 UTC<script>")
    assert shown.startswith("&lt;b&gt;CN=‹U+202E›press&lt;/b&gt; expired on <time")
    assert shown.endswith("&lt;script&gt;")
    assert with_times(None) == ""
