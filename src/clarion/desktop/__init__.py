"""A client of the HTTP service that fetches what is meant for a screen, and shows it there: see `clarion desktop`."""
