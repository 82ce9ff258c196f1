"""Where each trainee is in the lab, the classes they are in, devices in the browser, and shared attempts."""

from lab.models.classes import Seat, TrainingClass
from lab.models.devices import BrowserDevice
from lab.models.progress import Enrolment, Progress
from lab.models.shared_attempts import AttemptSharing, SharedAttempt

__all__ = ["AttemptSharing", "BrowserDevice", "Enrolment", "Progress", "Seat", "SharedAttempt", "TrainingClass"]
