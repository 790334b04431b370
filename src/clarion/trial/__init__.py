"""Trying out: messages that are really sent, to see whether they arrive and how they look. Nothing is written."""
