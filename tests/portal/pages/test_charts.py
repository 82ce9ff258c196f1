"""Charts: places of bars, axes and lines, for any values."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.pages.charts import HEIGHT, BarChart, Column, Part, bar_chart, line, nice_top

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def chart(*values: tuple[int, int]) -> BarChart:
    columns = [
        Column(NOON + timedelta(hours=number), (Part("accepted", accepted), Part("refused", refused)))
        for number, (accepted, refused) in enumerate(values)
    ]
    return bar_chart(columns, noted="refused", word="refused")


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 4), (4, 4), (5, 8), (9, 20), (21, 40), (366, 400), (401, 800), (10**9, 2 * 10**9)]
)
def test_an_axis_ends_at_a_round_number_in_four_whole_steps(highest: int, top: int) -> None:
    assert nice_top(highest) == top
    assert nice_top(highest) % 4 == 0


def test_bars_stand_on_the_axis_side_by_side_and_their_parts_on_each_other() -> None:
    drawn = chart((4, 0), (2, 2))
    (first,), (lower, upper) = (bar.rectangles for bar in drawn.bars)
    assert (first.x, first.width, first.y, first.height) == ("6.250%", "37.500%", "0.0", f"{HEIGHT:.1f}")
    assert float(lower.y) + float(lower.height) == HEIGHT
    assert float(upper.y) + float(upper.height) == float(lower.y) - 1  # the gap between them
    assert [drawn_line.value for drawn_line in drawn.lines] == [0, 1, 2, 3, 4]
    assert (drawn.lines[0].y, drawn.lines[-1].y) == (f"{HEIGHT:.1f}", "0.0")


def test_a_small_part_beside_a_large_one_is_still_seen_and_nothing_is_drawn_of_none() -> None:
    drawn = chart((100_000, 1), (0, 0))
    assert float(drawn.bars[0].rectangles[1].height) >= 1
    assert drawn.bars[1].rectangles == ()


@pytest.mark.parametrize(("at", "anchor"), [(0, "start"), (1, "start"), (2, "end"), (3, "end")])
def test_the_highest_value_is_written_towards_the_middle(at: int, anchor: str) -> None:
    values = [(10, 1)] * 4
    values[at] = (10, 5)
    note = chart(*values).note
    assert note is not None
    assert (note.text, note.anchor) == ("5 refused", anchor)
    assert 0 <= float(note.x.removesuffix("%")) <= 100
    assert 10 <= float(note.y) <= HEIGHT


@pytest.mark.parametrize("values", [(), ((0, 0),), ((3, 0), (1, 0))])
def test_nothing_is_written_where_nothing_was_refused(values: tuple[tuple[int, int], ...]) -> None:
    assert chart(*values).note is None


def test_a_line_goes_from_edge_to_edge_and_its_surface_down_to_the_axis() -> None:
    drawn = line([0, 10, 5])
    assert drawn.points == "0.00,96.00 50.00,4.00 100.00,50.00"
    assert drawn.surface == f"0,100 {drawn.points} 100,100"
    assert (drawn.peak, line([]).points, line([]).surface) == (10, "", "")
