"""The account of a run that nobody writes, and whether it adds up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_dash._delivery.bulk import opened
from ml_dash._delivery.target import folder_of


def account_of(run: Path, url: str) -> dict[str, Any]:
    """Return the account of a run that nobody writes."""
    with opened(run, folder_of(run, url)) as delivery:
        return delivery.report().as_dict()


def refused(run: Path, url: str) -> list[dict[str, Any]]:
    """Return what the server has refused of a run, whether it is listed still or was let go."""
    with opened(run, folder_of(run, url)) as delivery:
        return delivery.refused()


def adds_up(report: dict[str, Any]) -> None:
    """See that each stream's account, and the sum of all, adds up."""
    for row in [*report["streams"].values(), {**report, "rejected": {"all": report["rejected"]}}]:
        rest = row["delivered"] + row["pending"] + row["discarded"] + sum(row["rejected"].values())
        assert row["accepted"] == rest, report
