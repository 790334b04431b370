"""Workers: from events to decisions, and from deliveries to outcomes. The only place where store and channels meet."""
