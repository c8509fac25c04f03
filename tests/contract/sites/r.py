"""The error sites R of 0.6.13, its client, and what shows that each is mended."""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Site, Test

CLIENT = "tests/unit/test_client.py::"
ERRORS = "tests/unit/remote/test_errors.py::"
FLAGS = "tests/contract/test_flags.py::"
NODES = "tests/unit/remote/test_nodes.py::"
QUERIES = "tests/unit/remote/test_queries.py::"
RECORDS = "tests/unit/remote/test_records.py::"
RETRY = "tests/unit/remote/test_retry.py::"
TRANSFERS = "tests/unit/remote/test_transfers.py::"
TRANSPORT = "tests/unit/remote/test_transport.py::"

_FLAGGED = Test(f"{FLAGS}test_old_with_one_warning", f"{FLAGS}test_siblings")

SITES: dict[str, Site] = {
    "R01": (_FLAGGED, Test(f"{CLIENT}test_failure_is_logged_and_not_kept")),
    "R02": (_FLAGGED, Test(f"{CLIENT}test_nobody_is_logged_in")),
    "R03": Test(f"{NODES}test_namespace_failure_is_not_kept", f"{NODES}test_unknown_namespace"),
    "R04": (
        _FLAGGED,
        Test(f"{QUERIES}test_whatever_happens_to_user_and_project", f"{QUERIES}test_current_user"),
    ),
    "R05": (_FLAGGED, Test(f"{NODES}test_project_ids", f"{NODES}test_unknown_namespace")),
    "R06": Test(f"{NODES}test_answer_without_id_stops"),
    "R07": Test(f"{NODES}test_answer_without_id_stops"),
    "R08": Test(f"{TRANSFERS}test_upload_below_a_missing_run"),
    "R09": Test(
        f"{TRANSFERS}test_a_run_that_was_not_found_is_looked_up_again",
        f"{TRANSFERS}test_folders_are_remembered",
    ),
    "R10": Test(f"{TRANSFERS}test_server_that_holds_something_else"),
    "R11": Test(
        f"{TRANSFERS}test_upload_holds_no_file_in_memory",
        f"{TRANSFERS}test_upload_is_repeated_whole",
    ),
    "R12": Test(f"{TRANSFERS}test_upload_refused_at_once"),
    "R13": Test(f"{QUERIES}test_files_by_folder_and_tag", f"{QUERIES}test_files_of_an_unknown_run"),
    "R14": Test(
        f"{TRANSFERS}test_wrong_content_leaves_the_old_file",
        f"{TRANSFERS}test_failed_transfer_leaves_the_old_file",
    ),
    "R15": Test(
        f"{TRANSFERS}test_unverified_download_is_said",
        f"{TRANSFERS}test_name_from_the_server_stays_here",
        f"{TRANSFERS}test_interrupted_transfer_goes_on",
    ),
    "R16": (_FLAGGED, Test(f"{QUERIES}test_graphql_errors")),
    "R17": (_FLAGGED, Test(f"{QUERIES}test_answer_that_lacks_what_was_asked")),
    "R18": (_FLAGGED, Test(f"{RECORDS}test_metric_readers")),
    "R19": Test(
        f"{TRANSPORT}test_building_touches_nothing", f"{TRANSPORT}test_client_works_after_close"
    ),
    "R20": Test(f"{RETRY}test_passing_failure_is_retried", f"{RETRY}test_hang_becomes_a_timeout"),
    "R21": Test(f"{RECORDS}test_metric_names", f"{TRANSPORT}test_route_quotes"),
    "R22": Test(f"{NODES}test_run_in_folders", f"{TRANSFERS}test_changing_a_file"),
    "R23": Test(f"{RECORDS}test_track_questions_that_the_wire_lacks"),
    "R24": (
        Test(f"{CLIENT}test_token_is_looked_up_late"),
        Gone("a client reads no store and no home folder before its first request"),
    ),
    "R25": Test(
        f"{ERRORS}test_status_has_one_of_ours", f"{ERRORS}test_status_that_callers_tell_apart"
    ),
}
