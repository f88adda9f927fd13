"""Checks of a report in a real headless browser; used by tests and on the workflow's own report."""

import difflib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PHONE = 400  # pixels
WIDTHS = {"phone": PHONE, "laptop": 1280, "print": 794}
LARGEST = 5e6  # bytes of a page, but for the one that holds every run


def binaries() -> tuple[str, str] | None:
    """Paths of Chromium and its driver, or None."""
    browser = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def require() -> None:
    """Skip the calling test without a browser; fail it where CI is set."""
    import pytest

    if binaries() is None:
        reason = "no Chromium with chromedriver (Debian: apt-get install chromium chromium-driver)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def chromium(javascript: bool = True) -> Iterator:
    """A headless Chromium with its own profile, both logs on; closed afterwards."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    browser, driver_path = binaries()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for flag in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--window-size=1200,900", f"--user-data-dir={profile}",
            "about:blank",
        ):  # fmt: skip
            options.add_argument(flag)
        if not javascript:
            options.add_experimental_option(
                "prefs", {"profile.managed_default_content_settings.javascript": 2}
            )
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(executable_path=driver_path))
        try:
            driver.set_page_load_timeout(60)
            driver.get("about:blank")  # leave Chromium's own start page, and forget its requests
            driver.get_log("performance")
            driver.get_log("browser")
            yield driver
        finally:
            driver.quit()


class _Page(HTMLParser):
    """Links, sources, ids and images of a page, without a browser."""

    def __init__(self, text: str):
        super().__init__()
        self.targets: list[str] = []
        self.ids: list[str] = []
        self.images: list[dict[str, str]] = []
        self.scripts = 0
        self.without_script = False  # whether the page says what it lacks without JavaScript
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        self.targets += [values[name] for name in ("href", "src") if name in values]
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "img":
            self.images.append(values)
        self.scripts += tag == "script"
        self.without_script |= tag == "noscript"

    def handle_data(self, data):
        if self.cdata_elem is None:  # neither script nor style
            self.text += data


def parse(index: Path) -> _Page:
    return _Page(index.read_text(encoding="utf-8"))


def check_links(index: Path) -> _Page:
    """Every relative link and source exists inside the site, every fragment has its element."""
    page = parse(index)
    assert len(page.ids) == len(set(page.ids)), "an id is used twice"
    for target in page.targets:
        parts = urlsplit(target)
        if parts.scheme in ("https", "data"):
            continue
        assert not parts.scheme, f"{index}: '{target}' is neither relative nor https"
        if parts.path:
            file = (index.parent / unquote(parts.path)).resolve()
            assert file.is_file(), f"{index}: '{target}' leads nowhere"
            front = index.parent.parent.resolve() / "index.html"
            inside = index.parent.resolve() in file.parents or file == front
            assert inside, f"'{target}' leaves the site"
            if parts.fragment:
                assert parts.fragment in parse(file).ids, f"{index}: '{target}' leads nowhere"
        elif parts.fragment:
            assert parts.fragment in page.ids, f"{index}: '{target}' leads nowhere"
        else:
            raise AssertionError(f"{index}: an empty link")
    for image in page.images:
        assert image.get("alt", "").strip(), f"{image.get('src')}: no alternative text"
    return page


def _open(driver, index: Path) -> None:
    """Open the page and wait until it, and every image that will ever arrive, has loaded."""
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(index.resolve().as_uri())
    # chromedriver now and then returns between the swap of documents and the load event.
    loaded = (
        "return document.readyState === 'complete' && document.URL.startsWith('file:') && "
        "Array.from(document.images).every(i => i.complete)"
    )
    try:
        WebDriverWait(driver, 60).until(lambda page: page.execute_script(loaded))
    except TimeoutException as error:
        raise AssertionError(f"{index}: not loaded within 60 s") from error


def _requests(driver) -> list[str]:
    urls = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            urls.append(message["params"].get("request", message["params"])["url"])
    return urls


def _width(driver, width: int) -> int:
    """Width that the page takes when shown ``width`` pixels wide."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    taken = driver.execute_script(
        "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
    )
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return taken


def _text(driver) -> str:
    return " ".join(driver.find_element("tag name", "body").text.split())


def check_site(index: Path, accessible: Collection[str] = ()) -> None:
    """Open every page beside ``index`` from the file system and assert that it is whole.

    The pages in ``accessible`` are also checked by axe, see :func:`check_accessible`.

    No broken link, no severe console entry, no request to anything but files, every figure drawn
    and with alternative text, no sideways scrolling on a phone, and the same text without
    JavaScript, or a word on what needs it. Every page is reached from ``index``.

    Raises
    ------
    AssertionError
        With what is wrong.
    """
    index = Path(index).resolve()
    pages = sorted(index.parent.glob("*.html"))
    parsed = {path: check_links(path) for path in pages}
    reached = {(index.parent / target).name for target in parsed[index].targets}
    lost = {path.name for path in pages} - reached - {index.name}
    assert not lost, f"{index} does not lead to {lost}"
    sizes = {path.name: path.stat().st_size for path in pages if path.name != "explore.html"}
    assert max(sizes.values()) < LARGEST, f"bytes of the pages: {sizes}"
    with chromium() as driver:
        texts = {path: _check_page(driver, path, len(parsed[path].images)) for path in pages}
        for name in accessible:
            check_accessible(driver, index.parent / name)
    with chromium(javascript=False) as driver:
        for path, text in texts.items():
            _open(driver, path)
            if parsed[path].without_script:
                says = "need JavaScript" in _text(driver)
                assert says, f"{path.name}: does not say what it lacks without JavaScript"
            else:
                without = _text(driver)
                differ = [*difflib.unified_diff(text.split(), without.split(), lineterm="", n=2)]
                assert not differ, f"{path.name}: without JavaScript the text differs {differ}"


def _check_page(driver, path: Path, count: int) -> str:
    """Text of one page, after the checks that need JavaScript."""
    _open(driver, path)
    images = driver.execute_script(
        "return Array.from(document.images, i => [i.getAttribute('src'), i.alt, i.complete, "
        "i.naturalWidth, i.getBoundingClientRect().width])"
    )
    assert len(images) == count
    for source, alt, complete, natural, shown in images:
        assert complete, f"{source}: not loaded"
        assert natural > 0, f"{source}: not drawn"
        assert shown > 0, f"{source}: not visible"
        assert alt.strip(), f"{source}: no alternative text"
    assert driver.title.strip(), f"{path.name} has no title"
    text = _text(driver)  # before the width changes, which takes effect some time later
    taken = _width(driver, PHONE)
    assert taken <= PHONE, f"at {PHONE} pixels {path.name} is {taken} pixels wide"
    severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not severe, f"console: {severe}"
    requests = _requests(driver)
    assert any(url.startswith("file:") for url in requests), "the log shows no request at all"
    outside = [url for url in requests if not url.startswith(("file:", "data:"))]
    assert not outside, f"requests that leave the file system: {outside}"
    return text


def axe() -> str | None:
    """The script of axe-core, which knows what makes a page hard to use; None if not installed."""
    found = find_spec("axe_core_python")
    if found is None or found.origin is None:
        assert not os.environ.get("CI"), "axe-core-python of the extra 'dev' is not installed"
        return None
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def check_accessible(driver, page: Path) -> None:
    """Nothing that axe objects to, on a phone, a laptop and paper, light and dark.

    What depends on the scheme are contrasts; paper is always light.
    """
    script = axe()
    if script is None:
        return
    driver.set_script_timeout(120)
    contrasts = {"runOnly": ["color-contrast"]}
    for size, width in WIDTHS.items():
        schemes = {"light": {}} if size == "print" else {"light": {}, "dark": contrasts}
        for scheme, rules in schemes.items():
            with _shown(driver, width, "print" if size == "print" else "screen", scheme):
                _open(driver, page)
                driver.execute_script(script)
                violations = driver.execute_async_script(
                    "const done = arguments[1]; axe.run(arguments[0]).then(found => done("
                    "found.violations.map(v => [v.id, ...v.nodes.slice(0, 3).map(n => n.html)])))",
                    rules,
                )
                assert not violations, f"{page.name}, {size}, {scheme}: {violations}"
                taken = driver.execute_script("return document.documentElement.scrollWidth")
                assert taken <= width, f"{page.name}, {size}: {taken} pixels wide"


@contextmanager
def _shown(driver, width: int, medium: str, scheme: str) -> Iterator[None]:
    """As on a screen or paper of that width, to a reader who prefers that scheme."""
    preferred = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": preferred})
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    yield
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def screenshot(index: Path, path: Path, width: int = 1100) -> None:
    """Save the whole page as PNG, to be looked at."""
    import base64

    with chromium() as driver:
        _open(driver, Path(index))
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        height = driver.execute_script("return document.documentElement.scrollHeight")
        image = driver.execute_cdp_cmd(
            "Page.captureScreenshot",
            {
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
            },
        )
        Path(path).write_bytes(base64.b64decode(image["data"]))
