"""Ready-made workflows a host can offer its user: one module a prompt."""
