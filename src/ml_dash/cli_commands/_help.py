"""How help looks: headings and names stand out at a terminal, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

import click


class Formatter(click.HelpFormatter):
    """Writes help with headings in bold and names in colour; pipes and NO_COLOR get plain text."""

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        super().write_heading(click.style(heading, bold=True))

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write names with what they mean."""
        styled = [(click.style(name, fg="cyan"), text) for name, text in rows]
        super().write_dl(styled, col_max, col_spacing)


class Context(click.Context):
    """A call whose help looks so."""

    formatter_class = Formatter
