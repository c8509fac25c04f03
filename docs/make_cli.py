"""Write docs/cli.md from the commands: ``python docs/make_cli.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ml_dash.cli import COMMANDS, program
from ml_dash.cli_commands._codes import MEANINGS

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 88
HEAD = """\
<!-- Made by docs/make_cli.py from the commands; do not edit. -->

# The command line

`ml-dash COMMAND --help` prints what stands here. Data go to stdout, messages and progress to
stderr; progress is drawn at a terminal only. `--json` prints one JSON document, and errors as JSON
on stderr. `--quiet`, `--verbose` and `--debug` (tracebacks) are understood by every command, and
`NO_COLOR` is heard. Ctrl-C ends a command with what it has done in place; the same command goes on.

**The server** is `--dash-url` (or `--api-url`), else `remote_url` of `~/.dash/config.json`, else
`ML_DASH_API_URL`, else ml-dash's own. **The token** is `--api-key`, else `ML_DASH_TOKEN`, else
`api_key` of the configuration (for the configured server only), else the one that `ml-dash login`
has stored for that server.

**Completion** in the shell: `eval "$(_ML_DASH_COMPLETE=bash_source ml-dash)"` in `~/.bashrc`;
`zsh_source` for zsh, `fish_source` for fish.

## Exit codes

"""
OLD = """
Where ml-dash 0.6 ended with 0 although something was not done, 0.7 does too, with a warning; the
flag [cli_exit_codes](../MIGRATION.md#mld007-cli_exit_codes) has the codes above now.
"""


def page() -> str:
    """Return the page."""
    rows = "\n".join(f"| {code} | {text} |" for code, text in MEANINGS.items())
    table = f"| code | means |\n|---|---|\n{rows}\n"
    parts = [HEAD + table + OLD]
    context = click.Context(program, info_name="ml-dash")
    for name in COMMANDS:
        command = program.get_command(context, name)
        assert command is not None
        parts += [f"\n## ml-dash {each}\n\n```text\n{text}\n```\n"
                  for each, text in _helps(command, name, context)]  # fmt: skip
    return "".join(parts)


def _helps(
    command: click.Command, name: str, parent: click.Context
) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )  # fmt: skip
    yield context.command_path.removeprefix("ml-dash "), click.unstyle(command.get_help(context))
    for inner_name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _helps(inner, inner_name, context)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
