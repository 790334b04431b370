"""Words: what an event says to a recipient, on a channel, in a language."""

from clarion.templates.renderer import Renderer

__all__ = ["Renderer"]
