"""The error sites T of 0.6.13, its tracks, and what shows that each is mended."""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Site, Test

FLAGS = "tests/contract/test_flags.py::"
TRACK = "tests/unit/test_track.py::"
TRACKS = "tests/unit/store/test_tracks.py::"

SITES: dict[str, Site] = {
    "T01": Test(
        f"{TRACK}test_odd_times",
        f"{TRACK}test_times_that_are_none",
        f"{FLAGS}test_old_with_one_warning",
        f"{TRACKS}test_times_that_are_no_numbers_come_last",
    ),
    "T02": Test(
        f"{TRACK}test_what_is_said_about_a_track_is_kept",
        "tests/delivery/test_real_server.py::test_what_is_said_about_a_track_arrives",
    ),
    "T03": Test(
        "tests/contract/test_modes.py::test_flush_raises_in_strict_mode",
        "tests/contract/test_modes.py::test_flush_that_cannot_write_says_how_much_waits",
    ),
    "T04": Gone("a run is read from its folder, with a server or without: no server is asked"),
    "T05": Test(f"{FLAGS}test_old_with_one_warning", f"{FLAGS}test_siblings"),
}
