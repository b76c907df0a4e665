"""The server's own interface, under ``/v1``: what the studio uses. Described in ``docs/server.md``."""
