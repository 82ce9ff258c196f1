"""What ARM answers when it refuses. Codes and texts that Azure does not document are the emulator's own."""

from typing import Any


class ArmError(Exception):
    """A refusal with its HTTP status, ARM's error code, and one sentence."""

    def __init__(
        self, status: int, code: str, message: str, *, target: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.headers = headers or {}

    def as_dict(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            error["target"] = self.target
        return {"error": error}


def invalid(message: str, target: str = "") -> ArmError:
    """A value in the request breaks a rule of the resource."""
    return ArmError(400, "InvalidRequest", message, target=target)


def conflict(message: str, target: str = "") -> ArmError:
    """The request is well formed, but what is stored does not allow it."""
    return ArmError(409, "Conflict", message, target=target)
