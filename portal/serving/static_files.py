"""Static files: hashed names and long caching after `collectstatic`, straight from the source tree before."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no type hints
    """Whitenoise's storage that needs no `collectstatic`: without its manifest, names are those of the source tree.

    So the demo and the tests need no such step, and a deployment that forgot it still has styles
    (`check_deployment` reports it).
    """

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """The hashed name of a file, or its own name where the manifest has none."""
        if not self.hashed_files:
            return name
        return str(super().stored_name(name))
