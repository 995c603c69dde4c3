"""One module a group of pages: a router, and handlers that call the rooms to the left."""
