"""Measurements with durable databases; each module is run by itself: `python -m benchmarks.schema --help`."""
