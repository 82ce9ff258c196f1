"""ARM's error responses. Codes and messages that Azure does not document are the emulator's own."""

from typing import Any


class ArmError(Exception):
    """An error response: HTTP status, ARM's error code, a message, and the field or parameter at fault (`target`)."""

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
        """Return the body: `{"error": {"code": …, "message": …, "target": …}}`."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            error["target"] = self.target
        return {"error": error}


def invalid(message: str, target: str = "") -> ArmError:
    """Return the error (400) for a value that breaks a rule of the resource."""
    return ArmError(400, "InvalidRequest", message, target=target)


def conflict(message: str, target: str = "") -> ArmError:
    """Return the error (409) for a valid request that the stored resources do not allow."""
    return ArmError(409, "Conflict", message, target=target)
