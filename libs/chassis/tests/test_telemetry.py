"""Logs, traces, unknown content, settings."""

import io
import json
import logging as stdlib_logging
import sys

import certifi
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from chassis import logging, unknown
from chassis.settings import KafkaSecurity, LogFormat, ServiceSettings, SettingsError, load, read
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.media.v1.inbox_pb2 import FsaItem, RelayInbox, RelayItem


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch):
    """What is logged in JSON, line by line."""
    root = stdlib_logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logging.configure("gateway", "INFO", LogFormat.JSON)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


def test_every_line_carries_the_call(lines) -> None:
    log = logging.get_logger("test")
    with logging.bound(call_id="call-1", session_id="session-1"):
        log.info("inside", slot=3)
        stdlib_logging.getLogger("library").warning("by a library of %s", "old")
    log.info("outside")
    log.debug("not at this level")
    inside, library, outside = lines()
    assert (inside["event"], inside["slot"], inside["call_id"], inside["session_id"]) == (
        "inside",
        3,
        "call-1",
        "session-1",
    )
    assert (library["event"], library["call_id"], library["level"]) == ("by a library of old", "call-1", "warning")
    assert "call_id" not in outside
    assert {line["service"] for line in lines()} == {"gateway"}


def test_a_traceback_is_part_of_its_line_and_shows_no_values(lines) -> None:
    def fail() -> None:
        caller_number = "+49" + "1701234567"
        assert caller_number
        raise ValueError("no")

    try:
        fail()
    except ValueError:
        logging.get_logger("test").exception("failed")
    [line] = lines()
    assert "ValueError: no" in line["exception"]
    assert "+491701234567" not in json.dumps(line)


@pytest.mark.parametrize("fmt", list(LogFormat))
def test_the_console_shows_no_values_either(capsys, lines, fmt) -> None:
    stream = io.StringIO()
    sys.stderr = stream
    logging.configure("gateway", "INFO", fmt)
    caller_number = "+49" + "1701234567"
    try:
        raise ValueError("no")
    except ValueError:
        logging.get_logger("test").exception("failed")
    assert caller_number not in stream.getvalue()
    assert "ValueError: no" in stream.getvalue()


def _count(name: str, message: str) -> float:
    return REGISTRY.get_sample_value(name, {"service": "test", "message": message}) or 0.0


def test_known_and_unknown_bodies() -> None:
    before = _count("opusagent_unknown_messages_total", "RelayItem")
    assert unknown.body(RelayItem(heard={"item_id": "x"}), "test") == "heard"
    future = RelayItem.FromString(b"\xa2\x06\x03abc")  # field 100, of a version to come
    assert unknown.body(future, "test") is None
    assert unknown.body(FsaItem(), "test") is None
    assert unknown.fact(CallEvent(session_expired={}), "test") == "session_expired"
    assert unknown.fact(CallEvent(), "test") is None
    assert _count("opusagent_unknown_messages_total", "RelayItem") == before + 1


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_counted_garbage(data: bytes) -> None:
    before = _count("opusagent_garbage_messages_total", "RelayInbox")
    parsed = unknown.parse(RelayInbox, data, "test")
    after = _count("opusagent_garbage_messages_total", "RelayInbox")
    assert after == before + (parsed is None)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "me")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "secret")
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("OPS_PORT", "")
    settings = load(ServiceSettings)
    assert (settings.kafka_bootstrap_servers, settings.ops_port, settings.development) == ("a:1,b:2", 9090, False)
    options = settings.kafka_security.client_options()
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("me", "secret")
    assert "secret" not in repr(settings)
    assert ServiceSettings().holder != ServiceSettings().holder


def test_plain_and_tls_options(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KafkaSecurity().client_options() == {"security_protocol": "PLAINTEXT"}
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "me")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "secret")
    options = KafkaSecurity().client_options()
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert options["ssl_context"].check_hostname
    authorities = certifi.where()
    monkeypatch.setenv("KAFKA_SSL_CAFILE", authorities)
    assert KafkaSecurity().librdkafka_options() == {
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": authorities,
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": "secret",
    }


def test_all_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("OPS_PORT", "many")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(SystemExit) as end:
        load(ServiceSettings)
    assert end.value.code == 2
    words = capsys.readouterr().err
    assert "OPS_PORT" in words
    assert "LOG_LEVEL" in words


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"KAFKA_SSL_CAFILE": "/nope"}, "KAFKA_SSL_CAFILE: cannot read /nope: No such file or directory"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": __file__}, "KAFKA_SSL_CAFILE, KAFKA_SSL_CERTFILE or"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL: String should match"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "a:1,b"}, "KAFKA_BOOTSTRAP_SERVERS: 'b' is not HOST:PORT"),
        ({"KAFKA_SSL_KEYFILE": "/nope", "DRAIN_SECONDS": "x"}, "KAFKA_SSL_KEYFILE: cannot read"),
        ({"KAFKA_SSL_KEYFILE": "/nope", "DRAIN_SECONDS": "x"}, "DRAIN_SECONDS: Input should be"),
    ],
)
def test_how_to_reach_kafka_is_checked(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as wrong:
        read(ServiceSettings)
    assert words in str(wrong.value)
