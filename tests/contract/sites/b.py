"""The error sites B of 0.6.13, its buffer and flush thread, and what shows that each is mended.

0.7 has neither: a record is on disk when its call returns, and what goes to a server is read from
there by the delivery, which keeps its place.
"""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Site, Test

ANSWERS = "tests/delivery/test_answers.py::"
DISK = "tests/durability/test_disk.py::"
ENDS = "tests/durability/test_ends.py::"
EXPERIMENT = "tests/delivery/test_experiment.py::"
MODES = "tests/contract/test_modes.py::"
PROCESSES = "tests/durability/test_processes.py::"
SHIPPER = "tests/delivery/test_shipper.py::"
DELIVERY = "tests/delivery/test_run_delivery.py::"

_REFUSED = Test(
    f"{MODES}test_a_logging_call_raises_in_strict_mode",
    f"{MODES}test_a_logging_call_warns_in_the_other_modes",
    f"{DISK}test_an_outage_of_any_cause_loses_nothing",
)
_OUTAGE = Test(f"{SHIPPER}test_an_outage_is_told_once", f"{DELIVERY}test_the_end_comes_last")

SITES: dict[str, Site] = {
    "B01": Test(
        "tests/unit/record/test_jsonable.py::test_a_failing_array_is_refused_with_its_cause",
        "tests/durability/test_values.py::test_the_refusal_is_typed_and_names_the_key",
    ),
    "B02": Test(
        "tests/unit/test_bad_input.py::test_a_wrong_variable_is_named",
        "tests/compat/test_release_expectations.py::test_buffer_environment",
    ),
    "B03": Gone("there is no thread to start: BackgroundBufferManager.start() has nothing to do"),
    "B04": Test(f"{ENDS}test_nothing_is_lost", f"{ENDS}test_no_rate_loses_anything"),
    "B05": Test(
        f"{MODES}test_closing_says_what_is_lost",
        f"{MODES}test_closing_raises_in_strict_mode",
        f"{EXPERIMENT}test_the_end_says_what_is_left",
    ),
    "B06": Test(
        f"{SHIPPER}test_handing_over_ends_in_time", f"{EXPERIMENT}test_the_end_says_what_is_left"
    ),
    "B07": Test(
        f"{ENDS}test_handles_kept_after_close_refuse",
        "tests/unit/test_experiment.py::test_closing_twice_and_never_opened",
    ),
    "B08": Test(f"{ENDS}test_nothing_is_lost", f"{ENDS}test_the_end_is_recorded"),
    "B09": Test(f"{PROCESSES}test_several_writers_lose_nothing"),
    "B10": Test(f"{PROCESSES}test_several_writers_lose_nothing"),
    "B11": Test(
        "tests/unit/store/test_tracks.py::test_a_value_that_another_replaces_is_told",
        "tests/unit/test_track.py::test_entries_of_one_time_are_one",
    ),
    "B12": Test("tests/unit/test_metric.py::test_a_value_is_taken_when_it_is_logged"),
    "B13": Test(
        f"{MODES}test_warnings_as_errors_lose_nothing",
        f"{MODES}test_the_thread_that_writes_what_gathered_survives",
        f"{SHIPPER}test_the_thread_survives",
        f"{PROCESSES}test_a_failing_echo_costs_no_record",
    ),
    "B14": Test(f"{ENDS}test_no_rate_loses_anything"),
    "B15": Test(f"{EXPERIMENT}test_the_script_is_not_held_up"),
    "B16": _OUTAGE,
    "B17": _REFUSED,
    "B18": _OUTAGE,
    "B19": _REFUSED,
    "B20": _OUTAGE,
    "B21": _REFUSED,
    "B22": Test(
        f"{MODES}test_repeats_are_folded_with_a_count",
        f"{MODES}test_the_line_named_is_the_users",
        f"{DISK}test_each_outage_is_told",
        f"{SHIPPER}test_an_outage_is_told_once",
    ),
    "B23": Test(f"{EXPERIMENT}test_the_script_is_not_held_up"),
    "B24": Test(
        f"{SHIPPER}test_refused_credentials_halt",
        f"{DELIVERY}test_what_only_a_person_can_mend_stops_all",
        f"{DELIVERY}test_a_poisoned_record_is_set_aside",
    ),
    "B25": Test(f"{ANSWERS}test_a_server_that_is_busy_is_left_alone_as_long_as_it_says"),
    "B26": Test(
        f"{ANSWERS}test_a_yes_that_counts_nothing_is_no_yes",
        f"{DELIVERY}test_a_broken_answer_doubles_nothing",
    ),
    "B27": Test(f"{DELIVERY}test_a_broken_answer_doubles_nothing"),
    "B28": Test("tests/durability/test_values.py::test_only_the_refused_value_is_missing"),
    "B29": Test(
        f"{DISK}test_what_memory_cannot_hold_is_refused_and_counted",
        f"{EXPERIMENT}test_a_full_spool_refuses",
    ),
    "B30": Test(
        f"{DISK}test_a_file_is_stored_or_raises",
        f"{MODES}test_who_asks_for_an_effect_hears_of_its_failure",
    ),
    "B31": Test("tests/durability/test_files.py::test_a_users_file_is_never_deleted"),
    "B32": Gone("the source of an upload is the user's, so there is nothing of it to clean up"),
    "B33": Test(f"{SHIPPER}test_handing_over_waits", f"{EXPERIMENT}test_flush_hands_over"),
    "B34": Test(
        f"{MODES}test_flush_that_cannot_write_says_how_much_waits",
        f"{MODES}test_flush_raises_in_strict_mode",
        f"{EXPERIMENT}test_a_flush_with_a_deadline",
    ),
    "B35": Test(
        f"{PROCESSES}test_a_forked_child_loses_nothing_and_ends_nothing",
        f"{PROCESSES}test_workers_of_multiprocessing_lose_nothing",
        f"{EXPERIMENT}test_a_child_that_outlives_nothing",
    ),
    "B36": Test(f"{ENDS}test_nothing_is_lost"),
    "B37": Test("tests/unit/test_metric.py::test_descriptions"),
}
