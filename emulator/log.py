"""The log of the emulator on the terminal: one line per message, whatever a request contains."""

import logging

from certificates.x509.key_masking import masked_text
from certificates.x509.text import one_line


class OneLineFormatter(logging.Formatter):
    """Masks private keys and escapes line breaks and other invisible characters in messages."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  overrides the standard library
        record.message = one_line(masked_text(record.message))
        return super().formatMessage(record)


def log_to_terminal(level: str = "INFO") -> None:
    """Log to standard error from this level."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
