"""No error of the package ends without a word: whoever swallows one says why here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repo.silence import logs_without_error, logs_without_fields, silent_places

PACKAGE = Path(__file__).parents[2] / "src" / "ml_dash"
ALLOWED = {
    "_base/around.py": {
        "_place_of: ValueError": "a function written in C shows no signature: its argument cannot "
        "be given",
    },
    "_base/chosen.py": {
        "_pyproject: OSError": "a pyproject.toml that is not ours to see is looked for further up",
        "_starts: OSError": "a working directory that is gone holds no pyproject.toml",
    },
    "_base/clock.py": {
        "seconds_of: (ValueError, OverflowError, OSError)": "a text that says no time gives none",
    },
    "_base/fsio.py": {
        "<module>: ImportError": "a platform without flock; the threads of one process have locks "
        "of their own",
    },
    "_delivery/account.py": {
        "_logged_at_s: ValueError": "a damaged line has no time; its lane tells of it",
    },
    "_delivery/beside.py": {
        "verdicts: Empty": "all that there is to tell has been told",
    },
    "_delivery/checkup.py": {
        "look_at_server: MLDashError": "the error is what was found, and is printed",
    },
    "_delivery/identity.py": {
        "place_of: (FileNotFoundError, NotADirectoryError, CorruptDataError)": "where no notes "
        "can be read there is no original, and the folder was moved",
    },
    "_delivery/prune.py": {
        "_remove_empty: OSError": "a folder with another run in it stays; other errors are raised",
    },
    "_delivery/room.py": {
        "_data_of: (ValueError, KeyError, TypeError)": "a damaged line weighs nothing here; its "
        "lane tells of it",
    },
    "_delivery/run_delivery.py": {
        "_is_at_home: RunCopiedError": "it becomes a verdict, which is told as any other",
    },
    "_delivery/sending.py": {
        "_part: MLDashError": "the batch is sent by itself, where the same error is met and judged",
    },
    "_delivery/sinks.py": {
        "_spliced: ValueError": "a line that we did not write is decoded and encoded instead",
        "date_of: (ValueError, TypeError)": "a header without a time gives no time",
    },
    "_delivery/small_files.py": {
        "_small: (MLDashError, OSError)": "the file is sent by itself, where the same error is met "
        "and judged",
    },
    "_delivery/status.py": {
        "says_end: (ValueError, KeyError, TypeError)": "a line that is no record ends no run",
    },
    "_delivery/times.py": {
        "times_of: KeyError": "points whose lines say no time are sent without, as by 0.6",
    },
    "_delivery/uploads.py": {
        "_upload: InvalidFileError": "a file that was replaced or deleted meanwhile has an "
        "event of its own, which comes later",
    },
    "_file_content.py": {
        "_is_path: (OSError, ValueError)": "a text that cannot be a path is no path",
    },
    "_record/aggregate.py": {
        "_sum: OverflowError": "the sum is made again on scaled numbers",
        "_unscaled: OverflowError": "a sum beyond the floats is infinite, which is its value",
    },
    "_record/codec.py": {
        "_dumps_tolerant: UnicodeEncodeError": "written again with escapes",
        "_encode_plain: TypeError": "written again by the tolerant encoder, which raises what it "
        "cannot write",
        "decode: orjson.JSONDecodeError": "read again by the tolerant decoder, which raises",
    },
    "_record/jsonable.py": {
        "_joined: UnicodeEncodeError": "half characters are joined; a lone half stays, escaped",
    },
    "_remote/calls.py": {
        "encoded: TypeError": "encoded again the slow way, which raises",
    },
    "_remote/errors.py": {
        "retry_after_s: ValueError": "the header may hold a date instead",
        "retry_after_s: (ValueError, TypeError, OverflowError)": "a header without a time asks for "
        "nothing",
        "_status_text: ValueError": "a status without a name is told as its number",
    },
    "_remote/resuming.py": {
        "_look: NetworkError": "where nobody answers, the next request meets the same, and tells",
        "_said: ValueError": "a refusal that is no JSON says nothing more than its status",
    },
    "_remote/transport.py": {
        "_read_some: (httpx.TransportError, httpx.DecodingError)": "the text of the error that is "
        "raised says that its rest is missing",
    },
    "_remote/users.py": {
        "get_current_user_or_none: NotAuthenticatedError": "without a token there is no user: that "
        "is what None means there",
    },
    "_store/blobs.py": {
        "_clone: OSError": "file systems that share no blocks get a copy",
    },
    "_store/descriptors.py": {
        "<module>: ImportError": "a platform that tells no limit; a low one is taken",
    },
    "_store/logs.py": {
        "_is_record: CorruptDataError": "the caller keeps all such lines aside, and logs it once",
    },
    "_store/stream.py": {
        "_is_record: ValueError": "that is the question",
        "number_of: (ValueError, KeyError, TypeError)": "a line without a number; who reads the "
        "line tells that it is damaged",
    },
    "_track_formats.py": {
        "_column: (pa.ArrowInvalid, pa.ArrowTypeError)": "a column of mixed kinds is written as "
        "floats or texts",
    },
    "auth/login.py": {
        "claims: MalformedTokenError": "a token that is no JWT says nothing of itself",
    },
    "auth/token_storage.py": {
        "token_key: (ValueError, TypeError)": "ends in the ConfigurationError below, without a "
        "cause that may show a password",
    },
    "cli_commands/download.py": {
        "_fetch: MLDashError": "told at once, counted, and part of the exit code",
    },
    "cli_commands/login.py": {
        "_show_qr: ModuleNotFoundError": "the address is printed above it",
    },
    "cli_commands/profile.py": {
        "_user: (KeyError, OSError)": "a user that the system has no name for",
    },
    "cli_commands/rejected.py": {
        "_refused: (MLDashError, OSError)": "told at once, and part of the exit code",
    },
    "cli_commands/upload.py": {
        "_send: (MLDashError, OSError)": "told at once, counted, and part of the exit code",
    },
    "config.py": {
        "_default_dir: RuntimeError": "importing works without a home; the first use of the folder "
        "raises",
    },
    "download/fetching.py": {
        "_noted: (FileNotFoundError, ValueError, TypeError, KeyError)": "a folder without a w"
        "hole note was not downloaded",
    },
    "migrate/arguments.py": {
        "_is_number: ValueError": "whether a text is a number is the question",
    },
    "migrate/check.py": {
        "_read_one: RecursionError": "told as a file that was passed over",
    },
    "migrate/damage.py": {
        "_json: (FileNotFoundError, ValueError)": "what is no JSON is what is being looked for",
        "_read: ValueError": "counted, and told as damage",
        "readable_part: ValueError": "here the readable part ends",
    },
    "migrate/fix.py": {
        "fix_all: RecursionError": "told as a file that was passed over",
        "why_not: OSError": "the answer says that git is not there",
    },
    "migrate/members.py": {
        "_quoted: SyntaxError": "a text in a Literal is no annotation, and says nothing of types",
    },
    "migrate/rehearsal.py": {
        "_end: ProcessLookupError": "what is to be ended has just ended",
        "_run: subprocess.TimeoutExpired": "told as a program that takes too long",
    },
    "migrate/report.py": {
        "_of_json: ValueError": "a line of a log that only begins like JSON",
    },
    "run.py": {
        "_login_name: (ImportError, KeyError, OSError)": "a user without a name has none; what "
        "needs the name raises",
    },
    "runs/run.py": {
        "moment: ValueError": "a text that is no moment has no time",
    },
    "runs/where.py": {
        "_holds: TypeError": "what cannot be compared is neither below nor above",
        "reckon: (TypeError, ZeroDivisionError, OverflowError)": "what cannot be recko"
        "ned with is missing",
    },
    "server/launch.py": {
        "_ended_by_sigterm: _ToldToEnd": "no error: the server was told to end, and did",
    },
    "server/points/columns.py": {
        "_is_text: UnicodeEncodeError": "that is the question",
        "as_float: OverflowError": "an int beyond the floats is infinite in a column of floats",
        "as_floats: OverflowError": "converted again one by one",
    },
    "server/query/view.py": {
        "_or_none: MissingError": "what is not there is null in GraphQL",
    },
    "server/records/logs.py": {
        "microseconds: (ValueError, OverflowError)": "a text without a time gives no time; the "
        "text itself is kept",
    },
    "server/web/bundle.py": {
        "_stored_together: errors.FORESEEN": "each part is stored by itself then, and meets its "
        "own",
    },
    "server/web/track_table.py": {
        "_can_be_written: NotImplementedError": "that is the question",
        "_joined: _CANNOT": "a column of mixed kinds is written as JSON",
        "_type_of: _CANNOT": "a column of mixed kinds is written as floats or JSON",
        "array: _CANNOT": "numbers that no float is exactly are written as the nearest",
    },
    "upload/track_file.py": {
        "_entries: CorruptDataError": "kept in the answer, with its line",
    },
}
"""For each file its silent places, and why they may be silent."""


def found() -> dict[str, set[str]]:
    """Return the silent places of the package by file."""
    places = {
        path.relative_to(PACKAGE).as_posix(): set(silent_places(path))
        for path in PACKAGE.rglob("*.py")
        if path.name != "policy.py"  # the place that decides
    }
    return {name: each for name, each in places.items() if each}


def test_every_silent_place_has_its_reason() -> None:
    """A new one fails here; so does a reason whose place is gone."""
    assert found() == {name: set(reasons) for name, reasons in ALLOWED.items()}


@pytest.mark.parametrize(
    ("code", "silent"),
    [
        ("try: f()\nexcept OSError: pass", ["<module>: OSError"]),
        ("def g():\n try: f()\n except: return None", ["g: everything"]),
        ("def g():\n try: f()\n except OSError: return", ["g: OSError"]),
        ("def g():\n try: f()\n except (OSError, KeyError): return []", ["g: (OSError, KeyError)"]),
        ("for x in y:\n try: f()\n except OSError: continue", ["<module>: OSError"]),
        ("with contextlib.suppress(OSError): f()", ["<module>: OSError"]),
        ("def g():\n try: f()\n except OSError:\n  if x: return {}\n  raise", ["g: OSError"]),
        ("try: x = f()\nexcept OSError: x = 3", ["<module>: OSError"]),
        ("try: x = f()\nexcept OSError as e: x = 3", ["<module>: OSError"]),
        ("try: x = f()\nexcept OSError as e: x = e", []),
        ("def g():\n try: f()\n except OSError: _log.debug('x')", ["g: OSError"]),
        ("def g():\n try: f()\n except FileNotFoundError: return None", []),
        ("def g():\n try: f()\n except OSError as e:\n  _log.error('%s', e)\n  return None", []),
        ("def g():\n try: f()\n except OSError as e: raise X from e", []),
    ],
)
def test_the_search_finds(code: str, silent: list[str], tmp_path: Path) -> None:
    """Each way of swallowing, and none of the ways of telling."""
    (tmp_path / "code.py").write_text(code)
    assert list(silent_places(tmp_path / "code.py")) == silent


def test_a_log_call_shows_the_error_at_hand(tmp_path: Path) -> None:
    """Its text or its traceback: a message alone hides what happened."""
    code = tmp_path / "code.py"
    code.write_text("try: f()\nexcept OSError as error: _log.warning('failed')\n")
    assert list(logs_without_error(code)) == ["line 2"]
    code.write_text("try: f()\nexcept OSError as error: _log.warning('failed: %s', error)\n")
    assert list(logs_without_error(code)) == []
    hidden = {path.name: list(logs_without_error(path)) for path in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in hidden.items() if lines} == {}


def test_a_log_call_carries_fields(tmp_path: Path) -> None:
    """Programs read fields, not messages; what is only for debugging may do without."""
    code = tmp_path / "code.py"
    code.write_text("_log.warning('failed')\n_log.info('x', extra=about('y'))\n_log.debug('z')\n")
    assert list(logs_without_fields(code)) == ["line 1"]
    bare = {path.name: list(logs_without_fields(path)) for path in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in bare.items() if lines} == {}
