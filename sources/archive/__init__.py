"""The user's own archive as a source: what was recorded, imported or backfilled, now and as of any past instant."""
