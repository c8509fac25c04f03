"""Run folders written by real 0.6 releases, and what each of them must contain."""
