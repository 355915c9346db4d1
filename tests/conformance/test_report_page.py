"""The HTML report in a browser: what is on the page, that filters and cells work, and that nothing is requested."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnspec_conformance.outcome import Outcome
from nnspec_conformance.report import html
from tests.conformance.report_facts import DEVIATION, HOSTILE, chosen, facts, passed, planted

selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="chromium and chromedriver are not installed")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
)
FAILED = "jax-float32-normalization-forward-LayerNorm-large mean"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(executable_path=DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    html.write(planted(), path)
    return path.as_uri()


@pytest.fixture
def page(browser: Any, written: str) -> Any:
    """The page, freshly loaded, without anything in its address."""
    return opened(browser, written)


def opened(browser: Any, address: str) -> Any:
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(address)
    return browser


def all_of(page: Any, selector: str) -> list[Any]:
    return [element for element in page.find_elements("css selector", selector) if element.is_displayed()]


def one(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def cell(page: Any, test: Outcome | str) -> Any:
    """The cell of a test, by its family, case, and what it says to a screen reader."""
    found = page.execute_script(
        "const at = JSON.parse(document.getElementById('data').textContent).outcomes.findIndex((row, index) => "
        "arguments[0] === tests[index].id); return document.querySelector(`.cell[data-at='${at}']`)",
        test if isinstance(test, str) else test.id,
    )
    assert found is not None, test
    return found


def choose(page: Any, name: str, value: str) -> None:
    one(page, f"#{name} option[value='{value}']").click()


def shown(page: Any) -> int:
    """How many tests the page says that it shows."""
    return int(one(page, "#shown").text.split()[0].replace(",", ""))


def test_what_stands_on_the_page(page: Any) -> None:
    run = planted()
    assert page.title == "nnspec conformance: failed"
    assert "4 of" in one(page, ".verdict").text
    head = one(page, "header").text
    assert all(part in head for part in ("jax 0.10.2", "tensorflow 2.21.0", "on gpu:0", "jax 1,226, tensorflow 1,227"))
    assert len(all_of(page, ".matrix tbody tr")) == len({(o.family, o.case) for o in run.outcomes})
    assert page.execute_script("return document.querySelectorAll('.matrix .cell').length") == len(run.outcomes)
    assert shown(page) == len(run.outcomes)
    deviations = one(page, "[aria-labelledby='deviations-title'] tbody").text
    assert DEVIATION.reason in deviations
    assert "passes: remove it" in deviations
    assert one(page, "[aria-labelledby='deviations-title'] a").get_attribute("href") == DEVIATION.link


def test_cells_tell_outcomes_apart_without_color(page: Any) -> None:
    """A sign for each outcome but "passed", which shows its error; words for a screen reader."""
    signs = {"failed": "✕", "error": "!", "deviation": "△", "stale": "◇", "not implemented": "–"}
    for outcome in planted().outcomes:
        if outcome.status in signs:
            found = cell(page, outcome)
            assert found.text == signs[outcome.status]
            assert f": {outcome.status}" in found.get_attribute("aria-label")
    quiet = next(o for o in planted().outcomes if o.status == "passed" and o.ulp == 3.5)
    assert cell(page, quiet).text == "4"
    assert cell(page, quiet).get_attribute("aria-label").endswith("passed, 3.5 ULP")
    legend = one(page, "#legend").text
    assert all(sign in legend and status in legend for status, sign in signs.items())


def test_a_failing_cell_opens_and_closes(page: Any) -> None:
    found = cell(page, FAILED)
    assert found.get_attribute("aria-expanded") == "false"
    found.click()
    assert found.get_attribute("aria-expanded") == "true"
    detail = one(page, ".detail")
    assert "element [3, 1]: 0.7312 instead of 0.7301" in detail.find_element("css selector", ".worst").text
    assert "spec: LayerNorm" in detail.find_element("css selector", ".spec").text
    assert "offset: 1000" in detail.find_element("css selector", ".spec").text
    assert detail.find_element("css selector", ".command code").text == (
        f"""nnspec conformance --backend jax --dtype float32 -k "'{FAILED}'\""""
    )
    rows = [row.text for row in detail.find_elements("css selector", ".figures tbody tr")]
    assert rows[0].split()[:4] == ["y", "3.2e-5", "4e-7", "268"]
    assert rows[1].startswith("mean")
    assert "fails the check 'forward'" in detail.find_element("css selector", ".message").text
    found.click()
    assert found.get_attribute("aria-expanded") == "false"
    assert not all_of(page, ".detail")


def test_filters(page: Any) -> None:
    run = planted()
    bad = [o for o in run.outcomes if not o.good]
    one(page, "#show-bad").click()
    assert shown(page) == len(bad)
    assert len(all_of(page, ".matrix tbody tr")) == len({(o.family, o.case) for o in bad})
    assert one(page, "#statuses [aria-pressed='true']").text.startswith("✕ does not pass")
    choose(page, "family", "losses")
    assert shown(page) == sum(o.family == "losses" for o in bad)
    one(page, "#clear").click()
    assert shown(page) == len(run.outcomes)
    choose(page, "check", "gradients")
    choose(page, "place", "tensorflow float32")
    expected = [o for o in run.outcomes if (o.check, o.backend, o.dtype) == ("gradients", "tensorflow", "float32")]
    assert shown(page) == len(expected)
    bars = one(page, ".histogram").get_attribute("aria-label")
    assert len(all_of(page, ".histogram")) == 1
    assert sum(int(part.rpartition(": ")[2]) for part in bars.partition(": ")[2].split(", ")) == len(expected)
    one(page, "#clear").click()
    one(page, "#text").send_keys("layernorm LARGE")
    assert shown(page) == sum("LayerNorm" in o.case and "large" in o.case for o in run.outcomes)
    one(page, "#text").send_keys(" nothing")
    assert one(page, "#shown").text == "No test fits these filters."
    assert not all_of(page, ".family")


def test_the_address_brings_filters_and_open_cells_back(page: Any) -> None:
    choose(page, "family", "normalization")
    choose(page, "color", "share")
    cell(page, FAILED).click()
    before, address = shown(page), page.current_url
    opened(page, address)
    assert shown(page) == before
    assert one(page, "#color").get_attribute("value") == "share"
    assert "0.7312" in one(page, ".detail").text


def test_keys_alone_are_enough(page: Any) -> None:
    """One stop of the tab key per family, arrows from cell to cell, the space bar opens, Escape closes."""
    stops = page.execute_script(
        "return [...document.querySelectorAll('.family')].map(f => f.querySelectorAll('.cell[tabindex=\"0\"]').length)"
    )
    assert set(stops) == {1}
    cell(page, FAILED).click()
    cell(page, FAILED).click()

    def press(key: str) -> Any:
        selenium.ActionChains(page).send_keys(key).perform()
        return page.switch_to.active_element

    keys = selenium.Keys
    there = press(keys.ARROW_RIGHT)
    assert there.get_attribute("aria-label").startswith("LayerNorm-large mean, ")
    assert there != cell(page, FAILED)
    assert press(keys.ARROW_LEFT) == cell(page, FAILED)
    below = press(keys.ARROW_DOWN)
    assert not below.get_attribute("aria-label").startswith("LayerNorm-large mean, ")
    assert press(keys.ARROW_UP) == cell(page, FAILED)
    press(keys.SPACE)
    assert len(all_of(page, ".detail")) == 1
    assert press(keys.ESCAPE) == cell(page, FAILED)
    assert not all_of(page, ".detail")


def test_hostile_names_are_shown_and_do_nothing(page: Any) -> None:
    for outcome in planted().outcomes:
        if HOSTILE in (outcome.case, outcome.message.removeprefix("TypeError: ")):
            cell(page, outcome).click()
    details = [detail.get_attribute("textContent") for detail in page.find_elements("css selector", ".detail")]
    assert len(details) == 2
    assert all(HOSTILE in detail for detail in details)
    assert page.title == "nnspec conformance: failed"
    assert page.execute_script("return document.scripts.length") == 2
    assert (
        page.execute_script("return document.querySelectorAll('main b:not([class]), body > script[src]').length") == 0
    )


def test_nothing_is_requested_and_nothing_goes_wrong(page: Any, written: str) -> None:
    cell(page, FAILED).click()
    choose(page, "color", "share")
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    requests = {
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    }
    assert requests <= {written, "data:,"}
    assert written in requests
    assert page.get_log("browser") == []


def test_a_page_that_is_tampered_with_runs_nothing_else(browser: Any, tmp_path: Path) -> None:
    """The page's policy holds: a script that someone adds does not run."""
    path = tmp_path / "report.html"
    added = "<script>document.title = 'owned'</script><img src='x' onerror='document.title = 1'></body>"
    path.write_text(html.render(planted()).replace("</body>", added), encoding="utf-8")
    page = opened(browser, path.as_uri())
    assert page.title == "nnspec conformance: failed"
    assert len(page.get_log("browser")) >= 2


@pytest.mark.parametrize("width", [1400, 400])
def test_the_page_itself_never_scrolls_sideways(page: Any, width: int) -> None:
    page.set_window_size(width, 1000)
    cell(page, FAILED).click()
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    page.set_window_size(1400, 1000)


def test_five_thousand_tests_are_quick(browser: Any, tmp_path: Path) -> None:
    items = chosen(lambda item: True)
    copies = [passed(item) for item in items]
    more = [o for o in (*copies, *copies) if o.backend == "jax"]
    extra = [type(o)(**{**vars(o), "backend": f"other{at % 3}", "dtype": "bfloat16"}) for at, o in enumerate(more)]
    run = facts(items, *{o.id: o for o in extra}.values())
    assert len(run.outcomes) >= 5000
    path = tmp_path / "report.html"
    html.write(run, path)
    assert path.stat().st_size < 1000 * len(run.outcomes)
    page = opened(browser, path.as_uri())
    assert shown(page) == len(run.outcomes)
    timing = "performance.timing"
    assert page.execute_script(f"return {timing}.domComplete - {timing}.responseEnd") < 10_000
    spent = page.execute_script(
        "const t = performance.now(); field('check').value = 'forward'; filter(); return performance.now() - t"
    )
    assert spent < 2_000
    assert shown(page) == sum(o.check == "forward" for o in run.outcomes)
