"""The server that runs are delivered to: its own database and files, nothing of the client side."""
