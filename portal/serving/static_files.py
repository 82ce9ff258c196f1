"""Static files: hashed names with long caching after `collectstatic`, plain names from the source tree before."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no type hints
    """WhiteNoise's storage, which also works without `collectstatic`: it then uses the names of the source tree.

    Demo and tests need no such step, and a deployment that forgot it still has styles (`check_deployment` reports it).
    """

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Return the hashed name of a file, or its plain name when there is no manifest."""
        if not self.hashed_files:
            return name
        return str(super().stored_name(name))
