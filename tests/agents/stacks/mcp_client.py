"""Drives an MCP server over stdio, as a host application does, and gives what its tool answers."""

import asyncio

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import McpError


class Host:
    """One server for one run: `ask` is for `reading.everything`."""

    def __init__(self, command, arguments, environment, tool, argument):
        self.parameters = StdioServerParameters(command=command, args=arguments, env=environment)
        self.tool, self.argument = tool, argument

    def run(self, play):
        """Calls `play(ask)` in a thread while the session lives."""
        asyncio.run(self._run(play))

    async def _run(self, play):
        async with stdio_client(self.parameters) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            loop = asyncio.get_running_loop()

            def ask(sql):
                return asyncio.run_coroutine_threadsafe(self._ask(session, sql), loop).result(60)

            def resources():
                return asyncio.run_coroutine_threadsafe(session.list_resources(), loop).result(60)

            await asyncio.to_thread(play, ask, resources)

    async def _ask(self, session, sql):
        try:
            answer = await session.call_tool(self.tool, {self.argument: sql})
        except McpError as error:
            return f"Error: {error}"
        return "\n".join(part.text for part in answer.content)
