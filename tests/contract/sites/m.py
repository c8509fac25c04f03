"""The error sites M of 0.6.13, its metrics, and what shows that each is mended."""

from __future__ import annotations

from tests.contract.sites.kinds import Site, Test

AGGREGATE = "tests/unit/record/test_aggregate.py::"
METRIC = "tests/unit/test_metric.py::"
MODES = "tests/contract/test_modes.py::"

_FLAGGED = "tests/contract/test_flags.py::test_old_with_one_warning"

SITES: dict[str, Site] = {
    "M01": Test(_FLAGGED, f"{METRIC}test_buffered_values"),
    "M02": Test(_FLAGGED, f"{METRIC}test_a_summary_cache"),
    "M03": Test(f"{METRIC}test_values_that_are_all_nan"),
    "M04": Test(f"{AGGREGATE}test_values_at_the_edge"),
    "M05": Test(f"{AGGREGATE}test_nothing_raises", f"{AGGREGATE}test_values_at_the_edge"),
    "M06": Test("tests/durability/test_processes.py::test_several_writers_lose_nothing"),
    "M07": Test(
        f"{METRIC}test_values_nobody_summarised",
        f"{MODES}test_values_whose_summary_is_refused_are_kept",
        "tests/durability/test_ends.py::test_values_never_summarised_are_told",
    ),
    "M08": Test(
        "tests/durability/test_ends.py::test_nothing_is_lost",
        f"{MODES}test_flush_that_cannot_write_says_how_much_waits",
        f"{MODES}test_flush_raises_in_strict_mode",
    ),
    "M09": Test(f"{METRIC}test_descriptions"),
    "M10": Test(f"{METRIC}test_several_metrics_at_once"),
    "M11": Test(
        f"{METRIC}test_a_point_is_what_was_logged",
        "tests/unit/test_track.py::test_entries_of_one_time_are_one",
    ),
    "M12": Test(
        f"{METRIC}test_non_finite_numbers_come_back_as_floats",
        "tests/durability/test_values.py::test_values_that_are_data_are_taken",
    ),
}
