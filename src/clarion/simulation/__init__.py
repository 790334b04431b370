"""Simulating: what would be told, with nothing written."""
