"""GraphQL: what runs there are, for clients of 0.6 and later."""
