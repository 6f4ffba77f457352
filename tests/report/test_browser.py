"""The page in a real browser: nothing is missing, nothing is complained about."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest

from shortlist.baselines import EASE, ItemKNN
from shortlist.data import Interactions, splits
from shortlist.evaluation import evaluate
from shortlist.report import Cost, DataFacts, Example, Place, Study, Tuned, html

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--v=0",
]  # fmt: skip
# What the page itself says on the console; what the browser says of its machine is another matter.
CONSOLE = re.compile(r":CONSOLE[(:]\d+\)?\] (.*)")
# Said by a script that is added here and not in the page: how large each figure was drawn.
PROBE = """<script>addEventListener("load", () => {
  for (const figure of document.querySelectorAll("figure")) {
    const svg = figure.querySelector("svg"), box = svg.getBoundingClientRect();
    figure.dataset.drawn = svg.querySelectorAll("circle").length + " " +
      Math.round(box.width) + " " + Math.round(box.height);
  }
  document.body.dataset.wide = document.documentElement.scrollWidth - innerWidth;
});</script></body>"""


def opened(path, *flags):
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={path.parent / 'profile'}", *flags]
    return subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )


@pytest.fixture(scope="module")
def page():
    draw = np.random.default_rng(0)
    log = Interactions(
        {
            "user": draw.integers(0, 60, 900),
            "item": (draw.beta(0.7, 2, 900) * 50).astype(int),
            "time": 900_000_000 + np.arange(900) * 86_400,
        },
        duplicates="keep",
    )
    split = splits.by_user_time(log)
    models = {"item-knn": ItemKNN().fit(split.train), "ease": EASE().fit(split.train)}
    report = evaluate(models, split, ks=[1, 5, 10, 20])
    place = Place("<b>A film</b> with a long title (1999)", hit=True)
    study = Study(
        "Models on drawn data",
        report,
        "ndcg@10",
        DataFacts.of(log),
        {name: Cost(1.0, 1.0, 2**26) for name in models},
        {name: Tuned({"shrinkage": 10.0}, 0.3, 4) for name in models},
        examples=[Example(7, ["A film"] * 10, 31, {name: [place] * 10 for name in report.models})],
    )
    return html(study)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_all_figures_are_drawn_and_the_console_is_empty(page, tmp_path):
    path = tmp_path / "report.html"
    # The page forbids all scripts; the probe is let in here alone.
    probed = page.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")
    path.write_text(probed.replace("</body>", PROBE), encoding="utf-8")
    found = opened(path, "--window-size=1280,2000", "--dump-dom")
    assert CONSOLE.findall(found.stderr) == []
    drawn = dict(re.findall(r'<figure id="figure-([a-z-]+)" data-drawn="([\d ]+)"', found.stdout))
    assert set(drawn) == {
        "intervals", "ndcg-by-k", "recall-by-k", "relevance-diversity", "long-tail", "over-time"
    }  # fmt: skip
    for name, text in drawn.items():
        points, width, height = map(int, text.split())
        assert points >= 3, name
        assert width > 200, name
        assert height > 100, name
    assert int(re.search(r'data-wide="(-?\d+)"', found.stdout)[1]) <= 0


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_as_it_is_says_nothing_and_is_seen(page, tmp_path):
    path, picture = tmp_path / "report.html", tmp_path / "page.png"
    path.write_text(page, encoding="utf-8")
    found = opened(path, "--window-size=1280,3200", f"--screenshot={picture}")
    assert CONSOLE.findall(found.stderr) == []
    assert picture.stat().st_size > 50_000


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_an_error_would_be_seen(page, tmp_path):
    """The console is empty above because nothing is wrong, and not because nobody listens."""
    path = tmp_path / "report.html"
    path.write_text(page.replace("</body>", PROBE), encoding="utf-8")
    assert any(
        "Content Security Policy" in line
        for line in CONSOLE.findall(opened(path, "--dump-dom").stderr)
    )
