"""Size and sums of a body, which a server must know without reading it again."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sums:
    """Size and checksums of a body.

    Attributes:
        size: bytes.
        md5, sha256: lower-case hex; the first is its ETag, the second its checksum.
    """

    size: int
    md5: str
    sha256: str

    @property
    def etag(self) -> str:
        """The ETag of a header, in its quotes."""
        return f'"{self.md5}"'


def sums_of(data: bytes) -> Sums:
    """Return the sums of a body."""
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Sums(len(data), md5, hashlib.sha256(data).hexdigest())


def write_sums(sums: Sums, modified_ns: int) -> str:
    """Return the line that keeps the sums of a file last changed at ``modified_ns``."""
    return f"{sums.size} {modified_ns} {sums.md5} {sums.sha256}\n"


def read_sums(line: str, size: int, modified_ns: int) -> Sums | None:
    """Return the sums of a kept line, None if it was not written for this very file."""
    parts = line.split()
    whole = [len(part) for part in parts[2:]] == [32, 64]
    if not whole or parts[:2] != [str(size), str(modified_ns)]:
        return None
    return Sums(size, parts[2], parts[3])
