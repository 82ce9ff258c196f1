"""The exercises of this installation: our own, and those in the folder that LAB_EXERCISES names."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from lab.catalogue.exercise import TRACKS, Exercise, ExerciseError, read_exercise

OWN = Path(__file__).resolve().parent.parent / "exercises"


def folders() -> list[Path]:
    """Return the folders with exercises: ours first."""
    return [OWN, *([Path(settings.LAB_EXERCISES)] if settings.LAB_EXERCISES else [])]


def exercise_folders(folder: Path) -> Iterator[Path]:
    yield from sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith((".", "_")))


def exercises() -> tuple[Exercise, ...]:
    """Return the exercises in the order of tracks and numbers. One that cannot be read is left out; the linter says why."""
    return _read(tuple(map(str, folders())))


def exercise(slug: str) -> Exercise | None:
    return next((each for each in exercises() if each.slug == slug), None)


@lru_cache(maxsize=4)
def _read(places: tuple[str, ...]) -> tuple[Exercise, ...]:
    found: dict[str, Exercise] = {}
    for place in map(Path, places):
        for folder in exercise_folders(place) if place.is_dir() else ():
            try:
                each = read_exercise(folder)
            except ExerciseError:
                continue
            found.setdefault(each.slug, each)
    order = list(TRACKS)
    return tuple(sorted(found.values(), key=lambda each: (order.index(each.track), each.number, each.slug)))
