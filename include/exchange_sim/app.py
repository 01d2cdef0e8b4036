"""The stand-in as one web application: routes, and the gate that every request passes."""

from aiohttp import web

from exchange_sim import admin
from exchange_sim.archive import serve
from exchange_sim.archive_files.archive_names import about
from exchange_sim.error_replies import ApiError, error_response, not_found
from exchange_sim.faults.fault_rules import is_stream
from exchange_sim.faults.payload_faults import Handler, spoil
from exchange_sim.limits import Verdict
from exchange_sim.rest import book, info, klines, marketcap, tickers
from exchange_sim.rest.weights import WEIGHTS, weight_of
from exchange_sim.state import EXCHANGE, Exchange, exchange_of
from exchange_sim.stream.control import add_control
from exchange_sim.stream.hub import Hub
from exchange_sim.stream.serve import add_streams, turned_away

MARKET_HEADER = "X-Exchange-Sim-Market"
_PRODUCTS = "/bapi/asset/v2/public/asset-service/product/get-products"


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    """Name the market in a header of every reply."""
    exchange = exchange_of(request)
    response.headers[MARKET_HEADER] = exchange.market.market_id
    if not request.path.startswith("/_sim"):
        exchange.paths[request.path if request.path in WEIGHTS else "other"] += 1
        exchange.statuses[response.status] += 1


def _refused(exchange: Exchange, address: str, verdict: Verdict) -> web.Response:
    advice = "Please use WebSocket Streams for live updates"
    if verdict.status == 418:
        until = exchange.limiter.banned_until_epoch_ms(address)
        text = f"Way too much request weight used; IP banned until {until}. {advice} to avoid bans."
    else:
        text = (
            f"Too much request weight used; current limit is {exchange.limiter.limit} request "
            f"weight per 1 MINUTE. {advice} to avoid polling the API."
        )
    retry = {"Retry-After": str(verdict.retry_after_s)}
    return error_response(-1003, text, verdict.status, retry)


async def _answer(exchange: Exchange, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the handler, or a fault in its place, answer."""
    try:
        if len(exchange.faults):
            symbol, interval = _about(request)
            fault = exchange.faults.pick(request.path, symbol, interval)
            if fault is not None:
                return await spoil(fault, request, handler)
        return await handler(request)
    except ApiError as error:
        return error.response()
    except web.HTTPNotFound:
        return not_found()


def _about(request: web.Request) -> tuple[str, str]:
    """Return symbol and interval of a request, from its query or its archive path."""
    if request.path.startswith("/data/"):
        return about(request.path)
    return request.query.get("symbol", ""), request.query.get("interval", "")


@web.middleware
async def _gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Charge weight, refuse or let pass, and put the used weight on the reply."""
    exchange = exchange_of(request)
    path = request.path
    if path.startswith("/_sim"):
        return await handler(request)
    if is_stream(path):
        refusal = turned_away(request)
        return await _answer(exchange, request, handler) if refusal is None else refusal
    if not path.startswith("/api/"):
        return await _answer(exchange, request, handler)
    address = request.remote or ""
    weight = weight_of(path, request.query)
    verdict = exchange.limiter.charge(address, weight, exchange.monotonic())
    if verdict.status == 200:
        response = await _answer(exchange, request, handler)
    else:
        response = _refused(exchange, address, verdict)
    if not response.prepared:
        used = str(verdict.used)
        response.headers["X-MBX-USED-WEIGHT"] = used
        response.headers["X-MBX-USED-WEIGHT-1M"] = used
        if exchange.gzip and "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
    return response


def build_app(exchange: Exchange) -> web.Application:
    """Return the application for one stand-in."""
    app = web.Application(middlewares=[_gate])
    app[EXCHANGE] = exchange
    app.on_response_prepare.append(_sign)
    get = app.router.add_get
    get("/api/v3/klines", klines.klines, allow_head=False)
    get("/api/v3/ping", info.ping, allow_head=False)
    get("/api/v3/time", info.server_time, allow_head=False)
    get("/api/v3/exchangeInfo", info.exchange_info, allow_head=False)
    get("/api/v3/ticker/24hr", tickers.day_ticker, allow_head=False)
    get("/api/v3/ticker/price", tickers.price_ticker, allow_head=False)
    get("/api/v3/ticker/bookTicker", tickers.book_ticker, allow_head=False)
    get("/api/v3/avgPrice", tickers.average_price, allow_head=False)
    get("/api/v3/depth", book.depth, allow_head=False)
    get("/api/v3/trades", book.trades, allow_head=False)
    get("/api/v3/historicalTrades", book.historical_trades, allow_head=False)
    get("/api/v3/aggTrades", book.agg_trades, allow_head=False)
    get(marketcap.PREFIX + "/coins/markets", marketcap.coins_markets, allow_head=False)
    get(marketcap.PREFIX + "/exchanges/binance/tickers", marketcap.exchange_tickers,
        allow_head=False)  # fmt: skip
    get(_PRODUCTS, marketcap.products, allow_head=False)
    get("/data/{path:.+}", serve.archive_file)
    # The bucket's own host answers under the bucket's name, the archive's host at its root.
    get("/data.binance.vision", serve.listing, allow_head=False)
    get("/", serve.listing, allow_head=False)
    add_streams(app, Hub(exchange))
    admin.add_routes(app)
    add_control(app)
    return app
