"""A CONNECT proxy on loopback that takes one host of the internet for the stand-in.

For programs in whose code the archive's address is fixed: they are told of the proxy and
of its authority by the environment, and are otherwise as shipped. Any other host is
refused. `python -m benchmarks.feeds.tunnel FOLDER PORT` writes certificates to a folder, says
where it listens, and forwards to that port of this machine until its input ends.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import suppress
from pathlib import Path

from benchmarks.feeds.certificates import make_certificates
from benchmarks.measuring.meter import say

HOST = "data.binance.vision"
_CHUNK = 1 << 16
_HEAD_S = 10.0


class Tunnel:
    """Serves connections.

    Args:
        context: of a certificate for `HOST`.
        port: of this machine, where plain HTTP is spoken.
    """

    def __init__(self, context: ssl.SSLContext, port: int) -> None:
        self._context = context
        self._port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its CONNECT to its end."""
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(_HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
                accepted = head.startswith(f"CONNECT {HOST}:443 ".encode())
                answer = b"200 Connection established" if accepted else b"403 Forbidden"
                writer.write(b"HTTP/1.1 " + answer + b"\r\n\r\n")
                await writer.drain()
                if accepted:
                    await writer.start_tls(self._context)
            if accepted:
                await self._forward(reader, writer)
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            pumps = [
                asyncio.create_task(_pump(reader, ours)),
                asyncio.create_task(_pump(theirs, writer)),
            ]
            # Either side's end is the end of both: HTTP has no half-closed connections here.
            _, left = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for one in left:
                one.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            ours.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(_CHUNK):
        target.write(chunk)
        await target.drain()


async def main(folder: str, port: str) -> None:
    certificates = make_certificates(Path(folder), HOST)
    tunnel = Tunnel(certificates.context(), int(port))
    server = await asyncio.start_server(tunnel.serve, "127.0.0.1", 0)
    say("listening", port=server.sockets[0].getsockname()[1], trust=str(certificates.authority))
    await asyncio.to_thread(sys.stdin.read)
    # Connections that are still open end with the process.
    server.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
