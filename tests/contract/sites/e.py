"""The error sites E of 0.6.13 (experiment, run, log, parameters), and what shows them mended."""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Site, Test

DELIVERY = "tests/delivery/test_run_delivery.py::"
ENDS = "tests/durability/test_ends.py::"
EXPERIMENT = "tests/unit/test_experiment.py::"
FLAGS = "tests/contract/test_flags.py::"
MODES = "tests/contract/test_modes.py::"
REMOTE = "tests/delivery/test_experiment.py::"
RUN = "tests/unit/test_run.py::"

_FLAGGED = f"{FLAGS}test_old_with_one_warning"
_UNBUFFERED = Test(
    f"{MODES}test_without_buffering_it_is_the_same",
    f"{MODES}test_a_logging_call_raises_in_strict_mode",
    f"{MODES}test_a_logging_call_warns_in_the_other_modes",
)
_BEHIND = Test(
    f"{REMOTE}test_the_script_is_not_held_up", f"{REMOTE}test_strict_raises_at_the_next_call"
)

SITES: dict[str, Site] = {
    "E01": Test(f"{EXPERIMENT}test_old_argument_names", _FLAGGED),
    "E02": Test(f"{EXPERIMENT}test_an_unknown_keyword_is_named", _FLAGGED),
    "E03": Test(f"{EXPERIMENT}test_modes"),
    "E04": Gone("the docstring of Experiment says that a run is local unless dash_url is given"),
    "E05": Test(f"{EXPERIMENT}test_a_short_prefix_is_taken_with_a_warning", _FLAGGED),
    "E06": Test(
        "tests/unit/test_bad_input.py::test_a_bad_constructor_makes_no_run",
        "tests/unit/test_bad_input.py::test_a_bad_call_changes_nothing",
        "tests/unit/record/test_prefix.py::test_an_unsafe_prefix_is_refused",
    ),
    "E07": Test(f"{RUN}test_a_user_without_a_name", f"{RUN}test_the_users_script_is_found"),
    "E08": Test(
        f"{REMOTE}test_no_token_at_the_start",
        f"{REMOTE}test_permissive_goes_on_without_credentials",
    ),
    "E09": Test(f"{REMOTE}test_a_refused_token_at_the_start"),
    "E10": Test(
        f"{REMOTE}test_an_unreachable_server_at_the_start",
        f"{REMOTE}test_a_server_that_comes_up_during_the_start",
        f"{REMOTE}test_permissive_goes_on_without_a_server",
    ),
    "E11": Test(f"{RUN}test_a_block_inside_a_block"),
    "E12": Test(
        "tests/unit/base/test_console.py::test_say_writes_to_a_terminal_as_it_is",
        "tests/unit/base/test_console.py::test_echo_reads_no_markup",
    ),
    "E13": Test(
        f"{EXPERIMENT}test_a_run_that_is_continued_is_logged", f"{EXPERIMENT}test_reopening_appends"
    ),
    "E14": Test(
        f"{MODES}test_closing_says_what_is_lost",
        f"{DELIVERY}test_the_end_comes_last",
        f"{REMOTE}test_the_end_says_what_is_left",
    ),
    "E15": Test(f"{ENDS}test_the_end_is_recorded"),
    "E16": Test(
        f"{RUN}test_an_end_after_the_end", f"{EXPERIMENT}test_closing_twice_and_never_opened"
    ),
    "E17": Test(
        f"{MODES}test_closing_never_hides_the_exception_of_the_block",
        f"{EXPERIMENT}test_what_closing_says_never_hides_the_exception",
    ),
    "E18": Test(f"{RUN}test_a_program_that_leaves_well_has_completed"),
    "E19": Test(_FLAGGED),
    "E20": Test(
        f"{EXPERIMENT}test_a_broken_console_costs_no_record",
        "tests/durability/test_processes.py::test_a_failing_echo_costs_no_record",
    ),
    "E21": _BEHIND,
    "E22": _UNBUFFERED,
    "E23": _BEHIND,
    "E24": _UNBUFFERED,
    "E25": _UNBUFFERED,
    "E26": Gone(
        "there is no batch append helper: a point is one line and one write, buffered or not"
    ),
    "E27": Test(f"{REMOTE}test_the_script_is_not_held_up"),
    "E28": (
        Gone("params.get() reads the run's folder and asks no server, whatever the run's mode is"),
        Test(_FLAGGED, f"{FLAGS}test_siblings"),
    ),
    "E29": Test(
        f"{REMOTE}test_permissive_goes_on_without_a_server",
        f"{MODES}test_who_asks_for_an_effect_hears_of_its_failure",
    ),
    "E30": Test("tests/unit/test_files.py::test_an_upload_answers_with_the_record"),
    "E31": Gone("what a run reads it reads from its own folder, with or without a server"),
    "E32": Test(f"{DELIVERY}test_files_follow_what_happens_to_them"),
    "E33": Test(f"{EXPERIMENT}test_write_protection"),
    "E34": Test(
        f"{EXPERIMENT}test_kept_objects_refuse_after_close",
        f"{ENDS}test_handles_kept_after_close_refuse",
    ),
    "E35": Test(
        f"{EXPERIMENT}test_kept_objects_refuse_after_close", f"{EXPERIMENT}test_reopening_appends"
    ),
    "E36": Test(f"{REMOTE}test_nothing_stays_open_after_the_end"),
    "E37": Test(f"{RUN}test_the_project_root"),
    "E38": Test(
        "tests/unit/record/test_prefix.py::test_a_wrong_template_is_refused",
        "tests/unit/record/test_prefix.py::test_exp_placeholders",
    ),
    "E39": Test(
        _FLAGGED,
        f"{EXPERIMENT}test_an_empty_dictionary_of_parameters_is_told",
        "tests/unit/record/test_flatten.py::test_collisions_are_named",
    ),
    "E40": Test("tests/unit/record/test_flatten.py::test_a_key_behind_a_value_stays_as_it_is"),
    "E41": Test(
        "tests/unit/record/test_jsonable.py::test_a_plain_class_holds_its_own_public_values"
    ),
    "E42": Gone("the package checks no version of another when it is imported"),
}
