"""Merkle tree hashes and inclusion proofs.

- SHA-256; a leaf is hashed after 0x00, a node after 0x01, so that neither passes for the other.
- Verification is strict: the index is below the size, and the path has exactly the length that index and size determine.

Source: RFC 6962 section 2.1; RFC 9162 section 2.1.3.2 for the verification.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

HASH_BYTES: Final = 32

_LEAF_PREFIX: Final = b"\x00"
_NODE_PREFIX: Final = b"\x01"


class MerkleTree:
    """The tree over a list of leaf hashes, with all its levels, so that every path costs only look-ups."""

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        levels = [tuple(leaf_hashes)]
        while len(levels[-1]) > 1:
            levels.append(_level_above(levels[-1]))
        self._levels = tuple(levels)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """Merkle tree hash; of no leaves, the hash of the empty string."""
        return self._levels[-1][0] if self.size else hashlib.sha256().digest()

    def path(self, index: int) -> tuple[bytes, ...]:
        """Returns the audit path of a leaf, from its sibling to the root.

        Raises:
            IndexError: There is no such leaf.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"a leaf index below {self.size} expected, got {index}")
        path: list[bytes] = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            # The last node of a level of odd length has no sibling and moves up as it is.
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return tuple(path)


def leaf_hash(leaf: bytes) -> bytes:
    """Returns the hash of a leaf."""
    return hashlib.sha256(_LEAF_PREFIX + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Returns the hash of an inner node."""
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Returns the Merkle tree hash of leaves that are already hashed."""
    return MerkleTree(leaf_hashes).root


def inclusion_path(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Returns the audit path of one leaf; for many of one tree, use `MerkleTree`.

    Raises:
        IndexError: There is no such leaf.
    """
    return MerkleTree(leaf_hashes).path(index)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:  # noqa: PLR0917 - the five values of RFC 9162, in its order.
    """Says whether the leaf hash is the leaf at `index` of the tree of `size` leaves with this root. Any values may be given.

    Source: RFC 9162 section 2.1.3.2, steps 1 to 5.
    """
    if not 0 <= index < size:
        return False
    if any(len(digest) != HASH_BYTES for digest in (leaf, root, *path)):
        return False
    position, last = index, size - 1
    digest = leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            digest = node_hash(sibling, digest)
            # Levels at which this node has no sibling are passed without a step of the path.
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            digest = node_hash(digest, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and digest == root


def _level_above(level: tuple[bytes, ...]) -> tuple[bytes, ...]:
    pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return (*pairs, level[-1]) if len(level) % 2 else tuple(pairs)
