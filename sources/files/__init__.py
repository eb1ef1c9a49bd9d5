"""Real option chains from files in a folder."""
