# SPDX-License-Identifier: Apache-2.0
"""A real Chromium in front of a real site. Each test has its own folder, database, port and tab; starting a Chromium takes longer than most tests, so that it goes on to the next one. JB_SHOTS=FOLDER keeps screenshots to look at."""
import importlib.util
import os

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

HERE = os.path.dirname(os.path.abspath(__file__))
SPEC = importlib.util.spec_from_file_location("cli_conftest", os.path.join(HERE, "..", "cli", "conftest.py"))
CLI = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CLI)
HANG_SECONDS = CLI.HANG_SECONDS
PASSWORD = "correct horse"

# Notes the progress of every event, over reloads.
LISTEN = """
const Plain = EventSource;
window.EventSource = class extends Plain {
  constructor(address) {
    super(address);
    this.addEventListener("message", event => {
      const seen = JSON.parse(sessionStorage.getItem("seen") || "[]");
      seen.push(JSON.parse(event.data).progress);
      sessionStorage.setItem("seen", JSON.stringify(seen));
    });
  }
};
"""


class Browser:
    """What a person does, in words."""

    def __init__(self, folder, script=True, language="ko-KR,ko"):
        options = Options()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900", "--hide-scrollbars",
                     f"--user-data-dir={folder}/chromium", f"--lang={language[:2]}"):
            options.add_argument(word)
        preferences = {"intl.accept_languages": language, "download.default_directory": str(folder), "download.prompt_for_download": False}
        if not script:
            preferences["profile.managed_default_content_settings.javascript"] = 2
        options.add_experimental_option("prefs", preferences)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(HANG_SECONDS)
        self.script = script
        self.address = None

    def fresh(self):
        """Another person in another tab: without cookies, cache, log and what the last one had set."""
        before = self.driver.window_handles
        self.driver.switch_to.new_window("tab")
        tab = self.driver.current_window_handle
        for handle in before:
            self.driver.switch_to.window(handle)
            self.driver.close()
        self.driver.switch_to.window(tab)
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        if self.script:
            self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": LISTEN})
        self.complaints()

    def open(self, path):
        self.driver.get(self.address + path)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def wait(self, what, message=""):
        return WebDriverWait(self.driver, HANG_SECONDS, poll_frequency=0.02).until(lambda driver: what(), message or self.text()[:2000])

    def wait_path(self, start):
        self.wait(lambda: self.path().startswith(start), f"{self.path()} is not {start}…")

    def wait_text(self, words):
        self.wait(lambda: words in self.text(), None)

    def path(self):
        return self.driver.current_url.replace(self.address, "", 1)

    def text(self):
        try:
            return self.find("body").text
        except Exception:  # between two pages
            return ""

    def type(self, name, text):
        box = self.find(f"[name={name}]")
        box.clear()
        box.send_keys(text)

    def press(self, css):
        button = self.find(css)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def sign_in(self, name="admin", password=PASSWORD):
        self.open("/admin/login/")
        self.wait(lambda: self.all("[name=username]"))  # on a busy machine the page of the last try may still be on its way out
        self.type("username", name)
        self.type("password", password)
        self.press("button.go")
        self.wait(lambda: "/login/" not in self.path() or self.all(".note.err"))

    def upload(self, path, direct=False, **choices):
        """From the import page of the cash book to the page of its job."""
        self.open("/admin/cash/cashbook/import/" + ("?direct=1" if direct else ""))
        self.find("[type=file]").send_keys(path)
        for name, value in choices.items():
            self.press(f"[name={name}][value={value}]")
        self.press("form[enctype] button.go")
        self.wait_path("/admin/jobs/")
        return int(self.path().split("/")[3])

    def wait_ended(self):
        self.wait(lambda: self.all(".badge.done, .badge.failed, .badge.cancelled"), None)

    def seen(self):
        import json
        return json.loads(self.driver.execute_script("return sessionStorage.getItem('seen') || '[]'"))

    def complaints(self):
        """What the browser says about scripts, styles and policies; answers with 4xx are the tests' own doing."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING") and "status of 4" not in entry["message"]]

    def shot(self, name):
        if os.environ.get("JB_SHOTS"):
            self.driver.save_screenshot(os.path.join(os.environ["JB_SHOTS"], name + ".png"))

    def phone(self, on=True):
        if on:
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True})
        else:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def dark(self):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})


def pytest_configure(config):
    config.addinivalue_line("markers", "database: what is shown depends on the database; runs on PostgreSQL too")


@pytest.fixture(scope="session")
def ready(tmp_path_factory):
    made = CLI.Site(tmp_path_factory.mktemp("ready"))
    made.run("migrate")
    made.run("user", "add", "admin", "--staff", "--superuser", "--password-stdin", stdin=(PASSWORD + "\n").encode())
    yield made
    made.close()


@pytest.fixture
def site(tmp_path, ready):
    made = CLI.Site(tmp_path, ready)
    made.environment["LANGUAGE"] = "ko"
    yield made
    made.close()


@pytest.fixture(scope="session")
def idle_browsers():
    """By language and whether they run scripts."""
    idle = {}
    yield idle
    for browsers in idle.values():
        for browser in browsers:
            browser.driver.quit()


@pytest.fixture
def browsers(tmp_path_factory, idle_browsers):
    """Gives browsers out, and takes them back."""
    used = []

    def make(address, script=True, language="ko-KR,ko"):
        idle = idle_browsers.setdefault((script, language), [])
        browser = idle.pop() if idle else Browser(tmp_path_factory.mktemp("browser"), script, language)
        used.append((idle, browser))
        browser.fresh()
        browser.address = address
        return browser

    yield make
    for idle, browser in used:
        browser.fresh()  # its pages let go of the site, which stops now
        idle.append(browser)
