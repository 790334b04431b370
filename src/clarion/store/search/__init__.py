"""Searching: pages of events, notifications and deliveries, each by the index that leads to them soonest."""
