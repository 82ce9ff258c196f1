"""The time zone in which a person types days and times: that of the browser, which shows all times in it.

A form has a hidden field `zone`, which the page's script fills in. Without it days and times are those of UTC.
"""

import re
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

FIELD = "zone"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
LONGEST = 64


def zone_named(name: str) -> tzinfo:
    """Return the time zone with this name of the IANA database, such as "Europe/Berlin"; UTC for any other text."""
    if len(name) > LONGEST or not _NAME.fullmatch(name):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a file of zones; "Europe", which is a folder
        return UTC
