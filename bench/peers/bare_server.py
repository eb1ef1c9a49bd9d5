"""The smallest server of the same SDK: what start-up costs before any of ours is added."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

server = MCPServer("bare")


@server.tool()
def add(first: int, second: int) -> int:
    """Add two numbers."""
    return first + second


@server.tool()
def greet(name: str) -> str:
    """Greet someone."""
    return f"Hello, {name}"


if __name__ == "__main__":
    server.run()
