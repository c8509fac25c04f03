"""What leads a program of 0.6 to 1.0: reports of real runs, rehearsals, mending old folders."""

from __future__ import annotations
