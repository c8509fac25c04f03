"""The error sites S of 0.6.13, its local store, and what shows that each is mended."""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Site, Test

BAD = "tests/unit/test_bad_input.py::"
DISK = "tests/durability/test_disk.py::"
FILES = "tests/unit/store/test_files_store.py::"
FLAGS = "tests/contract/test_flags.py::"
GOLDEN = "tests/compat/test_golden.py::"
METRIC = "tests/unit/test_metric.py::"
PARAMS = "tests/unit/store/test_params.py::"
REOPENING = "tests/durability/test_reopening.py::"
STORAGE = "tests/unit/test_storage.py::"
STREAM = "tests/unit/store/test_stream.py::"
TRACK = "tests/unit/test_track.py::"
TRACKS = "tests/unit/store/test_tracks.py::"
VALUES = "tests/durability/test_values.py::"

_FLAGGED = Test(f"{FLAGS}test_old_with_one_warning", f"{FLAGS}test_siblings")

SITES: dict[str, Site] = {
    "S01": Gone("a lock goes with its descriptor, and nothing catches an error of giving it back"),
    "S02": Test("tests/unit/base/test_fsio.py::test_a_platform_without_locks"),
    "S03": Test(
        "tests/unit/store/test_status.py::test_a_damaged_document_is_made_again_from_the_journal",
        "tests/unit/test_experiment.py::test_damage_is_logged_not_raised",
        f"{GOLDEN}test_ours_keeps_damaged_file_and_says_so",
    ),
    "S04": Test(
        f"{STORAGE}test_metadata_without_a_json_form", f"{BAD}test_a_bad_constructor_makes_no_run"
    ),
    "S05": Test(
        "tests/durability/test_kills.py::test_no_kill_loses_an_acknowledged_record",
        f"{DISK}test_parameters_are_set_or_raise",
    ),
    "S06": Test(f"{REOPENING}test_a_spoilt_snapshot_is_made_again"),
    "S07": Test(
        f"{REOPENING}test_a_torn_last_line_is_mended",
        f"{STREAM}test_a_tail_torn_at_any_byte_is_kept_aside",
    ),
    "S08": Gone("LocalStorage has no write_metric_data: 0.6's could only raise TypeError"),
    "S09": Test(
        f"{PARAMS}test_a_damaged_or_missing_snapshot_is_made_again",
        f"{GOLDEN}test_ours_goes_on_after_truncated_parameters",
    ),
    "S10": Test(
        f"{PARAMS}test_a_bad_value_changes_nothing",
        f"{DISK}test_parameters_are_set_or_raise",
        "tests/contract/test_modes.py::test_who_asks_for_an_effect_hears_of_its_failure",
    ),
    "S11": Test(f"{PARAMS}test_the_creation_time_stays"),
    "S12": (
        _FLAGGED,
        Test("tests/durability/test_processes.py::test_no_read_of_parameters_is_empty"),
    ),
    "S13": Test(
        f"{FILES}test_a_spoilt_list_is_made_again",
        f"{FILES}test_a_folder_of_0_6_without_its_list",
        "tests/durability/test_files.py::test_a_spoilt_index_is_made_again",
    ),
    "S14": Test(
        f"{FILES}test_a_refused_write_is_typed_and_leaves_nothing",
        f"{FILES}test_an_interrupt_before_noting_leaves_nothing",
        f"{FILES}test_a_replaced_file_goes_and_nothing_with_it",
    ),
    "S15": Test("tests/unit/test_files.py::test_folders_in_a_name_join_the_folder"),
    "S16": (
        _FLAGGED,
        Test(
            f"{STORAGE}test_a_folder_of_a_longer_name_is_another",
            "tests/unit/test_files.py::test_a_glob_finds_names_and_paths",
        ),
    ),
    "S17": Test(
        "tests/unit/store/test_blobs.py::test_damaged_bytes_never_reach_the_destination",
        "tests/unit/test_files.py::test_a_damaged_file_is_not_handed_out",
    ),
    "S18": Test(
        f"{REOPENING}test_a_spoilt_snapshot_is_made_again",
        f"{STREAM}test_indexes_that_0_6_repeated_are_not_used_again",
    ),
    "S19": Test(f"{STORAGE}test_metrics", f"{VALUES}test_only_the_refused_value_is_missing"),
    "S20": Test(f"{METRIC}test_awkward_names"),
    "S21": (_FLAGGED, Test(f"{METRIC}test_windows", f"{METRIC}test_a_damaged_line")),
    "S22": Test(f"{METRIC}test_windows"),
    "S23": _FLAGGED,
    "S24": Test(f"{STORAGE}test_tracks"),
    "S25": Test(f"{BAD}test_a_bad_call_changes_nothing"),
    "S26": Test(f"{TRACKS}test_topics_never_share_a_folder", f"{TRACK}test_topics_share_nothing"),
    "S27": Test(
        f"{TRACKS}test_a_damaged_summary_is_made_again",
        f"{REOPENING}test_a_spoilt_snapshot_is_made_again",
    ),
    "S28": Test(f"{TRACK}test_fields_without_a_place_are_told"),
    "S29": Test(f"{STORAGE}test_tracks", f"{VALUES}test_only_the_refused_value_is_missing"),
    "S30": (_FLAGGED, Test(f"{TRACK}test_an_absent_track_is_empty", f"{TRACK}test_formats")),
    "S31": (_FLAGGED, Test(f"{STORAGE}test_tracks")),
    "S32": Test(
        f"{VALUES}test_only_the_refused_value_is_missing",
        "tests/unit/record/test_codec.py::test_what_is_decoded_is_what_was_encoded",
    ),
    "S33": Test(f"{STORAGE}test_flush"),
}
