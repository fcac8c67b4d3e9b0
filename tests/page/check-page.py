#!/usr/bin/python3
# Usage: check-page.py PAGE.html OUTDIR
#
# Opens the page of an analysis in headless Chromium and uses it as a person
# would, by mouse and keys. Leaves screenshots in OUTDIR to be looked at.
#
# SPDX-License-Identifier: GPL-2.0-or-later
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
CHROMIUM_OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--window-size=1400,1300",
]


class Browser:
    """A session of chromedriver's, by the W3C WebDriver protocol."""

    def __init__(self, profile):
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        self.base = "http://127.0.0.1:%d" % self.port()
        options = {"args": CHROMIUM_OPTIONS + ["--user-data-dir=" + profile]}
        self.session = ""
        answer = self.post("/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]

    def port(self):
        for line in self.driver.stdout:
            words = line.split("on port ")
            if len(words) == 2 and "successfully" in line:
                return int(words[1].rstrip(".\n"))
        sys.exit("check-page: chromedriver did not start")

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + self.session + path, method=method,
            data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def post(self, path, body):
        return self.call("POST", path, body)

    def run(self, script):
        return self.post("/execute/sync", {"script": script, "args": []})

    def keys(self, text):
        actions = []
        for key in text:
            actions += [{"type": "keyDown", "value": key},
                        {"type": "keyUp", "value": key}]
        self.post("/actions", {"actions": [
            {"type": "key", "id": "keys", "actions": actions}]})
        self.settle()

    def find(self, selector):
        return self.post("/element", {"using": "css selector",
                                      "value": selector})

    def click(self, selector):
        self.post("/element/%s/click" % self.find(selector)[ELEMENT], {})
        self.settle()

    def mouse(self, selector, *moves):
        """moves: (x, y, what) from the element's middle."""
        origin = self.find(selector)
        actions = []
        for x, y, what in moves:
            actions.append({"type": "pointerMove", "duration": 10,
                            "origin": origin, "x": x, "y": y})
            if what:
                actions.append({"type": what, "button": 0})
        self.post("/actions", {"actions": [
            {"type": "pointer", "id": "mouse",
             "parameters": {"pointerType": "mouse"}, "actions": actions}]})
        self.settle()

    def settle(self):
        """Waits until what was asked for is drawn."""
        self.post("/execute/async", {"args": [], "script":
            "const done = arguments[0]; requestAnimationFrame(() => "
            "requestAnimationFrame(done));"})

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()


failures = []


def check(what, expected, came):
    if came != expected:
        failures.append("%s: expected %r, got %r" % (what, expected, came))


def check_true(what, came):
    if not came:
        failures.append("%s: got %r" % (what, came))


def text_of(browser, selector):
    return browser.run(
        "return document.querySelector(%r).textContent" % selector)


def span_of(browser):
    return browser.run("const d = document.getElementById('timeline').dataset;"
                       "return [Number(d.from), Number(d.to)]")


def colours_of(browser):
    return browser.run(
        "const c = document.getElementById('timeline');"
        "const p = c.getContext('2d').getImageData(0, 0, c.width, c.height)"
        ".data; const seen = new Set();"
        "for (let i = 0; i < p.length; i += 4)"
        "  seen.add(p[i] << 16 | p[i + 1] << 8 | p[i + 2]);"
        "return seen.size")


def selected(browser):
    return browser.run(
        "return [...document.querySelectorAll('#findings button')]"
        ".findIndex((b) => b.getAttribute('aria-current') === 'true')")


def check_contents(browser, analysis):
    heads = [f for f in analysis["findings"] if f["speaks-for-spike"]]
    heads.sort(key=lambda f: f["spike"])
    buttons = browser.run(
        "return [...document.querySelectorAll('#findings .what')]"
        ".map((n) => n.textContent)")
    check("the latencies' sentences", [f["sentence"] for f in heads], buttons)
    check("the certificate", analysis["certificate"]["sentence"],
          text_of(browser, "#certificate"))
    check("the first latency's sentence", heads[0]["sentence"],
          text_of(browser, "#details h3"))
    browser.run("document.querySelector('#details td button')?.click()")
    check("rows of its breakdown", len(heads[0]["parts"]),
          browser.run("return document.querySelectorAll("
                      "'#details table tr').length"))
    check_true("lines that prove it",
               len(text_of(browser, "#proof").splitlines()) > 2)
    check("rows of vCPUs", len(analysis["vcpus"]),
          browser.run("return document.querySelectorAll("
                      "'#states .row').length"))
    check_true("histograms", browser.run(
        "return document.querySelectorAll('#histograms svg rect').length") > 5)
    check_true("colours of the timeline", colours_of(browser) > 8)


def check_moves(browser, length):
    check("selected at first", 0, selected(browser))
    browser.keys("n")
    check("selected by n", 1, selected(browser))
    browser.keys("p")
    check("selected by p", 0, selected(browser))
    browser.click("#findings li:nth-child(3) button")
    check("selected by a click", 2, selected(browser))
    browser.keys("0")
    check("all of it by 0", [0, length], span_of(browser))
    check_true("colours of all of it", colours_of(browser) > 8)
    browser.keys("+")
    start, end = span_of(browser)
    check_true("half of it by + (%s to %s)" % (start, end),
               abs((end - start) * 2 - length) < 2)
    browser.mouse("#timeline", (0, 0, "pointerDown"), (-200, 0, "pointerUp"))
    check_true("later by dragging to the left", span_of(browser)[0] > start)
    browser.mouse("#timeline", (100, 0, None))
    check("a tip under the mouse", False,
          browser.run("return document.getElementById('tip').hidden"))
    check_true("the tip's text", len(text_of(browser, "#tip")) > 10)


def check_page(browser, page, out):
    browser.post("/url", {"url": page.resolve().as_uri()})
    deadline = time.monotonic() + 60
    while not browser.run("return document.documentElement.dataset.ready"):
        if time.monotonic() > deadline:
            sys.exit("check-page: %s does not get ready" % page)
        time.sleep(.1)
    browser.settle()
    analysis = json.loads(text_of(browser, "#analysis"))
    browser.screenshot(out / "page-light.png")
    check_contents(browser, analysis)
    check_moves(browser, analysis["length"])
    browser.keys("0t")
    check("the theme after t", "dark",
          browser.run("return document.documentElement.dataset.theme"))
    browser.screenshot(out / "page-dark.png")
    check("what was asked of the network", 0, browser.run(
        "return performance.getEntriesByType('resource').length"))
    check("the browser's complaints", [],
          [entry["message"] for entry in
           browser.post("/se/log", {"type": "browser"})
           if entry["level"] == "SEVERE"])


def main():
    page, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        try:
            check_page(browser, page, out)
        finally:
            browser.close()
    for failure in failures:
        print("check-page: " + failure)
    return 1 if failures else 0


sys.exit(main())
