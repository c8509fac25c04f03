"""Where each error site of 0.6.13 went: one module per letter, and the audit's own lines."""
