"""What all parts of a definition share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""Of a task, state, slot or tool."""

Text = Annotated[str, Field(min_length=1, max_length=2000)]
"""Said to the caller; `{slot}` is replaced, `[...]` falls away while a slot in it is not filled."""


class Part(BaseModel):
    """Frozen, and strict about keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
