"""The engine as an MCP server: every task of the served agents is a tool, over Streamable HTTP.

Stateless: no request depends on the replica that answered the one before it. Every request bears a token; what is
started belongs to the token's principal.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import jsonschema
import mcp_types as types
from mcp import MCPError
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware, get_access_token
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Route

from chassis.http import HttpServer
from chassis.logging import get_logger
from chassis.rpc import RpcError
from fsa_engine.adapters.mcp_tools import META_KEY
from fsa_engine.catalog import AgentCatalog
from fsa_engine.metrics import TASK_TOOL_CALLS
from fsa_engine.task_tools import ANSWER, CANCEL, STATUS, TaskTool, listed, schema_of, start_tools
from fsa_engine.task_view import TaskView
from fsa_engine.text_calls import Answer, Start, TextCallError, TextCalls
from fsa_engine.text_desk import Report

PATH = "/mcp"
BODY_BYTES = 256 * 1024
ANYONE = "anyone"
"""The principal where no tokens are configured."""

INSTRUCTIONS = """\
Each task is a conversation led by rules. Start one; while its state is "asking", put its question to the person and \
pass their own words on with answer_task. Never answer for the person. What a result does not say has not been done."""

_log = get_logger(__name__)
Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True)
class Endpoint:
    """Where to listen. `tokens`: principal to bearer token; none = everyone may.

    `allowed_hosts`: Host headers that are answered, against DNS rebinding; empty = any.
    """

    host: str
    port: int
    tokens: Mapping[str, str]
    allowed_hosts: tuple[str, ...] = ()


class Tokens(TokenVerifier):
    """Knows the configured tokens."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = {principal: _digest(token) for principal, token in tokens.items()}

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return whose token it is; compares in constant time."""
        given = _digest(token)
        whose = [principal for principal, known in self._tokens.items() if hmac.compare_digest(known, given)]
        return AccessToken(token=token, client_id=whose[0], scopes=[]) if whose else None


class TaskServer:
    """Offers the tasks of the served agents as MCP tools."""

    def __init__(self, endpoint: Endpoint, catalog: AgentCatalog, calls: TextCalls) -> None:
        self._endpoint = endpoint
        self._catalog = catalog
        self._calls = calls
        self._http = HttpServer(self._app(), endpoint.host, endpoint.port, lifespan="on")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._http.port

    async def start(self) -> None:
        """Listen. Raises OSError."""
        await self._http.start()
        _log.info("tasks are offered over MCP", port=self.port, path=PATH)

    async def stop(self) -> None:
        """Answer no more."""
        await self._http.stop()

    def _app(self) -> Starlette:
        server: Server[Any] = Server(
            "opusagent",
            version=version("fsa-engine"),
            title="OpusAgent tasks",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        manager = StreamableHTTPSessionManager(
            app=server, stateless=True, security_settings=self._security(), max_request_body_size=BODY_BYTES
        )
        endpoint: Any = StreamableHTTPASGIApp(manager)
        middleware: list[Middleware] = []
        if self._endpoint.tokens:
            endpoint = RequireAuthMiddleware(endpoint, [])
            backend = BearerAuthBackend(Tokens(self._endpoint.tokens))
            middleware = [Middleware(AuthenticationMiddleware, backend=backend), Middleware(AuthContextMiddleware)]
        return Starlette(
            routes=[Route(PATH, endpoint=endpoint)], middleware=middleware, lifespan=lambda app: manager.run()
        )

    def _security(self) -> TransportSecuritySettings:
        hosts = list(self._endpoint.allowed_hosts)
        return TransportSecuritySettings(
            enable_dns_rebinding_protection=bool(hosts),
            allowed_hosts=hosts,
            allowed_origins=[f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")],
        )

    async def _list(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed(self._catalog.served))

    async def _call(self, context: Context, asked: types.CallToolRequestParams) -> types.CallToolResult:
        """Call one tool. Raises MCPError for a tool that does not exist; all else is a result."""
        tools = start_tools(self._catalog.served)
        schema = schema_of(asked.name, tools)
        if schema is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {asked.name!r}")
        arguments = asked.arguments or {}
        try:
            jsonschema.validate(arguments, schema)
            made = await self._carry_out(context, asked.name, arguments, tools.get(asked.name))
        except jsonschema.ValidationError as error:
            return _refused(asked.name, "invalid", _explained(error))
        except TextCallError as error:
            return _refused(asked.name, "refused", str(error))
        except RpcError as error:
            _log.warning("a task cannot be served over MCP", error=error.code.name, problem=error.message)
            return _refused(asked.name, "unavailable", f"this cannot be served now ({error.code.name.lower()})")
        TASK_TOOL_CALLS.labels(asked.name, made.state).inc()
        return _result(made)

    async def _carry_out(
        self, context: Context, name: str, arguments: Mapping[str, Any], tool: TaskTool | None
    ) -> TaskView:
        token = get_access_token()
        principal = token.client_id if token else ANYONE
        key = str((context.meta or {}).get(META_KEY) or "")
        report = _reporter(context)
        if tool is not None:
            return await self._calls.start(principal, _start(tool, arguments, key), report)
        session = arguments["session"]
        if name == ANSWER:
            answer = Answer(arguments.get("words", ""), arguments.get("keys", ""), key)
            return await self._calls.answer(principal, session, answer, report)
        ask: dict[str, Callable[[str, str, Report], Awaitable[TaskView]]]
        ask = {STATUS: self._calls.status, CANCEL: self._calls.cancel}
        return await ask[name](principal, session, report)


def _start(tool: TaskTool, arguments: Mapping[str, Any], key: str) -> Start:
    own = {name: str(arguments[name]) for name in tool.own if name in arguments}
    slots = {name: value for name, value in arguments.items() if name not in tool.own}
    return Start(tool.agent, tool.task, slots, own.get("words", ""), own.get("caller", ""), key)


def _reporter(context: Context) -> Report:
    """Tell the client what the agent says while a tool is at work, as progress; one that asked for none hears none."""
    count = 0

    async def report(text: str) -> None:
        nonlocal count
        count += 1
        await context.session.report_progress(count, message=text)

    return report


def _result(made: TaskView) -> types.CallToolResult:
    text = types.TextContent(type="text", text=made.model_dump_json(exclude_none=True))
    return types.CallToolResult(content=[text], structured_content=made.model_dump(mode="json"))


def _refused(name: str, outcome: str, why: str) -> types.CallToolResult:
    TASK_TOOL_CALLS.labels(name, outcome).inc()
    return types.CallToolResult(content=[types.TextContent(type="text", text=why)], is_error=True)


def _explained(error: jsonschema.ValidationError) -> str:
    """Say what is wrong with arguments without repeating their values."""
    where = "/".join(str(part) for part in error.absolute_path)
    if error.validator in ("required", "additionalProperties"):
        return f"{where or 'arguments'}: {error.message[:300]}"
    return f"{where or 'arguments'}: not valid ({error.validator}: {str(error.validator_value)[:300]})"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
