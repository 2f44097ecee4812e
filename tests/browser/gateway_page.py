"""Tries the status page of a real gateway in headless Chromium: that what it shows is so, and that a click does what it says.

    python tests/browser/gateway_page.py http://127.0.0.1:8083 CONNECTOR [PICTURE.png]

The connector must run and records must keep coming. What can be shown is tried over a made-up gateway, by `status_page.py`.
"""

import json
import os
import re
import shutil
import sys
import time
import urllib.request

from playwright.sync_api import expect, sync_playwright

PATIENCE = 30


class Tries:
    def __init__(self, page, url, name):
        self.page, self.url, self.name = page, url, name
        self.held, self.failed = 0, 0
        self.complaints, self.requests = [], []
        page.on("console", lambda message: message.type in ("error", "warning") and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: request.method != "GET" and self.requests.append((request.method, request.url)))

    def promise(self, function):
        name = function.__name__.replace("_", " ")
        try:
            function(self)
        except Exception as error:
            self.failed += 1
            print(f"FAILED {name}: {' '.join(str(error).split())[:600]}", flush=True)
        else:
            self.held += 1
            print(f"ok     {name}", flush=True)

    @property
    def row(self):
        heading = self.page.get_by_role("heading", name=self.name, exact=True)
        return self.page.locator("#rows > details").filter(has=heading)

    def ask(self, path):
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return json.load(answer)

    def state(self):
        """What the interface says, which is what a click must have changed: the connector's state and its tasks'."""
        found = self.ask(f"/connectors/{self.name}/status")
        return {found["connector"]["state"], *(task["state"] for task in found["tasks"])}

    def wait_for_state(self, state):
        end = time.monotonic() + PATIENCE
        while self.state() != {state}:
            assert time.monotonic() < end, f"still {self.state()}, not {state}"
            time.sleep(0.1)


def the_page_shows_the_connector_and_that_it_runs(tries):
    page = tries.page
    page.goto(f"{tries.url}/ui")
    expect(page.locator("#link")).to_have_attribute("data-link", "live")
    expect(page.locator("#headline")).to_have_text("Everything runs as it should")
    expect(page.locator("#rows > details")).to_have_count(1)
    expect(tries.row.locator("summary .state")).to_have_text("running")
    expect(page.locator("#facts")).to_contain_text(tries.ask("/ui/data")["version"])


def its_partitions_move_on_without_a_reload(tries):
    page = tries.page
    page.evaluate("window.marked = true")
    # One that is alone is open.
    expect(tries.row).to_have_attribute("open", "")
    rows = tries.row.get_by_role("table", name="Partitions").locator("tbody tr")
    expect(rows).to_have_count(4)
    offset = rows.first.get_by_role("cell").nth(2)
    expect(offset).to_have_text(re.compile(r"\d"))
    first = offset.inner_text()
    expect(offset).not_to_have_text(first)
    assert page.evaluate("window.marked"), "the page was loaded anew"


def its_key_is_nowhere_on_the_page(tries):
    tries.row.get_by_text("Effective configuration").click()
    expect(tries.row).to_contain_text("snowflake.private.key")
    for path in ("/ui/data", f"/connectors/{tries.name}", "/connectors?expand=info"):
        assert "MII" not in json.dumps(tries.ask(path)), f"a key is in {path}"
    assert "MII" not in tries.page.content(), "a key is on the page"


def pause_and_resume_by_click_change_the_connector_after_a_yes(tries):
    dialog = tries.page.get_by_role("dialog")
    for click, path, told, state in (("Pause", "pause", "paused", "PAUSED"), ("Resume", "resume", "running", "RUNNING")):
        asked = len(tries.requests)
        tries.row.get_by_role("button", name=click).click()
        expect(dialog).to_contain_text(f"{click} {tries.name}?")
        assert len(tries.requests) == asked, "it asked before the yes"
        dialog.get_by_role("button", name=click).click()
        expect(tries.row.locator("summary .state")).to_have_text(told)
        assert tries.requests[asked:] == [("PUT", f"{tries.url}/connectors/{tries.name}/{path}")], tries.requests
        tries.wait_for_state(state)


def restart_by_click_brings_it_back_with_its_tasks(tries):
    tries.row.get_by_role("button", name="Restart").click()
    tries.page.get_by_role("dialog").get_by_role("button", name="Restart").click()
    expect(tries.page.locator("#notice")).to_have_text(f"Restart of {tries.name} accepted.")
    tries.wait_for_state("RUNNING")
    expect(tries.row.locator("summary .state")).to_have_text("running")


def the_browser_had_nothing_to_complain_about(tries):
    assert not tries.complaints, tries.complaints


PROMISES = [
    the_page_shows_the_connector_and_that_it_runs,
    its_partitions_move_on_without_a_reload,
    its_key_is_nowhere_on_the_page,
    pause_and_resume_by_click_change_the_connector_after_a_yes,
    restart_by_click_brings_it_back_with_its_tasks,
    the_browser_had_nothing_to_complain_about,
]


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: gateway_page.py URL CONNECTOR [PICTURE.png]")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        # Its sandbox needs a user of its own, which a test machine's root is not.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        tries = Tries(page, sys.argv[1].rstrip("/"), sys.argv[2])
        for promise in PROMISES:
            tries.promise(promise)
        if len(sys.argv) == 4:
            page.screenshot(path=sys.argv[3], full_page=True)
        browser.close()
    print(f"{tries.held} passed, {tries.failed} failed")
    sys.exit(1 if tries.failed else 0)


if __name__ == "__main__":
    main()
