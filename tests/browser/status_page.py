"""Tries the status page in headless Chromium, as a person would.

    python tests/browser/status_page.py http://127.0.0.1:PORT/ui

The address is that of `cargo run -p snowgate-connect --example page`: its made-up gateway has the scenes and names used here.
Needs Playwright for Python and a Chromium (`CHROMIUM`, or the system's, or Playwright's own). Prints one line for each promise,
then how many held; exits 1 when one did not.
"""

import os
import re
import shutil
import sys
from contextlib import contextmanager

from playwright.sync_api import expect, sync_playwright

HOSTILE = "<img src=x onerror=\"document.title='broken'\">"
WIDTHS = {"phone": (320, 720), "desk": (1440, 900)}
HEADLINES = {
    "healthy": "Everything runs as it should",
    "many": "Everything runs as it should",
    "troubled": "3 of 5 pipelines need attention",
    "empty": "Nothing to run",
}
NUMBER = re.compile(r"\d")


class Tries:
    def __init__(self, browser, url):
        self.browser, self.url = browser, url
        self.origin = url.removesuffix("/ui")
        self.held, self.failed = 0, 0

    @contextmanager
    def page(self, scene="healthy", scheme="light", width="desk", **options):
        """A fresh browser profile on the page. Whatever the browser complains about fails the promise."""
        w, h = WIDTHS[width]
        context = self.browser.new_context(color_scheme=scheme, viewport={"width": w, "height": h}, **options)
        context.set_default_timeout(10_000)
        page = context.new_page()
        complaints = []
        page.on("console", lambda message: message.type in ("error", "warning") and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('policy', e.violatedDirective, e.blockedURI))"
        )
        page.complaints = complaints
        page.requests = []
        page.on("request", lambda request: request.method != "GET" and page.requests.append((request.method, request.url)))
        self.choose(context, scene)
        page.goto(self.url)
        expect(page.locator("#headline")).to_have_text(HEADLINES[scene])
        expect(page.locator("#link")).to_have_attribute("data-link", "live")
        yield page
        assert not complaints, f"the browser complained: {complaints}"
        context.close()

    def choose(self, context, scene):
        answer = context.request.put(f"{self.origin}/example/{scene}")
        assert answer.status == 204, f"{scene}: {answer.status}"

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


def row(page, name):
    return page.locator("#rows > details").filter(has=page.get_by_role("heading", name=name, exact=True))


def opened(page, name):
    pipeline = row(page, name)
    pipeline.locator("summary").first.click()
    return pipeline


def state_is(page, name, state):
    expect(row(page, name).locator("summary .state")).to_have_text(state)


# --- what must be true ---


def the_page_says_that_everything_runs(tries):
    with tries.page() as page:
        expect(page.locator("#headline")).to_have_text("Everything runs as it should")
        expect(page.locator("#subline")).to_contain_text("1 paused")
        expect(page.locator("#problems")).to_be_hidden()
        expect(page.locator("#rows > details")).to_have_count(5)


def numbers_move_without_a_reload(tries):
    with tries.page() as page:
        page.evaluate("window.marked = true")
        rate = page.locator("#totals .number").first
        expect(rate).to_have_text(NUMBER)
        pipeline = opened(page, "orders")
        offset = pipeline.get_by_role("row").filter(has_text="shop.orders 0").get_by_role("cell").nth(2)
        first = offset.inner_text()
        expect(offset).not_to_have_text(first)
        expect(page.locator("#totals .line").first).to_have_attribute("d", re.compile("L.*L"))
        assert page.evaluate("window.marked"), "the page was loaded anew"


def what_is_wrong_stands_first_with_its_reason_and_what_to_do(tries):
    with tries.page("troubled") as page:
        expect(page.locator("#headline")).to_have_text("3 of 5 pipelines need attention")
        assert page.title().startswith("(3!)"), page.title()
        cards = page.locator("#problems article")
        expect(cards).to_have_count(4)
        stalled = cards.filter(has=page.get_by_role("heading", name="orders", exact=True))
        expect(stalled).to_contain_text("permission_denied · partitions 0–2, 4, 5 of shop.orders · tried again by itself")
        expect(stalled).to_contain_text("grant the role its privileges")
        expect(stalled).to_contain_text("for 14 min")
        failed = cards.filter(has=page.get_by_role("heading", name="refuses", exact=True))
        expect(failed.locator(".todo").first).to_have_text("create the table, then restart the connector")
        failed.get_by_role("link").click()
        expect(row(page, "refuses")).to_have_attribute("open", "")
        tries.choose(page.context, "healthy")
        expect(page.locator("#headline")).to_have_text("Everything runs as it should")
        expect(page.locator("#problems")).to_be_hidden()


def partitions_plugins_letters_errors_and_config_are_shown(tries):
    with tries.page("troubled") as page:
        pipeline = opened(page, "klines")
        for name in ("Partitions", "Plugins", "Dead letters"):
            expect(pipeline.get_by_role("table", name=name)).to_be_visible()
        blocked = pipeline.get_by_role("row").filter(has_text="shop.klines 2")
        expect(blocked).to_contain_text("rows_rejected for 1 h 30 min")
        expect(pipeline.get_by_role("table", name="Plugins")).to_contain_text("1,340 ns")
        expect(pipeline.locator(".errors")).to_contain_text("Snowflake answered 503")
        expect(pipeline.get_by_text("[hidden]")).to_be_hidden()
        pipeline.get_by_text("Effective configuration").click()
        expect(pipeline.get_by_text("[hidden]")).to_be_visible()
        expect(pipeline.get_by_role("button", name="Pause")).to_have_count(0)


def a_click_pauses_after_a_yes_and_resumes_again(tries):
    with tries.page() as page:
        pipeline = opened(page, "orders")
        pipeline.get_by_role("button", name="Pause").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Pause orders?")
        assert page.requests == [], page.requests
        dialog.get_by_role("button", name="Pause").click()
        state_is(page, "orders", "paused")
        expect(page.locator("#notice")).to_have_text("Pause of orders accepted.")
        assert page.requests == [("PUT", f"{tries.origin}/connectors/orders/pause")], page.requests
        pipeline.get_by_role("button", name="Resume").click()
        dialog.get_by_role("button", name="Resume").click()
        state_is(page, "orders", "running")
        pipeline.get_by_role("button", name="Restart").click()
        dialog.get_by_role("button", name="Restart").click()
        expect(page.locator("#notice")).to_have_text("Restart of orders accepted.")
        assert page.requests[-1] == ("POST", f"{tries.origin}/connectors/orders/restart?includeTasks=true"), page.requests


def cancel_and_escape_change_nothing(tries):
    with tries.page() as page:
        pipeline = opened(page, "orders")
        dialog = page.get_by_role("dialog")
        for leave in (lambda: dialog.get_by_role("button", name="Cancel").click(), lambda: page.keyboard.press("Escape")):
            pipeline.get_by_role("button", name="Pause").click()
            expect(dialog).to_be_visible()
            leave()
            expect(dialog).to_be_hidden()
        # A yes to another question is sent after these two, and alone.
        pipeline.get_by_role("button", name="Restart").click()
        dialog.get_by_role("button", name="Restart").click()
        expect(page.locator("#notice")).to_have_text("Restart of orders accepted.")
        assert [method for method, _ in page.requests] == ["POST"], page.requests
        state_is(page, "orders", "running")


def a_refusal_is_told_with_its_reason(tries):
    with tries.page() as page:
        pipeline = opened(page, "refuses")
        pipeline.get_by_role("button", name="Pause").click()
        page.get_by_role("dialog").get_by_role("button", name="Pause").click()
        expect(page.locator("#notice")).to_have_text(
            "Pause of refuses was refused: 409, the worker is busy with another change; try again"
        )
        expect(page.locator("#notice")).to_have_attribute("data-bad", "")
        # The browser itself notes an answer of 409 in its console; that one is wanted here.
        page.complaints[:] = [text for text in page.complaints if "409" not in text]


def the_keyboard_alone_is_enough(tries):
    with tries.page() as page:
        focused = "document.activeElement.textContent"
        keys = page.keyboard
        keys.press("Tab")
        assert "Skip" in page.evaluate(focused), page.evaluate(focused)
        keys.press("Enter")
        expect(page.locator("#pipelines")).to_be_focused()
        keys.press("Tab")
        assert "orders" in page.evaluate(focused), page.evaluate(focused)
        keys.press("Enter")
        # What is inside is made when the row opens, a moment later.
        expect(row(page, "orders").get_by_role("button", name="Pause")).to_be_visible()
        keys.press("Tab")
        assert page.evaluate(focused) == "Pause", page.evaluate(focused)
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "no focus is seen"
        keys.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        assert page.evaluate(focused) == "Cancel", "a dialog starts at the harmless button"
        keys.press("Tab")
        keys.press("Enter")
        state_is(page, "orders", "paused")
        expect(row(page, "orders").locator("button").first).to_have_text("Resume")
        assert page.evaluate(focused) == "Resume", "the keyboard lost its place"
        keys.press("Enter")
        keys.press("Tab")
        keys.press("Enter")
        state_is(page, "orders", "running")


def a_hostile_name_is_text(tries):
    with tries.page("troubled") as page:
        expect(page.get_by_role("heading", name=HOSTILE, exact=True)).to_have_count(2)
        pipeline = opened(page, HOSTILE)
        expect(pipeline.locator(".error")).to_contain_text("<img src=x onerror=")
        pipeline.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("dialog")).to_contain_text(f"Pause {HOSTILE}?")
        page.keyboard.press("Escape")
        assert page.locator("main img, dialog img").count() == 0, "an element came out of a name"
        assert "broken" not in page.title() + page.evaluate("document.body.className"), "a name ran as a script"


def a_script_from_elsewhere_does_not_run(tries):
    with tries.page() as page:
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = true'}))")
        assert not page.evaluate("window.ran"), "an inline script ran"
        assert any("policy" in text for text in page.complaints), "no violation was seen: the other promises could not see one either"
        page.complaints.clear()


def it_fits_a_phone_and_a_desk_in_light_and_dark(tries):
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            for scene in ("healthy", "troubled", "empty"):
                with tries.page(scene, scheme, width) as page:
                    for summary in page.locator("#rows > details > summary").all():
                        summary.click()
                    where = f"{scene}, {scheme}, {width}"
                    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                    assert wide <= room, f"{where}: {wide} px do not fit into {room}"
                    low = page.evaluate(LOW_CONTRAST)
                    assert not low, f"{where}: too little contrast: {low}"


# Every text's contrast against what is behind it, by WCAG: 4.5, or 3 for large text.
LOW_CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const over = (layers) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility() || element.closest('noscript, .hear, .skip')) continue;
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(getComputedStyle(e).backgroundColor);
    const style = getComputedStyle(element);
    const [front, back] = [light(over([...layers, style.color])), light(over(layers))];
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.add(`${element.className || element.tagName} ${ratio.toFixed(2)}`);
  }
  return [...found];
}"""


def no_pipelines_is_said(tries):
    with tries.page("empty") as page:
        expect(page.locator("#headline")).to_have_text("Nothing to run")
        expect(page.locator("#none")).to_be_visible()


def a_thousand_partitions_are_shown_in_part_and_on_demand(tries):
    with tries.page("many") as page:
        expect(page.locator("#rows > details")).to_have_count(12)
        pipeline = opened(page, "events-00")
        rows = pipeline.get_by_role("table", name="Partitions").locator("tbody tr")
        expect(rows).to_have_count(50)
        pipeline.get_by_role("button", name="Show all 100").click()
        expect(rows).to_have_count(100)


def a_page_without_a_stream_asks_now_and_then(tries):
    with tries.page() as page:
        page.route("**/ui/events", lambda route: route.fulfill(status=503, body="full"))
        page.reload()
        expect(page.locator("#link-text")).to_have_text("Every 5 s")
        expect(page.locator("#headline")).to_have_text("Everything runs as it should")
        page.complaints[:] = [text for text in page.complaints if "503" not in text]


def a_lost_gateway_is_told_and_found_again(tries):
    with tries.page() as page:
        page.route("**/ui/*", lambda route: route.abort())
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator("#link")).to_have_attribute("data-link", "lost")
        expect(page.locator("#link-text")).to_contain_text("last seen")
        expect(page.locator("#headline")).to_have_text("The gateway does not answer")
        expect(page.locator("#subline")).to_contain_text("What stands below was so at")
        page.unroute_all()
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator("#link")).to_have_attribute("data-link", "live")
        expect(page.locator("#headline")).to_have_text(HEADLINES["healthy"])
        page.complaints.clear()


def who_wants_no_motion_gets_none(tries):
    with tries.page(reduced_motion="reduce") as page:
        assert page.evaluate("getComputedStyle(document.querySelector('.dot')).animationName") == "none"


PROMISES = [
    the_page_says_that_everything_runs,
    numbers_move_without_a_reload,
    what_is_wrong_stands_first_with_its_reason_and_what_to_do,
    partitions_plugins_letters_errors_and_config_are_shown,
    a_click_pauses_after_a_yes_and_resumes_again,
    cancel_and_escape_change_nothing,
    a_refusal_is_told_with_its_reason,
    the_keyboard_alone_is_enough,
    a_hostile_name_is_text,
    a_script_from_elsewhere_does_not_run,
    it_fits_a_phone_and_a_desk_in_light_and_dark,
    no_pipelines_is_said,
    a_thousand_partitions_are_shown_in_part_and_on_demand,
    a_page_without_a_stream_asks_now_and_then,
    a_lost_gateway_is_told_and_found_again,
    who_wants_no_motion_gets_none,
]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: status_page.py URL")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright:
        # Its sandbox needs a user of its own, which a test machine's root is not.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tries = Tries(browser, sys.argv[1].rstrip("/"))
        for promise in PROMISES:
            tries.promise(promise)
        browser.close()
    print(f"{tries.held} passed, {tries.failed} failed")
    sys.exit(1 if tries.failed else 0)


if __name__ == "__main__":
    main()
