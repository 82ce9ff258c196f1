"""Dotted paths that changed, so that old names in the settings of operators keep working."""

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

NEW_PATHS: Mapping[str, str] = {
    "sync.connections.ArmConnectionLog": "sync.capabilities.connection_log.ArmConnectionLog",
    "sync.live_state.ArmLiveState": "sync.capabilities.live_state.ArmLiveState",
    "sync.training.EmulatorFaults": "sync.capabilities.fault_training.EmulatorFaults",
    # For settings modules that import portal.settings and change a list.
    "portal.request_ids.RequestIdMiddleware": "portal.web.request_ids.RequestIdMiddleware",
    "portal.unseen.ShowUnseenMiddleware": "portal.web.invisible_characters.ShowUnseenMiddleware",
    "portal.context.shell": "portal.web.shell_context.shell",
    "portal.uploads.CappedMemoryUploadHandler": "portal.web.uploads.CappedMemoryUploadHandler",
}


def current_path(path: str) -> str:
    """Return the current path for an old one; any other path is returned unchanged."""
    return NEW_PATHS.get(path, path)


def load(path: str) -> Any:
    """Import the object that a setting names, by its current or old path. Raise ImportError when it does not exist."""
    return import_string(current_path(path))


def rename_paths(settings: Any) -> None:
    """Replace old paths in the settings that Django itself imports."""
    settings.MIDDLEWARE = [current_path(path) for path in settings.MIDDLEWARE]
    settings.FILE_UPLOAD_HANDLERS = [current_path(path) for path in settings.FILE_UPLOAD_HANDLERS]
    for engine in settings.TEMPLATES:
        options = engine.get("OPTIONS", {})
        if "context_processors" in options:
            options["context_processors"] = [current_path(path) for path in options["context_processors"]]
