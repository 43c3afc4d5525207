"""The registry of the demonstration as a file: one subject a line.

JSON Lines, UTF-8, LF after every line; each line is a `contract.registry.RegistryEntry`. Every member reads the same file, which
knows all subjects of the invented world. Reading is strict: the first wrong line is refused by its number.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import ValidationError

from contract.registry import FormerName, Registration, RegistryEntry
from sandbox.world import Enterprise, World


class RegistryFileError(ValueError):
    """The file is not a registry. The message names the line, never what stands in it."""


def registry_entries(world: World) -> tuple[RegistryEntry, ...]:
    """What the registry says about every subject, in the order of the world."""
    return tuple(_entry(enterprise) for enterprise in world.enterprises)


def write_registry(world: World, path: Path) -> None:
    """Writes the registry of a world. The same world gives the same bytes.

    Raises:
        OSError: The file cannot be written.
    """
    lines = [f"{entry.model_dump_json(exclude_defaults=True)}\n" for entry in registry_entries(world)]
    path.write_bytes("".join(lines).encode())


def read_registry(path: Path) -> tuple[RegistryEntry, ...]:
    """Reads a registry.

    Raises:
        RegistryFileError: A line is not an entry, a code stands twice, or the last line does not end.
        OSError: The file cannot be read.
    """
    *lines, rest = path.read_bytes().split(b"\n")
    if rest:
        raise RegistryFileError(f"line {len(lines) + 1}: expected a line feed at its end")
    found: dict[str, RegistryEntry] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = RegistryEntry.model_validate_json(line, strict=True)
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in fault["loc"]) or "the line"
            raise RegistryFileError(f"line {number}: {where}: {fault['type']}") from None
        if entry.uscc in found:
            raise RegistryFileError(f"line {number}: expected a code that has no line yet")
        found[entry.uscc] = entry
    return tuple(found.values())


def _entry(enterprise: Enterprise) -> RegistryEntry:
    return RegistryEntry(
        uscc=enterprise.uscc,
        name=enterprise.name,
        kind=enterprise.kind,
        status=enterprise.status,
        cancelled_on=enterprise.cancelled_on,
        registrations=tuple(Registration(province=province, since=since) for province, since in enterprise.homes),
        former_names=_former_names(enterprise),
        registration_number=enterprise.registration_number,
    )


def _former_names(enterprise: Enterprise) -> tuple[FormerName, ...]:
    begun = enterprise.homes[0][1]
    found = []
    for name, last in enterprise.former_names:
        found.append(FormerName(name=name, valid_from=begun, valid_to=last))
        begun = last + timedelta(days=1)
    return tuple(found)
