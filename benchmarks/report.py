"""One line per measurement, the same for every benchmark: `NAME: ours=… peer=… ratio=… goal=… PASS|FAIL`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """`ours` and `peer` in `unit`; less is better unless `more_is_better`.

    Without a peer, `peer` is None and the ratio is ours to the goal. With a peer, `goal` is the ratio to reach, unless
    `goal_is_absolute`; a measurement without a goal is only reported. `median_ratio` is the median of the ratios of short
    rounds, if measured; it replaces the ratio of the two medians.
    """

    name: str
    ours: float
    unit: str
    goal: float | None
    peer: float | None = None
    more_is_better: bool = False
    goal_is_absolute: bool = False
    median_ratio: float | None = None

    @property
    def ratio(self) -> float:
        if self.median_ratio is not None:
            return self.median_ratio
        beside = self.goal if self.peer is None else self.peer
        return self.ours / beside if beside else float(self.ours > 0)

    @property
    def passes(self) -> bool:
        if self.goal is None:
            return True
        value = self.ours if self.peer is None or self.goal_is_absolute else self.ratio
        return value >= self.goal if self.more_is_better else value <= self.goal

    def __str__(self) -> str:
        absolute = self.peer is None or self.goal_is_absolute
        sign = "≥" if self.more_is_better else "≤"
        peer = "-" if self.peer is None else f"{self.peer:.3g}{self.unit}"
        goal = "none" if self.goal is None else f"{sign}{self.goal:g}{self.unit if absolute else 'x'}"
        verdict = "PASS" if self.passes else "FAIL"
        return f"{self.name}: ours={self.ours:.3g}{self.unit} peer={peer} ratio={self.ratio:.2f} goal={goal} {verdict}"


def report(measurement: Measurement) -> bool:
    """Print the line and return whether the goal is reached."""
    print(measurement, flush=True)
    return measurement.passes
