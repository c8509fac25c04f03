"""The audit's own lines: each rests on the sites that it talks about.

C, H, W and OK number the rows of the audit's four tables (critical, high, medium, acceptable) from
the top; P0, P1 and P2 are its priority fixes, Q its open questions, BA its before/after example.
"""

from __future__ import annotations

from tests.contract.sites.kinds import Site

SITES: dict[str, Site] = {}
