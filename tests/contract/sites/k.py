"""The error sites K of 0.6.13, its command line, and what shows that each is mended.

Most lie in commands that 0.7 does not have yet: what is not there hides nothing. Each says what the
command has to show when it comes.
"""

from __future__ import annotations

from tests.contract.sites.kinds import Gone, Later, Site, Test

CLI = "tests/cli/test_cli.py::"
TOKENS = "tests/unit/auth/test_token_storage.py::"


def _upload(what: str) -> Later:
    return Later(f"issue 6: upload is not there yet; with it, {what}")


def _download(what: str) -> Later:
    return Later(f"issue 6: download is not there yet; with it, {what}")


def _command(name: str, what: str) -> Later:
    return Later(f"issue 6: {name} is not there yet; with it, {what}")


SITES: dict[str, Site] = {
    "K01": _upload("an unreadable experiment.json is reported, and Ctrl-C ends the command"),
    "K02": _upload("a run whose prefix is too short is named and counted as skipped"),
    "K03": _upload("an unreadable file tree is reported and makes the exit code 3"),
    "K04": _upload("a path that is no run is named without --verbose"),
    "K05": _upload("corrupt lines and parameters are reported without --verbose, exit code 3"),
    "K06": _upload("a file that is missing on disk is found by the run's own index"),
    "K07": _upload("tracks arrive like every other stream"),
    "K08": _upload("description, tags, bindrs and protection arrive from the run's document"),
    "K09": _upload("the name stands once in the path on the server"),
    "K10": _upload("what failed is kept, counted and sent by the next call; exit code 3"),
    "K11": _upload("runs are told apart by their whole prefix"),
    "K12": _upload("each owner's runs go to the owner's namespace"),
    "K13": _upload("each stream goes on where its cursor stands, and nothing arrives twice"),
    "K14": _upload("there is no state file to be corrupt: cursors lie in each run"),
    "K15": _upload("nothing left to do is exit code 0"),
    "K16": _upload("an invalid run is named and makes the exit code 3"),
    "K17": _upload("a reply without an id is an InvalidResponseError"),
    "K18": _upload("--tracks names run and topic by the run's own folder"),
    "K19": _upload("a corrupt index of files is reported, not read as none"),
    "K20": _upload("a client that cannot be built is one line and exit code 4 or 1"),
    "K21": _download("every run comes down, by a test against a server"),
    "K22": _download("a part that fails is counted and makes the exit code 3"),
    "K23": _download("a project that is not there is exit code 1; namespace/project is understood"),
    "K24": _download("metrics and files come by the client's own routes"),
    "K25": _download("pages are read until the server's total is reached"),
    "K26": _download("a broken transfer goes on without doubling a line"),
    "K27": _download("a run that is there already is found and left, or replaced when told"),
    "K28": _download("there is no state file: what is on disk says what is missing"),
    "K29": _download("only 404 means that a run is elsewhere; other errors are told as they are"),
    "K30": _download("files that are expected and not listed are an error"),
    "K31": _command("list", "a time that cannot be read is shown as it is, and Ctrl-C ends it"),
    "K32": _command("list", "--json prints JSON whatever the values hold"),
    "K33": _command("list", "a null reply is an InvalidResponseError"),
    "K34": _command("profile", "a refused token is exit code 4 and 'authenticated' is false"),
    "K35": _command("profile", "without a token the exit code is 4, by the flag cli_exit_codes"),
    "K36": _command("create", "an answer without a project is an error"),
    "K37": _command("create and remove", "the true cause is told"),
    "K38": _command("remove", "an answer of no changes nothing, exit code 0 as in 0.6"),
    "K39": _command("api", "both forms of paths work, and quotes in a query stay"),
    "K40": _command("login", "what the opener of the browser answers is believed"),
    "K41": _command("login", "the address is printed beside the QR code, which may be missing"),
    "K42": (
        Test(f"{TOKENS}test_a_keyring_that_keeps_the_token_at_logout_is_an_error"),
        _command("logout", "a token that stays is exit code 1"),
    ),
    "K43": Test(f"{CLI}test_foreseen_failure_is_three_lines"),
    "K44": Gone("no command keeps a state file; cursors are replaced whole, in each run's folder"),
    "K45": Test(f"{CLI}test_help_lists_every_command"),
}
