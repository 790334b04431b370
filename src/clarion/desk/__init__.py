"""What operators see and do. Whatever they do, and whose data they are shown, is noted with it."""

from clarion.desk.desk import Desk
from clarion.desk.providers import ChannelState

__all__ = ["ChannelState", "Desk"]
