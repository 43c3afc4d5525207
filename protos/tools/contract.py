"""Builds and guards the contract: generated code, lint, compatibility.

    python protos/tools/contract.py generate           protos/huren/**.proto -> protos/gen
    python protos/tools/contract.py drift              is protos/gen what the protos say?
    python protos/tools/contract.py lint               buf lint
    python protos/tools/contract.py breaking           buf breaking, against the newest protos/released/*.binpb
    python protos/tools/contract.py release 1.2.0      writes protos/released/1.2.0.binpb

* protoc is the only compiler. buf judges the image that protoc made, so that both see the same files and comments.
* `buf/validate/validate.proto` is in nobody's tree. Its descriptor comes out of the installed protovalidate, which is
  therefore always of the version that enforces it. protoc takes it as `--descriptor_set_in`; the generated code finds
  it through `protos/bridge/buf/validate/validate_pb2.py`, which reads the same place.
* A released image holds our own files only. What they import is added from the current image before buf compares, and
  is never itself compared.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

if TYPE_CHECKING:
    from collections.abc import Sequence

PROTOS: Final = Path(__file__).resolve().parents[1]
GENERATED: Final = PROTOS / "gen"
RELEASED: Final = PROTOS / "released"
BUILD: Final = PROTOS.parent / "build" / "protos"
OWN_PREFIX: Final = "huren/"

WELL_KNOWN: Final = Path(protoc.__file__).parent / "_proto"
"""google/protobuf/*.proto, as grpcio-tools ships them."""

PACKAGE_MARK: Final = "# Made by `make protos`; do not edit.\n"


class ContractError(Exception):
    """The contract, or a tool that judges it, says no; the message says what to do."""


# --- Generate ---------------------------------------------------------------------------------------------------------


def generate(into: Path) -> None:
    """Writes the Python package of the contract: messages, services, their stubs, and what makes them a typed package.

    Files that no proto accounts for any more are removed.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        _generate_into_empty(fresh)
        wanted = _files_below(fresh)
        for path in _files_below(into) - wanted:
            (into / path).unlink()
        for path in wanted:
            # Unchanged files keep their time of change: caches of type checkers and interpreters stay warm.
            if not (into / path).exists() or not filecmp.cmp(fresh / path, into / path, shallow=False):
                (into / path).parent.mkdir(parents=True, exist_ok=True)
                (into / path).write_bytes((fresh / path).read_bytes())
    for directory in sorted((p for p in into.rglob("*") if p.is_dir()), reverse=True):
        if not any(p.name != "__pycache__" for p in directory.iterdir()):
            _remove_leftovers(directory)


def drift() -> list[str]:
    """The files in which protos/gen differs from what the protos say, each with the way it differs."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        _generate_into_empty(fresh)
        wanted, found = _files_below(fresh), _files_below(GENERATED)
        differing = {path for path in wanted & found if not filecmp.cmp(fresh / path, GENERATED / path, shallow=False)}
    return sorted(
        [f"protos/gen/{path}: missing" for path in wanted - found]
        + [f"protos/gen/{path}: no proto says so" for path in found - wanted]
        + [f"protos/gen/{path}: differs" for path in differing]
    )


def _generate_into_empty(out: Path) -> None:
    scripts = Path(sysconfig.get_path("scripts"))
    _protoc(
        f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
        f"--python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--grpc_python_out={out}",
        f"--mypy_grpc_out=quiet:{out}",
    )
    for proto in _own_protos():
        if not re.search(r"^service\s", (PROTOS / proto).read_text("utf-8"), re.MULTILINE):
            # The gRPC plugin writes a file for every proto, and says nothing in it when there is no service.
            stem = proto.removesuffix(".proto")
            (out / f"{stem}_pb2_grpc.py").unlink()
            (out / f"{stem}_pb2_grpc.pyi").unlink(missing_ok=True)
    for directory in (p for p in out.rglob("*") if p.is_dir()):
        (directory / "__init__.py").write_text(PACKAGE_MARK, "utf-8")
    (out / OWN_PREFIX / "py.typed").touch()


def _files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _remove_leftovers(directory: Path) -> None:
    for cached in directory.rglob("*.pyc"):
        cached.unlink()
    for empty in sorted(directory.rglob("*"), reverse=True):
        empty.rmdir()
    directory.rmdir()


# --- Judge ------------------------------------------------------------------------------------------------------------


def lint() -> None:
    """Holds the contract against the rules in buf.yaml.

    Raises:
        ContractError: It breaks one; buf has printed which.
    """
    _buf("lint", _current_image())


def breaking() -> str:
    """Compares the contract with its last release, and says with which.

    Raises:
        ContractError: A member that still speaks the last release would not be understood; buf has printed where.
    """
    released = newest_release()
    if released is None:
        return "nothing is released yet"
    image = _current_image()
    current = FileDescriptorSet.FromString(image.read_bytes())
    against = FileDescriptorSet.FromString(released.read_bytes())
    against.file.extend(file for file in current.file if not file.name.startswith(OWN_PREFIX))
    completed = BUILD / "released.binpb"
    completed.write_bytes(against.SerializeToString(deterministic=True))
    _buf("breaking", image, "--against", str(completed))
    return f"compatible with {released.stem}"


def release(name: str) -> Path:
    """Keeps the contract as it is now as the one that later changes must stay compatible with.

    Raises:
        ContractError: The name is no version, is taken, is not the newest, or the contract does not pass lint.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", name):
        raise ContractError(f"a release is named like 1.2.0, not {name!r}")
    newest = newest_release()
    if newest is not None and _version(Path(f"{name}.binpb")) <= _version(newest):
        raise ContractError(f"{name} does not come after {newest.stem}")
    lint()
    image = FileDescriptorSet.FromString(_current_image().read_bytes())
    own = FileDescriptorSet(file=[file for file in image.file if file.name.startswith(OWN_PREFIX)])
    for file in own.file:
        file.ClearField("source_code_info")
    RELEASED.mkdir(exist_ok=True)
    target = RELEASED / f"{name}.binpb"
    target.write_bytes(own.SerializeToString(deterministic=True))
    return target


def newest_release() -> Path | None:
    """The image of the last released contract; None before the first."""
    return max(RELEASED.glob("*.binpb"), key=_version, default=None)


def _version(image: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in image.stem.split("."))


def _current_image() -> Path:
    BUILD.mkdir(parents=True, exist_ok=True)
    image = BUILD / "current.binpb"
    _protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={image}")
    return image


# --- Tools ------------------------------------------------------------------------------------------------------------


def _own_protos() -> list[str]:
    found = sorted(path.relative_to(PROTOS).as_posix() for path in (PROTOS / OWN_PREFIX).rglob("*.proto"))
    if not found:
        raise ContractError(f"no .proto below protos/{OWN_PREFIX}")
    return found


def _protoc(*options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        validate = Path(folder) / "validate.binpb"
        validate.write_bytes(_validate_descriptor().SerializeToString())
        arguments = [f"-I{PROTOS}", f"-I{WELL_KNOWN}", f"--descriptor_set_in={validate}", *options, *_own_protos()]
        code = protoc.main(["protoc", *arguments])
    if code != 0:
        raise ContractError("protoc refuses the contract (see above)")


def _validate_descriptor() -> FileDescriptorSet:
    try:
        from protovalidate._gen.buf.validate import validate_pb  # noqa: PLC0415 (its absence is explained)

        serialized = validate_pb.desc().proto.to_binary()
    except (ImportError, AttributeError) as error:
        installed = version("protovalidate")
        raise ContractError(f"protovalidate {installed} keeps the descriptor of its options elsewhere") from error
    descriptors = FileDescriptorSet()
    descriptors.file.add().ParseFromString(serialized)
    return descriptors


def _buf(command: str, image: Path, *options: str) -> None:
    machine = {"x86_64": "x64", "aarch64": "aarch64"}.get(platform.machine())
    binary = PROTOS / "node_modules" / "@bufbuild" / f"buf-linux-{machine}" / "bin" / "buf"
    if not binary.exists():
        raise ContractError("buf is not installed: make protos-check installs it (Linux on x86_64 or aarch64)")
    cache = PROTOS.parent / ".cache" / "buf"
    arguments = [str(binary), command, str(image), "--config", str(PROTOS / "buf.yaml"), "--path", OWN_PREFIX, *options]
    finished = subprocess.run(arguments, check=False, cwd=PROTOS, env={**os.environ, "BUF_CACHE_DIR": str(cache)})
    if finished.returncode != 0:
        raise ContractError(f"buf {command} refuses the contract (see above)")


# --- Command ----------------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one of the commands in the docstring of this file; the exit code is 1 when the contract is refused."""
    parser = argparse.ArgumentParser(description="Builds and guards the contract.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("generate", "drift", "lint", "breaking"):
        commands.add_parser(name)
    commands.add_parser("release").add_argument("version")
    asked = parser.parse_args(arguments)
    try:
        print(f"contract {asked.command}: {_run(asked)}")
    except ContractError as error:
        print(f"contract {asked.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _run(asked: argparse.Namespace) -> str:
    match asked.command:
        case "generate":
            generate(GENERATED)
            return f"{len(_own_protos())} protos -> protos/gen"
        case "drift":
            if differences := drift():
                raise ContractError("\n  ".join(["protos/gen is not what the protos say (make protos):", *differences]))
            return "none"
        case "lint":
            lint()
            return "no findings"
        case "breaking":
            return breaking()
        case _:
            return f"wrote {release(asked.version).relative_to(PROTOS.parent)}"


if __name__ == "__main__":
    sys.exit(main())
