"""The settings of the services, checked together before any of them is started."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic_settings import BaseSettings

from chassis.settings import ServiceSettings, SettingsError, read
from fsa_engine.settings import EngineSettings
from gateway.settings import GatewaySettings
from llm_relay.settings import RelaySettings
from notifier.settings import NotifierSettings
from session.settings import SessionSettings

S = TypeVar("S", bound=BaseSettings)

CLASSES: dict[str, type[ServiceSettings]] = {
    "session": SessionSettings,
    "fsa-engine": EngineSettings,
    "llm-relay": RelaySettings,
    "gateway": GatewaySettings,
    "notifier": NotifierSettings,
}


def configured(settings_class: type[S], settings: Mapping[str, str]) -> S:
    """Read a service's settings, given as environment variables over those that are set. Raises SettingsError."""
    values: dict[str, Any] = {name.lower(): value for name, value in settings.items()}
    return read(settings_class, **values)


def check(services: Iterable[tuple[str, Mapping[str, str]]]) -> None:
    """Read the settings of each service.

    Raises:
        SettingsError: some are wrong; what several services share is named once.
    """
    problems: dict[str, None] = {}
    for service, settings in services:
        try:
            configured(CLASSES[service], settings)
        except SettingsError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise SettingsError(tuple(problems))
