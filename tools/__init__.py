"""What the assistant can ask: one module a tool."""
