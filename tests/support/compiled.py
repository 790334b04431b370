"""Imported by a process that is forked for tests: the built-in templates are compiled before, once for all."""

from clarion.templates import Renderer

Renderer()
