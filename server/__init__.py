"""The process: settings, logging, wiring, the strict tool layer and the command line."""
