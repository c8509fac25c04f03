"""``ml-dash version``: which release this is, and on what it runs."""

from __future__ import annotations

import platform

import click

import ml_dash


@click.command("version")
def command() -> None:
    """Print the version of ml-dash and of Python."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    click.echo(f"ml-dash {ml_dash.__version__} ({python} on {platform.system()})")
