"""The audit's own lines: each rests on the sites that it talks about.

C, H, W and OK number the rows of the audit's four tables (critical, high, medium, acceptable) from
the top; P0, P1 and P2 are its priority fixes, Q its open questions, BA its before/after example.
"""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Later, Site, Test

AUTH = "tests/unit/auth/test_token_storage.py::"
DELIVERY = "tests/delivery/test_experiment.py::"
DISK = "tests/durability/test_disk.py::"
FLAGS = "tests/contract/test_flags.py::"
MODES = "tests/contract/test_modes.py::"
SHIPPER = "tests/delivery/test_shipper.py::"

_FLAGGED = Test(f"{FLAGS}test_old_with_one_warning", f"{FLAGS}test_siblings")
_AT_EXIT = Test(f"{MODES}test_what_closing_at_exit_meets_is_told")
_NO_BROAD = "tests/repo/test_habits.py::test_broad_handlers_have_one_home"
_REFUSED = (
    f"{MODES}test_a_logging_call_raises_in_strict_mode",
    f"{MODES}test_a_logging_call_warns_in_the_other_modes",
)
_OUTAGE = (
    f"{SHIPPER}test_an_outage_is_told_once",
    f"{DELIVERY}test_strict_raises_at_the_next_call",
)

SITES: dict[str, Site] = {
    "C1": (
        Test(_NO_BROAD),
        Later("issue 6: upload names each run whose prefix cannot be read, and exits with 3"),
    ),
    "C2": (
        Test(_NO_BROAD),
        Later("issue 6: list shows a time that it cannot read as it is, and logs why"),
    ),
    "C3": _AT_EXIT,
    "C4": Test("tests/durability/test_files.py::test_a_users_file_is_never_deleted"),
    "C5": _AT_EXIT,
    "C6": Gone("giving a lock back is not guarded: what it raises is raised, and none is removed"),
    "C7": Test(f"{AUTH}test_a_keyring_that_keeps_the_token_at_logout_is_an_error"),
    "H1": (_FLAGGED, Test("tests/unit/remote/test_nodes.py::test_project_ids")),
    "H2": _FLAGGED,
    "H3": Later("issue 6: profile says what the server answered, and exits with 1 or 4"),
    "H4": (_FLAGGED, Test(f"{AUTH}test_a_damaged_file_is_moved_aside_at_the_next_store")),
    "H5": (_FLAGGED, Test("tests/unit/test_files.py::test_an_unreadable_list")),
    "W1": Test(*_REFUSED, *_OUTAGE),
    "W2": Test(*_REFUSED, *_OUTAGE),
    "W3": Test(*_REFUSED, *_OUTAGE),
    "W4": Test(
        f"{MODES}test_closing_says_what_is_lost", f"{DELIVERY}test_the_end_says_what_is_left"
    ),
    "W5": Test(*_REFUSED, f"{MODES}test_without_buffering_it_is_the_same"),
    "W6": Test(f"{DELIVERY}test_a_refused_record_is_told", *_OUTAGE),
    "W7": Test(*_REFUSED, f"{MODES}test_without_buffering_it_is_the_same"),
    "OK1": Gone("no lock file is cleaned up: a lock is held on the file that it protects"),
    "OK2": Test("tests/unit/store/test_blobs.py::test_a_failed_copy_leaves_nothing"),
    "OK3": Test("tests/cli/test_accounts.py::test_what_the_browser_says_is_believed"),
    "OK4": Test(
        "tests/cli/test_download.py::test_a_refused_token",
        "tests/cli/test_download.py::test_a_failing_server_is_named",
    ),
    "P0-1": Test(
        *_REFUSED,
        f"{MODES}test_flush_that_cannot_write_says_how_much_waits",
        f"{MODES}test_repeats_are_folded_with_a_count",
        *_OUTAGE,
    ),
    "P0-2": Test(_NO_BROAD),
    "P0-3": _FLAGGED,
    "P1-1": _FLAGGED,
    "P1-2": _FLAGGED,
    "P2-1": Test(f"{MODES}test_closing_says_what_is_lost", _NO_BROAD),
    "P2-2": Test(f"{MODES}test_a_logging_call_warns_in_the_other_modes"),
    "Q3": Test(
        "tests/unit/remote/test_retry.py::test_passing_failure_is_retried",
        f"{SHIPPER}test_an_outage_is_told_once",
    ),
    "Q4": Test(
        f"{DISK}test_a_full_disk_loses_nothing",
        f"{DELIVERY}test_a_spooled_run_stays_while_something_is_owed",
    ),
    "BA": Test(f"{DELIVERY}test_a_refused_record_is_told", *_OUTAGE),
}
