"""`python -m emulator`: ARM over HTTPS and one MQTT endpoint per namespace, with a durable store of its own."""

import sys
from collections.abc import Sequence

from emulator.options import PROGRAM, parse_arguments


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until SIGINT, SIGTERM or the end of the parent process. Return the exit status."""
    options = parse_arguments(arguments)
    # Imported here: the servers take most of the start-up time, and `--help` does not need them.
    import asyncio

    from emulator.arm.seed import SeedError
    from emulator.authority import AuthorityError
    from emulator.log import log_to_terminal
    from emulator.server import StartError, run

    log_to_terminal(options.log_level.upper())
    try:
        asyncio.run(run(options))
    except (AuthorityError, SeedError, StartError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201  for the user at the terminal
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
