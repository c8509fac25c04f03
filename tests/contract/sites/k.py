"""The error sites K of 0.6.13, its command line, and what shows that each is mended."""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Site, Test

ACCOUNTS = "tests/cli/test_accounts.py::"
CLI = "tests/cli/test_cli.py::"
DOWN = "tests/cli/test_download.py::"
LOOK = "tests/cli/test_looking.py::"
PROJECTS = "tests/cli/test_projects.py::"
TOKENS = "tests/unit/auth/test_token_storage.py::"
UP = "tests/cli/test_upload.py::"
PARTS = "tests/unit/download/test_parts.py::"

SITES: dict[str, Site] = {
    "K01": Test(f"{UP}test_what_is_no_run_is_named", f"{UP}test_interrupted"),
    "K02": Test(f"{UP}test_what_is_no_run_is_named"),
    "K03": Test(f"{UP}test_a_folder_that_cannot_be_read"),
    "K04": Test(f"{UP}test_what_is_no_run_is_named"),
    "K05": Test(f"{UP}test_damaged_folders_of_0_6", f"{UP}test_corrupt_lines_and_missing_files"),
    "K06": Test(f"{UP}test_corrupt_lines_and_missing_files"),
    "K07": Test(f"{UP}test_all_of_a_run_arrives"),
    "K08": Test(f"{UP}test_all_of_a_run_arrives"),
    "K09": Test(f"{UP}test_all_of_a_run_arrives"),
    "K10": Test(f"{UP}test_a_failing_server_and_again"),
    "K11": Test(f"{UP}test_runs_of_one_name_and_of_several_owners"),
    "K12": Test(f"{UP}test_runs_of_one_name_and_of_several_owners"),
    "K13": Test(f"{UP}test_a_failing_server_and_again", f"{UP}test_interrupted"),
    "K14": Gone("no upload keeps a state file: cursors lie in each run's folder"),
    "K15": Test(f"{UP}test_again_sends_what_is_new"),
    "K16": Test(f"{UP}test_what_is_no_run_is_named"),
    "K17": Test(f"{UP}test_an_answer_without_an_id"),
    "K18": Test(f"{UP}test_track_file"),
    "K19": Test(f"{UP}test_damaged_folders_of_0_6"),
    "K20": Test(f"{UP}test_no_server_and_no_token"),
    "K21": Test(f"{DOWN}test_a_run_comes_back_as_it_was"),
    "K22": Test(f"{DOWN}test_a_part_that_fails"),
    "K23": Test(f"{LOOK}test_a_project_that_is_not_there", f"{DOWN}test_what_is_meant"),
    "K24": Test(f"{DOWN}test_a_run_comes_back_as_it_was"),
    "K25": Test(f"{PARTS}test_a_page_that_does_not_say_more"),
    "K26": Test(f"{DOWN}test_a_killed_download_goes_on"),
    "K27": Test(
        f"{DOWN}test_what_was_recorded_here_is_left_alone",
        f"{DOWN}test_again_fetches_what_is_new",
    ),
    "K28": Gone("no download keeps a state file: what is in the run's folder says what is missing"),
    "K29": Test(f"{DOWN}test_a_refused_token", f"{DOWN}test_a_failing_server_is_named"),
    "K30": Test(f"{PARTS}test_files_that_are_not_listed"),
    "K31": Test(f"{LOOK}test_ages"),
    "K32": Test(f"{LOOK}test_columns_and_csv", f"{LOOK}test_show"),
    "K33": Test(f"{LOOK}test_a_null_answer"),
    "K34": Test(
        f"{ACCOUNTS}test_profile_with_a_refused_token",
        f"{ACCOUNTS}test_profile_when_the_server_fails",
        f"{ACCOUNTS}test_profile_without_the_server",
    ),
    "K35": Test(f"{ACCOUNTS}test_profile_of_nobody"),
    "K36": Test(f"{PROJECTS}test_an_answer_without_a_project", f"{PROJECTS}test_create_and_remove"),
    "K37": Test(f"{PROJECTS}test_the_true_cause_is_told"),
    "K38": Test(f"{PROJECTS}test_create_and_remove"),
    "K39": Test(
        f"{PROJECTS}test_api_path",
        f"{PROJECTS}test_api_quotes",
        f"{PROJECTS}test_api_errors",
    ),
    "K40": Test(f"{ACCOUNTS}test_what_the_browser_says_is_believed"),
    "K41": Test(f"{ACCOUNTS}test_login_profile_logout"),
    "K42": Test(
        f"{TOKENS}test_a_keyring_that_keeps_the_token_at_logout_is_an_error",
        f"{ACCOUNTS}test_logout_that_cannot_be_done",
    ),
    "K43": Test(f"{CLI}test_foreseen_failure_is_three_lines", f"{LOOK}test_errors_are_json_too"),
    "K44": Gone("no command keeps a state file; cursors are appended, in each run's folder"),
    "K45": Test(f"{CLI}test_help_lists_every_command"),
}
