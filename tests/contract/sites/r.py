"""The error sites R of 0.6.13, and what shows that each is mended."""

from __future__ import annotations

from tests.contract.sites.kinds import Site

SITES: dict[str, Site] = {}
