"""From a run's folder to a server: in order, once, and with an account of every record."""
