from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from contract.province import Province
from runtime.errors import SettingsError, SettingsProblem
from runtime.settings import ListenSettings, Settings, TelemetrySettings, TLSSettings, load_settings


class Sample(Settings):
    province: Province
    listen: ListenSettings
    tls: TLSSettings
    telemetry: TelemetrySettings = TelemetrySettings()
    inbox: tuple[Path, ...] = ()
    peers: dict[str, Path]
    since: date | None = None
    timeout_s: Annotated[float, Field(gt=0)] = 5.0


GOOD = """
province = 14
inbox = ["drop", "/var/drop"]
since = 2025-12-01
timeout_s = 8
[listen]
host = "127.0.0.1"
port = 0
[tls]
certificate = "pki/tls.pem"
private_key = "pki/tls.key"
trusted_roots = "../roots.pem"
[peers]
beijing = "b.pem"
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _problems(folder: Path, text: str) -> tuple[SettingsProblem, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(Sample, _file(folder, text))
    assert caught.value.path == folder / "settings.toml"
    return caught.value.problems


def test_reads_a_file_with_paths_relative_to_its_folder(tmp_path: Path) -> None:
    assert load_settings(Sample, _file(tmp_path, GOOD)) == Sample(
        province=Province(14),
        listen=ListenSettings(host="127.0.0.1", port=0),
        tls=TLSSettings(
            certificate=tmp_path / "pki/tls.pem",
            private_key=tmp_path / "pki/tls.key",
            trusted_roots=tmp_path / "../roots.pem",
        ),
        telemetry=TelemetrySettings(host="127.0.0.1", metrics_port=0, log_level="info", log_json=True),
        inbox=(tmp_path / "drop", Path("/var/drop")),
        peers={"beijing": tmp_path / "b.pem"},
        since=date(2025, 12, 1),
        timeout_s=8.0,
    )


def test_the_folder_is_absolute_whatever_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _file(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Sample, Path("settings.toml"))
    assert settings.tls.certificate == tmp_path / "pki/tls.pem"


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load_settings(Sample, _file(tmp_path, GOOD))
    with pytest.raises(ValidationError):
        settings.timeout_s = 1.0


def test_unknown_keys_are_named(tmp_path: Path) -> None:
    text = GOOD.replace("[tls]", "backlog = 5\n[tls]")
    assert _problems(tmp_path, text) == (SettingsProblem(key="listen.backlog", expected="no such key", got="5"),)


def test_missing_keys_are_named(tmp_path: Path) -> None:
    text = GOOD.replace('host = "127.0.0.1"\n', "")
    assert _problems(tmp_path, text) == (SettingsProblem(key="listen.host", expected="a value", got="nothing"),)


def test_texts_are_no_numbers_and_numbers_no_truth(tmp_path: Path) -> None:
    text = GOOD.replace("port = 0", 'port = "8080"') + "\n[telemetry]\nlog_json = 1\n"
    assert _problems(tmp_path, text) == (
        SettingsProblem(key="listen.port", expected="a valid integer", got="'8080'"),
        SettingsProblem(key="telemetry.log_json", expected="a valid boolean", got="1"),
    )


@pytest.mark.parametrize(
    ("change", "key", "got"),
    [
        (("port = 0", "port = 70000"), "listen.port", "70000"),
        (("province = 14", "province = 99"), "province", "99"),
        (("timeout_s = 8", "timeout_s = 0"), "timeout_s", "0"),
        (('["drop", "/var/drop"]', '["drop", 7]'), "inbox.1", "7"),
        (('inbox = ["drop", "/var/drop"]', "inbox = { a = 1 }"), "inbox", "a table"),
    ],
)
def test_values_out_of_range_are_named(tmp_path: Path, change: tuple[str, str], key: str, got: str) -> None:
    (problem,) = _problems(tmp_path, GOOD.replace(*change))
    assert (problem.key, problem.got) == (key, got)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Sample, tmp_path / "none.toml")
    assert str(caught.value) == f"{tmp_path / 'none.toml'}: expected a readable file, got No such file or directory"


@pytest.mark.parametrize("content", [b"province = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="expected TOML in UTF-8"):
        load_settings(Sample, path)
