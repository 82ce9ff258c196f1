"""Serial numbers of certificates, as tools print them and people search for them. Pure."""

import re

MOST_DECIMAL_DIGITS = 50  # more than the 20 bytes of the longest serial number take
_SERIAL = re.compile(r"serial(?:\s*(?:number|no\.?))?\s*[:=]?\s*", re.IGNORECASE)


def serial_text(number: int) -> str:
    """Return a serial number as OpenSSL prints it: in hex, by bytes."""
    digits = f"{abs(number):X}"
    return f"{'-' if number < 0 else ''}{digits.zfill(len(digits) + len(digits) % 2)}"


def serial_digits(number: int) -> str:
    """Return what a serial number is searched by: its hex digits in lower case, without leading zeros, at most 64."""
    return f"{number:x}"[:64]


def serials_written(search: str) -> list[str]:
    """Return the serial numbers that a text may write, as clients have them: in hex in any notation, or in decimal."""
    plain = _SERIAL.sub("", search.strip())
    digits = re.sub(r"[\s:.\-]", "", plain).lower().removeprefix("0x")
    found = []
    if re.fullmatch(r"[0-9a-f]{1,64}", digits):
        found.append(serial_digits(int(digits, 16)))
    if plain.isascii() and plain.isdigit() and len(plain) <= MOST_DECIMAL_DIGITS:
        found.append(serial_digits(int(plain)))
    return found
