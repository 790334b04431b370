"""Settings: with what a Clarion is made that no code makes, from `clarion.toml`, the environment and flags.

A new setting is one entry in `declared`. Read with the standard library alone, as pydantic-settings neither says where
a value came from nor notices a misspelt variable, and would cost every command its import.
"""
