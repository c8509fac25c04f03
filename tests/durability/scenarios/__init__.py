"""What is measured, of any ml-dash: the tests judge ours, `benchmarks/losses.py` compares two."""
