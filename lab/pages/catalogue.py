"""The page *Lab*: the exercises by track, with how far the person is in a namespace."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.catalogue.exercise import TRACKS, Exercise
from lab.catalogue.reading import exercises
from lab.models import Enrolment
from lab.pages.panel import states_of
from lab.places import places_of
from namespaces.models import Namespace
from portal.models import User
from portal.short_cache import kept


@dataclass(frozen=True)
class ListedExercise:
    exercise: Exercise
    state: str  # done, skipped, begun or open


@dataclass(frozen=True)
class ListedTrack:
    title: str
    exercises: tuple[ListedExercise, ...]

    @property
    def done(self) -> int:
        return sum(each.state == "done" for each in self.exercises)


@dataclass(frozen=True)
class Catalogue:
    """The exercises, the namespace that they use, and those to choose from."""

    tracks: tuple[ListedTrack, ...]
    place: Namespace | None
    places: Sequence[Namespace]

    @property
    def done(self) -> int:
        return sum(track.done for track in self.tracks)

    @property
    def total(self) -> int:
        return sum(len(track.exercises) for track in self.tracks)

    @property
    def next(self) -> Exercise | None:
        """Return the first exercise that is neither done nor skipped."""
        every = (each for track in self.tracks for each in track.exercises)
        return next((each.exercise for each in every if each.state in {"open", "begun"}), None)


def catalogue_of(user: User, place_pk: int | None = None) -> Catalogue:
    """Return the exercises for a namespace, by default the one in which the person works or the only one there is."""
    places = places_of(user)
    if place_pk is None:
        place_pk = Enrolment.objects.filter(user=user).values_list("namespace", flat=True).first()
    place = next((each for each in places if each.pk == place_pk), places[0] if len(places) == 1 else None)
    states = states_of(user, place.pk) if place is not None else {}
    tracks = tuple(
        ListedTrack(
            title,
            tuple(ListedExercise(each, states.get(each.slug, "open")) for each in exercises() if each.track == track),
        )
        for track, title in TRACKS.items()
    )
    return Catalogue(tuple(track for track in tracks if track.exercises), place, places)


def progress_in_words(user: User) -> str:
    """Return "2 of 14" for the menu, of the namespace in which the person works."""
    return kept(f"lab:{user.pk}", lambda: done_in_words(user))


def done_in_words(user: User) -> str:
    """Return the same, as it is now."""
    place = Enrolment.objects.filter(user=user).values_list("namespace", flat=True).first()
    known = {each.slug for each in exercises()}
    states = states_of(user, place) if place is not None else {}
    done = sum(state == "done" for slug, state in states.items() if slug in known)
    return f"{done} of {len(known)}"
