"""Scripts as a user writes them: ``examples/`` links to them, ``ml-dash demo`` runs one."""
