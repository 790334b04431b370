"""The HTTP service: `clarion.web.app.create_app` makes it. Needs `clarion[serve]`; the library never imports it."""
