"""The emulator's log on the terminal: one line each, whatever strangers put into host names and requests."""

import logging

from certificates.x509.text import one_line


class OneLineFormatter(logging.Formatter):
    """Shows line breaks, and what else in a message cannot be seen, as escapes."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  its name in the standard library
        record.message = one_line(record.message)
        return super().formatMessage(record)


def log_to_terminal(level: str = "INFO") -> None:
    """Log from this level on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
