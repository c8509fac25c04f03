"""The loss tables: each scenario in which 0.6.13 was measured, and the test that measures it now.

A row says what is done to a run; what must come out of it is one rule for all: nothing that was
accepted is lost or doubled, nothing is unreadable, and what is refused is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.contract.sites.kinds import Later, Test

ACCOUNTS = "tests/cli/test_accounts.py::"
DELIVERY = "tests/delivery/test_run_delivery.py::"
DISK = "tests/durability/test_disk.py::"
DOWNLOADS = "tests/cli/test_download.py::"
ENDS = "tests/durability/test_ends.py::"
EXPERIMENT = "tests/delivery/test_experiment.py::"
FILES = "tests/durability/test_files.py::"
PROCESSES = "tests/durability/test_processes.py::"
SHIPPER = "tests/delivery/test_shipper.py::"
VALUES = "tests/durability/test_values.py::"
LOOKING = "tests/cli/test_looking.py::"
UPLOADS = "tests/cli/test_upload.py::"

_ANSWERS = "tests/delivery/test_answers.py::"
_DISTANT = "tests/delivery/test_distance.py::"
_LOST = f"{ENDS}test_nothing_is_lost"
_SHARED = f"{PROCESSES}test_several_writers_lose_nothing"
_MISSING = f"{VALUES}test_only_the_refused_value_is_missing"


@dataclass(frozen=True)
class Case:
    """One of the cases that a test runs over.

    Attributes:
        test: Its name.
        names: The names of the cases; each must be one that the scenarios know.
    """

    test: str
    names: tuple[str, ...]

    def __init__(self, test: str, *names: str) -> None:
        """Take a test and names of its cases."""
        object.__setattr__(self, "test", test)
        object.__setattr__(self, "names", names)


Loss = Case | Test | Later

COUNTS = {"C.1": 18, "C.2": 22, "C.3": 7, "C.4": 7, "C.5": 19, "C.6": 21}
"""How many rows each table has: the tables are closed."""

LOSSES: dict[str, Loss] = {
    # -- how the process ends
    "C.1 normal close": Case(_LOST, "normal close"),
    "C.1 exception inside the block": Case(_LOST, "exception", "started, uncaught exception"),
    "C.1 sys.exit(3) inside the block": Case(_LOST, "sys.exit(3)"),
    "C.1 metrics.flush() before close": Case(_LOST, "metrics.flush() before close"),
    "C.1 one second idle before close": Case(_LOST, "one second idle before close"),
    "C.1 exp.flush() before close": Case(_LOST, "exp.flush() before close"),
    "C.1 started, never completed": Case(_LOST, "started, never completed, script ends"),
    "C.1 os._exit(0)": Case(_LOST, "os._exit(0)"),
    "C.1 kill -9": Case(_LOST, "kill -9 after logging"),
    "C.1 SIGTERM": Case(_LOST, "SIGTERM inside with", "SIGTERM outside with"),
    "C.1 complete() in atexit": Case(_LOST, "complete() in atexit, 300"),
    "C.1 atexit, a file pending": Case(_LOST, "complete() in atexit, a file pending"),
    "C.1 batch sizes raised": Case(_LOST, "batch sizes raised to 10,000"),
    "C.1 buffering disabled": Case(
        _LOST, "buffering disabled, normal close", "buffering disabled, kill -9"
    ),
    "C.1 each kind alone": Case(
        _LOST,
        "metrics alone, normal close",
        "logs alone, normal close",
        "tracks alone, normal close",
    ),
    "C.1 from 50 to 5,000 items a second": Test(f"{ENDS}test_no_rate_loses_anything"),
    "C.1 killed while logging slowly": Test(
        "tests/durability/test_kills.py::test_no_kill_loses_an_acknowledged_record"
    ),
    "C.1 documents after kill -9": Test(
        "tests/durability/test_kills.py::test_no_kill_loses_an_acknowledged_record"
    ),
    # -- what the server does
    "C.2 healthy": Test(f"{EXPERIMENT}test_a_run_is_delivered"),
    "C.2 500 for 3 s": Test(f"{SHIPPER}test_an_outage_is_told_once"),
    "C.2 connection reset for 3 s": Test(f"{DELIVERY}test_a_broken_answer_doubles_nothing"),
    "C.2 429 with Retry-After": Test(
        f"{_ANSWERS}test_a_server_that_is_busy_is_left_alone_as_long_as_it_says"
    ),
    "C.2 HTML with status 200": Test(f"{DELIVERY}test_a_broken_answer_doubles_nothing"),
    "C.2 empty object with status 200": Test(f"{_ANSWERS}test_a_yes_that_counts_nothing_is_no_yes"),
    "C.2 stores the batch, then resets": Test(f"{DELIVERY}test_a_broken_answer_doubles_nothing"),
    "C.2 hangs from 3 s to 6 s": Test(f"{EXPERIMENT}test_the_script_is_not_held_up"),
    "C.2 hangs from 3 s on": Test(f"{SHIPPER}test_handing_over_ends_in_time"),
    "C.2 401 from 3 s on": Test(f"{SHIPPER}test_refused_credentials_halt"),
    "C.2 500 on everything from 3 s on": Test(f"{EXPERIMENT}test_the_end_says_what_is_left"),
    "C.2 hybrid, 500 for 3 s": Test(f"{EXPERIMENT}test_a_flush_with_a_deadline"),
    "C.2 hybrid, hang from 3 s to 6 s": Test(f"{EXPERIMENT}test_the_script_is_not_held_up"),
    "C.2 at opening": Test(
        f"{EXPERIMENT}test_an_unreachable_server_at_the_start",
        f"{EXPERIMENT}test_a_refused_token_at_the_start",
        f"{EXPERIMENT}test_no_token_at_the_start",
        f"{EXPERIMENT}test_permissive_goes_on_without_a_server",
    ),
    "C.2 50 ms and 100 ms": Test(f"{_DISTANT}test_a_distant_server_gets_all"),
    "C.2 200 ms": Test(f"{_DISTANT}test_a_distant_server_gets_all"),
    "C.2 300 ms": Test(f"{_DISTANT}test_a_distant_server_gets_all"),
    "C.2 100 ms, 5 metrics": Test(f"{_DISTANT}test_five_metrics_from_afar"),
    "C.2 a file that takes 8 s": Test(f"{_DISTANT}test_a_slow_file_loses_nothing"),
    "C.2 unbuffered calls while it hangs": Test(f"{EXPERIMENT}test_the_script_is_not_held_up"),
    "C.2 Ctrl-C during a hanging close": Test(
        f"{_DISTANT}test_ctrl_c_while_a_close_hangs_loses_nothing"
    ),
    "C.2 flush() with a batch in flight": Test(f"{SHIPPER}test_handing_over_waits"),
    # -- special values
    "C.3 NaN and the infinities": Case(_MISSING, "NaN", "+Inf", "-Inf", "numpy float64 NaN"),
    "C.3 numpy float64": Case(_MISSING, "numpy float64"),
    "C.3 other values of numpy": Case(
        _MISSING,
        "numpy float32",
        "numpy int64",
        "numpy bool",
        "numpy array",
        "numpy 2-d array",
        "numpy 0-d array",
        "numpy array with NaN",
        "dict holding a numpy scalar",
    ),
    "C.3 bytes, datetime and other objects": Case(
        _MISSING,
        "bytes",
        "datetime",
        "Decimal",
        "set",
        "complex",
        "Path",
        "Enum",
        "object",
    ),
    "C.3 dict with tuple keys": Case(_MISSING, "dict with tuple keys"),
    "C.3 unpaired surrogate": Case(_MISSING, "unpaired surrogate"),
    "C.3 plain values": Case(
        _MISSING, "huge integer", "None", "text", "bool", "list", "dict with integer keys"
    ),
    # -- a disk that refuses
    "C.4 full disk, metric": Case(f"{DISK}test_a_full_disk_loses_nothing", "metric"),
    "C.4 full disk, log": Case(f"{DISK}test_a_full_disk_loses_nothing", "log"),
    "C.4 full disk, track": Case(f"{DISK}test_a_full_disk_loses_nothing", "track"),
    "C.4 full disk, parameters": Case(f"{DISK}test_parameters_are_set_or_raise", "disk full"),
    "C.4 full disk, file": Case(f"{DISK}test_a_file_is_stored_or_raises", "disk full"),
    "C.4 read-only at opening": Test(
        f"{DISK}test_opening_where_nothing_can_be_written_is_an_error"
    ),
    "C.4 read-only in mid-run": Case(
        f"{DISK}test_an_outage_of_any_cause_loses_nothing", "read-only folder", "permission lost"
    ),
    # -- threads, processes, forks
    "C.5 2 threads, one metric": Case(_SHARED, "2 threads, one metric"),
    "C.5 2 threads, logs": Case(_SHARED, "2 threads, logs"),
    "C.5 2 threads, new names": Case(_SHARED, "2 threads, 2,000 new names each"),
    "C.5 2 threads, one topic": Case(_SHARED, "2 threads, one topic, and flushes"),
    "C.5 1 thread, one topic": Case(_LOST, "tracks alone, normal close"),
    "C.5 1 thread, 20,000 entries a second": Case(_LOST, "tracks alone, normal close"),
    "C.5 2 threads, 70,000 entries a second": Case(_SHARED, "2 threads, one topic, and flushes"),
    "C.5 2 threads, unbuffered": Case(_SHARED, "2 threads, unbuffered"),
    "C.5 2 processes on one experiment": Case(_SHARED, "2 processes, every kind and parameters"),
    "C.5 parameters: 2 writers, 1 reader": Test(f"{PROCESSES}test_no_read_of_parameters_is_empty"),
    "C.5 summary while another buffers": Case(
        _SHARED, "values buffered while others are summarised"
    ),
    "C.5 fork, child completes": Test(
        f"{PROCESSES}test_a_forked_child_loses_nothing_and_ends_nothing"
    ),
    "C.5 multiprocessing, 4 workers": Test(
        f"{PROCESSES}test_workers_of_multiprocessing_lose_nothing"
    ),
    "C.5 fork, child flushes": Test(
        f"{PROCESSES}test_a_forked_child_loses_nothing_and_ends_nothing"
    ),
    "C.5 50 queued at fork, both flush": Case(_SHARED, "50 records at a fork, both sides flush"),
    "C.5 remote, child completes": Test(f"{EXPERIMENT}test_a_child_that_outlives_nothing"),
    "C.5 20,000 ids in parent and child": Test(f"{PROCESSES}test_ids_differ_after_a_fork"),
    "C.5 150 forks while a thread logs": Case(_SHARED, "150 forks while a thread logs"),
    "C.5 stdout that nobody reads": Test(f"{PROCESSES}test_a_failing_echo_costs_no_record"),
    # -- files and the command line
    "C.6 source below the temporary directory": Test(f"{FILES}test_a_users_file_is_never_deleted"),
    "C.6 one path rewritten between uploads": Test(f"{FILES}test_a_path_rewritten_between_uploads"),
    "C.6 duplicate": Test(f"{FILES}test_results_of_saving_can_be_duplicated"),
    "C.6 remote exists": Test("tests/unit/test_files.py::test_what_is_not_there"),
    "C.6 delete with a pattern": Test(
        "tests/unit/test_files.py::test_a_glob_finds_names_and_paths"
    ),
    "C.6 corrupt file index": Test(f"{FILES}test_a_spoilt_index_is_made_again"),
    "C.6 flush thread killed": Test(
        "tests/contract/test_modes.py::test_warnings_as_errors_lose_nothing",
        f"{PROCESSES}test_a_failing_echo_costs_no_record",
    ),
    "C.6 values never summarised": Test(f"{ENDS}test_values_never_summarised_are_told"),
    "C.6 handles kept after close": Test(f"{ENDS}test_handles_kept_after_close_refuse"),
    "C.6 upload, every request 500": Test(f"{UPLOADS}test_a_failing_server_and_again"),
    "C.6 upload, tracks": Test(f"{UPLOADS}test_all_of_a_run_arrives"),
    "C.6 upload, two runs of one name": Test(
        f"{UPLOADS}test_runs_of_one_name_and_of_several_owners",
    ),
    "C.6 upload, two owners": Test(f"{UPLOADS}test_runs_of_one_name_and_of_several_owners"),
    "C.6 upload, --resume": Test(
        f"{UPLOADS}test_a_failing_server_and_again",
        f"{UPLOADS}test_interrupted",
        f"{UPLOADS}test_again_sends_what_is_new",
    ),
    "C.6 upload, corrupt lines": Test(
        f"{UPLOADS}test_corrupt_lines_and_missing_files",
        f"{UPLOADS}test_damaged_folders_of_0_6",
    ),
    "C.6 download": Test(f"{DOWNLOADS}test_a_run_comes_back_as_it_was"),
    "C.6 download of an unknown project": Test(f"{DOWNLOADS}test_what_cannot_be_fetched"),
    "C.6 download --tracks, 401, 500, reset": Test(
        f"{DOWNLOADS}test_a_refused_token",
        f"{DOWNLOADS}test_a_failing_server_is_named",
    ),
    "C.6 list --json": Test(f"{LOOKING}test_columns_and_csv"),
    "C.6 profile --json, 401, 500, reset": Test(
        f"{ACCOUNTS}test_profile_with_a_refused_token",
        f"{ACCOUNTS}test_profile_when_the_server_fails",
    ),
    "C.6 logout, failing keyring": Test(f"{ACCOUNTS}test_logout_that_cannot_be_done"),
}
