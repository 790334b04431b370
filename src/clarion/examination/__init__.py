"""Examining an installation: is everything there that it takes to tell somebody, and if not, what is to be done."""
