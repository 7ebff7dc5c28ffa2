"""From items to records. Items are encodings that may be concatenated, so neighbours without headers become one."""

from collections.abc import Iterable

from chassis.bus import Headers

Item = tuple[bytes, Headers]


def join(items: Iterable[Item]) -> list[Item]:
    """Return items as records, in order: neighbours without headers joined, those with headers each alone."""
    records: list[Item] = []
    plain: list[bytes] = []
    for item, headers in items:
        if not headers:
            plain.append(item)
            continue
        if plain:
            records.append((b"".join(plain), ()))
            plain = []
        records.append((item, headers))
    if plain:
        records.append((b"".join(plain), ()))
    return records
