"""The error sites F of 0.6.13, its files, and what shows that each is mended."""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Site, Test

FILES = "tests/unit/test_files.py::"
FLAGS = "tests/contract/test_flags.py::"
KEPT = "tests/durability/test_files.py::"

_FLAGGED = Test(f"{FLAGS}test_old_with_one_warning", f"{FLAGS}test_siblings")

SITES: dict[str, Site] = {
    "F01": (_FLAGGED, Test(f"{FILES}test_an_unknown_option_is_named_once")),
    "F02": Test(
        f"{FILES}test_saving_needs_no_room_elsewhere",
        f"{FILES}test_a_refused_write_while_saving_is_typed",
        f"{FILES}test_values_that_cannot_be_written_store_nothing",
    ),
    "F03": Test(f"{FILES}test_save_takes_what_0_6_took"),
    "F04": Test(f"{FILES}test_folders_in_a_name_join_the_folder"),
    "F05": Test(f"{FILES}test_folders_in_a_name_join_the_folder"),
    "F06": Test(
        f"{KEPT}test_a_path_rewritten_between_uploads",
        f"{KEPT}test_a_source_that_goes_or_changes_after_the_call",
    ),
    "F07": Test(
        f"{KEPT}test_results_of_saving_can_be_duplicated", f"{FILES}test_a_copy_of_an_answer"
    ),
    "F08": (_FLAGGED, Test(f"{FILES}test_an_unreadable_list")),
    "F09": (
        Test(f"{FILES}test_a_glob_finds_names_and_paths"),
        Gone("paths and globs are looked up in the run's own list, never in a server's reply"),
    ),
    "F10": (_FLAGGED, Test(f"{FILES}test_one_file_among_several_of_its_name")),
    "F11": Test(
        f"{FILES}test_equal_names_do_not_overwrite_each_other",
        f"{FILES}test_a_name_that_is_also_a_kept_folder",
    ),
    "F12": Test(f"{FILES}test_updating_one_field_keeps_the_others"),
    "F13": Test(f"{FILES}test_numbers_become_pixels", f"{FILES}test_arrays_that_are_no_images"),
    "F14": Test(f"{FILES}test_an_encoder_that_fails_is_typed"),
    "F15": Test(f"{FILES}test_options_are_defaults_for_what_is_said"),
    "F16": Gone("reading and copying within a run make no temporary file"),
    "F17": Test("tests/unit/base/test_ids.py::test_threads_never_get_one_id_twice"),
}
