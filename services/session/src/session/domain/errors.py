"""What can be wrong with a request; each says whose fault it is."""


class Refused(Exception):
    """A request that cannot be granted; nothing was changed."""


class NotFound(Refused):
    """No such session or call."""


class Stale(Refused):
    """The version is not the expected one: load again."""


class NoRoom(Refused):
    """No live slot with room."""


class Invalid(Refused):
    """The request makes no sense."""


class Occupied(Refused):
    """The session has another live call already."""
