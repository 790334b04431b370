"""SMTP (RFC 5321) as a client speaks it: where, in which words, over one connection, over a pool of them.

Written here rather than taken from a library for three things that none offers: knowing at each moment how much of a
message has left, one deadline for a whole message, and command pipelining (RFC 2920).
"""
