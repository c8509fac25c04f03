"""The error sites A of 0.6.13: tokens, configuration, auto-start, ids, and what mends each."""

from __future__ import annotations

from tests.contract.sites.kinds import Site, Test

AUTO = "tests/unit/test_auto_start.py::"
CONFIG = "tests/unit/test_config.py::"
FLAGS = "tests/contract/test_flags.py::"
FLOW = "tests/unit/auth/test_device_flow.py::"
IDS = "tests/unit/test_snowflake.py::"
TOKENS = "tests/unit/auth/test_token_storage.py::"

_FLAGGED = Test(f"{FLAGS}test_old_with_one_warning", f"{FLAGS}test_siblings")

SITES: dict[str, Site] = {
    "A01": Test(
        f"{AUTO}test_import_touches_nothing",
        f"{AUTO}test_failing_lookup_falls_back",
        f"{AUTO}test_failing_lookup_in_strict_mode",
    ),
    "A02": Test(
        "tests/contract/test_modes.py::test_what_closing_at_exit_meets_is_told",
        "tests/durability/test_ends.py::test_nothing_is_lost",
    ),
    "A03": Test("tests/unit/test_run.py::test_the_server_of_the_environment"),
    "A04": Test(f"{IDS}test_a_clock_that_goes_back_repeats_nothing"),
    "A05": Test(
        f"{IDS}test_a_forked_child_never_repeats_its_parents_ids",
        f"{IDS}test_a_child_with_a_distance_of_1024_takes_another_worker",
    ),
    "A06": (
        _FLAGGED,
        Test(
            f"{CONFIG}test_a_damaged_file_is_moved_aside_not_overwritten",
            f"{CONFIG}test_what_cannot_be_read_is_moved_aside_too",
        ),
    ),
    "A07": Test(
        f"{CONFIG}test_a_full_disk_leaves_the_file_whole",
        f"{CONFIG}test_a_failed_change_changes_nothing",
        f"{CONFIG}test_changes_are_saved_at_once",
    ),
    "A08": Test(
        f"{TOKENS}test_a_keyring_that_keeps_the_token_at_logout_is_an_error",
        f"{TOKENS}test_a_forgotten_token_is_found_nowhere",
    ),
    "A09": Test(
        f"{TOKENS}test_a_keyring_that_refuses_is_passed_over_loudly",
        f"{TOKENS}test_a_login_from_before_a_better_store_is_found",
        f"{TOKENS}test_a_damaged_key_is_a_typed_error",
        f"{TOKENS}test_the_log_says_why_a_store_is_not_used",
    ),
    "A10": (_FLAGGED, Test(f"{TOKENS}test_a_malformed_token_is_empty_or_an_error")),
    "A11": (
        _FLAGGED,
        Test(
            f"{TOKENS}test_a_damaged_file_is_moved_aside_at_the_next_store",
            f"{TOKENS}test_a_file_that_cannot_be_read_stays_where_it_is",
        ),
    ),
    "A12": Test(
        f"{TOKENS}test_a_lost_key_is_told_and_never_replaced",
        f"{TOKENS}test_a_store_with_a_lost_key_is_passed_over_loudly",
    ),
    "A13": Test(
        f"{FLOW}test_waiting_ends",
        f"{FLOW}test_a_poll_that_ends_badly",
        f"{FLOW}test_a_service_that_is_gone_is_an_error_in_the_end",
    ),
    "A14": Test(f"{FLOW}test_an_exchange_that_fails"),
}
