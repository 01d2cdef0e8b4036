"""Binance's error replies; texts as recorded from the real exchange where they are known."""

from aiohttp import web

JSON_TYPE = "application/json;charset=UTF-8"
_NO_SUCH_KEY = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
    "<Message>The specified key does not exist.</Message></Error>"
)
NOT_FOUND_HTML = "<html><body><h2>404 Not found</h2></body></html>"


class ApiError(Exception):
    """A request that Binance would refuse.

    Args:
        code: Binance's error code, negative.
        message: what stands beside it.
        status: HTTP status.
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def response(self) -> web.Response:
        """Return the reply in Binance's shape."""
        return error_response(self.code, self.message, self.status)


def error_response(
    code: int, message: str, status: int, headers: dict[str, str] | None = None
) -> web.Response:
    """Return ``{"code": ..., "msg": ...}`` with a status."""
    escaped = message.replace("\\", "\\\\").replace('"', '\\"')
    body = f'{{"code":{code},"msg":"{escaped}"}}'.encode()
    all_headers = {"Content-Type": JSON_TYPE, **(headers or {})}
    return web.Response(status=status, body=body, headers=all_headers)


def json_response(body: bytes) -> web.Response:
    """Return a 200 with a JSON body."""
    return web.Response(body=body, headers={"Content-Type": JSON_TYPE})


def not_found() -> web.Response:
    """Return Binance's reply to an unknown path."""
    return web.Response(status=404, text=NOT_FOUND_HTML, content_type="text/html")


def no_such_key() -> web.Response:
    """Return the archive's reply to a file that does not exist."""
    return web.Response(status=404, text=_NO_SUCH_KEY, content_type="application/xml")


def invalid_symbol() -> ApiError:
    """Return the error for a symbol the exchange does not have."""
    return ApiError(-1121, "Invalid symbol.")
