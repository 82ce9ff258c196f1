"""What the process refuses, and that it is away."""


class DeviceProblem(Exception):  # noqa: N818 - says what is wrong
    """A command was refused. `code` is for machines, the message for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class NoSuchDevice(DeviceProblem):
    """The process does not have this device: it has ended, or the process has restarted."""

    def __init__(self) -> None:
        super().__init__("device-gone", "This device has ended. Its key was in memory only and is gone with it.")


class DevicesAway(DeviceProblem):
    """The process cannot be reached."""

    def __init__(self) -> None:
        super().__init__(
            "devices-away", "The process that runs devices does not respond. It is started by “manage.py devices”."
        )


PROBLEMS: dict[str, type[NoSuchDevice]] = {"device-gone": NoSuchDevice}


def problem_of(code: str, sentence: str) -> DeviceProblem:
    """Return the problem that the process answered."""
    kind = PROBLEMS.get(code)
    return kind() if kind is not None else DeviceProblem(code, sentence)
