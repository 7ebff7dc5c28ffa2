"""TwiML documents: the verbs that call control executes, and those that a reply to an SMS has."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

MAX_BYTES = 64 * 1024
MAX_PARAMETER = 500
# What an application's TwiML never needs, and what makes an XML parser dangerous.
_DOCTYPE = re.compile(rb"<!DOCTYPE|<!ENTITY", re.IGNORECASE)


class TwimlError(Exception):
    """Not a document that Twilio would execute (its error 12100)."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One element: its name, attributes, text and nested nouns."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    nouns: tuple["Verb", ...] = ()

    def noun(self, name: str) -> "Verb | None":
        """The first nested element of this name."""
        return next((noun for noun in self.nouns if noun.name == name), None)

    def parameters(self) -> dict[str, str]:
        """Names and values of nested `<Parameter>` elements."""
        found = (noun.attributes for noun in self.nouns if noun.name == "Parameter")
        return {attributes.get("name", ""): attributes.get("value", "") for attributes in found}


def parse(document: bytes | str) -> list[Verb]:
    """The verbs of a `<Response>`, in order. Raises TwimlError."""
    data = document.encode() if isinstance(document, str) else document
    if len(data) > MAX_BYTES:
        raise TwimlError(f"a document of {len(data)} bytes; at most {MAX_BYTES}")
    if _DOCTYPE.search(data):
        raise TwimlError("a document type declaration")
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise TwimlError(f"not XML: {error}") from error
    if root.tag != "Response":
        raise TwimlError(f"the root is <{root.tag}>, not <Response>")
    return [_verb(element) for element in root]


def _verb(element: ET.Element) -> Verb:
    return Verb(
        element.tag, dict(element.attrib), (element.text or "").strip(), tuple(_verb(child) for child in element)
    )
