"""The server's HTTP side: routes, bodies, answers."""
