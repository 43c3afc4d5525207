import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing import MerkleTree, inclusion_path, leaf_hash, node_hash, root_of, verify_inclusion

# Leaves and roots of the reference implementation of RFC 6962.
# Source: google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc; transparency-dev/merkle, testonly/reference_test.go.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = range(1, 71)


def _leaves(size: int) -> list[bytes]:
    return [leaf_hash(b"leaf %d" % number) for number in range(size)]


def _split(size: int) -> int:
    """The largest power of two below `size`. Source: RFC 6962 section 2.1."""
    return 1 << (size - 1).bit_length() - 1


def _mth(leaves: list[bytes]) -> bytes:
    """MTH, recursively as RFC 6962 section 2.1 writes it."""
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\x01" + _mth(leaves[:k]) + _mth(leaves[k:])).digest()


def _path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH, recursively as RFC 6962 section 2.1.1 writes it."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*_path(index, leaves[:k]), _mth(leaves[k:])]
    return [*_path(index - k, leaves[k:]), _mth(leaves[:k])]


@pytest.mark.parametrize("size", range(9))
def test_roots_of_the_reference_implementation(size: int) -> None:
    assert root_of([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


def test_hashes_separate_leaves_from_nodes() -> None:
    left, right = _leaves(2)

    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_paths_are_those_of_the_recursive_definition(size: int) -> None:
    leaves = _leaves(size)
    tree = MerkleTree(leaves)

    assert tree.root == _mth(leaves)
    assert [list(tree.path(index)) for index in range(size)] == [_path(index, leaves) for index in range(size)]


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_is_proven_at_its_index_and_at_no_other(size: int) -> None:
    tree = MerkleTree(leaves := _leaves(size))

    for index, leaf in enumerate(leaves):
        proven_at = [at for at in range(-1, size + 2) if verify_inclusion(leaf, at, size, tree.path(index), tree.root)]
        assert proven_at == [index]


@settings(deadline=None)
@given(st.data())
def test_a_changed_proof_is_refused(data: st.DataObject) -> None:
    leaves = _leaves(data.draw(st.sampled_from(SIZES)))
    index = data.draw(st.integers(0, len(leaves) - 1))
    root = root_of(leaves)
    path = list(inclusion_path(leaves, index))
    other = data.draw(st.binary(min_size=32, max_size=32) | st.sampled_from([root, *leaves, *path]))
    changes = ["insert"] + ["remove", "replace", "swap", "cut"] * bool(path)
    change = data.draw(st.sampled_from(changes))
    at = data.draw(st.integers(0, len(path) - (change != "insert")))
    changed = path.copy()
    match change:
        case "insert":
            changed.insert(at, other)
        case "remove":
            del changed[at]
        case "replace":
            changed[at] = other
        case "swap":
            changed[at], changed[0] = changed[0], changed[at]
        case _:  # cut
            changed[at] = changed[at][:-1]

    accepted = verify_inclusion(leaves[index], index, len(leaves), changed, root)

    assert accepted == (changed == path)


@pytest.mark.parametrize("size", range(1, 18))
def test_a_wrong_size_is_refused_unless_the_path_cannot_tell(size: int) -> None:
    # A path does not commit to the size by itself (the tree head signs it); where another one is accepted, the shape is the same.
    tree = MerkleTree(leaves := _leaves(size))

    for index, leaf in enumerate(leaves):
        for other in range(size * 2 + 2):
            if verify_inclusion(leaf, index, other, tree.path(index), tree.root):
                assert len(_path(index, _leaves(other))) == len(tree.path(index))


@given(
    leaf=st.binary(max_size=33),
    index=st.integers(-3, 2**65),
    size=st.integers(-3, 2**65),
    path=st.lists(st.binary(max_size=33), max_size=70),
    root=st.binary(max_size=33),
)
def test_arbitrary_values_are_refused_without_an_error(
    *, leaf: bytes, index: int, size: int, path: list[bytes], root: bytes
) -> None:
    accepted = verify_inclusion(leaf, index, size, path, root)

    assert accepted == (leaf == root and len(leaf) == 32 and (index, size, path) == (0, 1, []))


def test_a_path_that_goes_on_above_the_root_is_refused() -> None:
    leaf, sibling = _leaves(2)

    assert not verify_inclusion(leaf, 0, 1, [sibling], node_hash(sibling, leaf))
    assert not verify_inclusion(leaf, 0, 1, [sibling], node_hash(leaf, sibling))


@pytest.mark.parametrize(("size", "index"), [(0, 0), (1, 1), (5, 5), (5, -1)])
def test_there_is_no_path_of_a_leaf_that_is_not_there(size: int, index: int) -> None:
    with pytest.raises(IndexError):
        inclusion_path(_leaves(size), index)
