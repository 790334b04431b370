"""The tests of Clarion. They mirror src/clarion; `stories` walk whole scenarios, `support` is what they share."""
