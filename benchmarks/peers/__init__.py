"""Other libraries on the same work and machine: `make bench-peers`.

The modules `on_…` run in an environment of their own, from benchmarks/peers/requirements.txt, and import nothing of Clarion.
"""
