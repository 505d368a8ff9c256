#!/usr/bin/env python3
"""A worker that does in a browser what `examples/worker-python` does without one: signs in to Nordlys Kraft,
asks for the code from the phone, and brings the newest invoice.

    PYTHONPATH=../worker-python WINDLASS_KEY=sk_live_... python3 invoices.py --name browser-1

The browser is the system's Chromium: the program that WINDLASS_CHROMIUM names, or one on the path.
"""

import argparse
import json
import logging
import os
import shutil
import sys
from contextlib import contextmanager
from urllib.parse import urljoin

from playwright.sync_api import Error, TimeoutError, sync_playwright

from windlass_worker import Failure, Worker

STEP_MILLISECONDS = 20_000
NAMES = ("chromium", "chromium-browser", "google-chrome")


def newest_invoice(run):
    """What the worker does with each run; what it returns is the run's output."""
    state, code = run.session, None
    if run.checkpoint is not None:
        # An earlier lease was lost, or given back, while the person was asked: go on from there.
        state = json.loads(run.checkpoint)
        code = ask_for_code(run, run.checkpoint)
    credential = run.begin()
    with opened(state) as page:
        try:
            return brought(run, page, credential, code)
        except TimeoutError as error:
            message = "The website has changed, or takes too long: something does not show."
            raise Failure("source", "source_error", message) from error
        except Error as error:
            message = "The website cannot be opened, or broke off."
            raise Failure("source", "source_not_available", message) from error


@contextmanager
def opened(state):
    """A page in a browser of its own, which starts from these cookies."""
    with sync_playwright() as playwright:
        # Chromium has no sandbox for root: let the worker be somebody else's who opens strange websites.
        sandbox = os.geteuid() != 0
        browser = playwright.chromium.launch(executable_path=chromium(), chromium_sandbox=sandbox)
        try:
            context = browser.new_context(storage_state=state, viewport={"width": 1280, "height": 720})
            context.set_default_timeout(STEP_MILLISECONDS)
            yield context.new_page()
        finally:
            browser.close()


def brought(run, page, credential, code):
    run.progress("open the website", 1)
    answered = page.goto(urljoin(run.source["website"]["url"], "/invoices"))
    if answered is not None and answered.status >= 500:
        raise Failure("source", "source_error", f"The website answers {answered.status}.")
    if page.locator("#username").count():
        sign_in(run, page, credential)
    while page.locator("#code").count():
        if code is None:
            cookies = json.dumps(page.context.storage_state()).encode()
            code = ask_for_code(run, cookies)
        run.progress("enter the code", 2)
        page.fill("#code", code)
        submit(page, "#verify")
        code = None
    page.wait_for_selector("#invoices")
    run.credential_verified = True
    run.session, run.keep_session = page.context.storage_state(), True
    # Whatever is typed into such a field does not belong into an image.
    image = page.screenshot(mask=[page.locator("input")])
    run.screenshot(image, "invoices.png", "image/png", "download the newest invoice", 3)
    run.progress("download the invoice", 3)
    newest = page.locator("#invoices tbody tr").first
    number = newest.locator(".number").inner_text()
    with page.expect_download() as download:
        newest.locator("a.pdf").click()
    file = download.value
    run.file(file.path(), file.suggested_filename, "application/pdf", {"number": number})
    return {
        "customer_name": page.inner_text("#customer-name"),
        "number": number,
        "due": newest.locator(".due time").get_attribute("datetime"),
    }


def sign_in(run, page, credential):
    if credential is None:
        raise Failure("auth", "auth_required", "Nordlys Kraft asks for a login, and the run has none.")
    run.progress("sign in", 2)
    secrets = credential["auth_credentials"]
    page.fill("#username", secrets["username"])
    page.fill("#password", secrets["password"])
    submit(page, "#log-in")
    if page.locator(".login-error").count():
        message = "Nordlys Kraft refused the user name or password."
        raise Failure("auth", "auth_invalid", message, credential="invalid")


def submit(page, button):
    """Clicks, and waits for the next page: this one says nothing any more."""
    with page.expect_navigation():
        page.click(button)


def ask_for_code(run, checkpoint):
    field = {"name": "code", "type": "string", "label": "Code from the text message"}
    message = "Nordlys Kraft has sent a code by text message. What is it?"
    # Sealed by the server, and given to whoever leases the run next.
    return run.ask("mfa", message, [field], checkpoint)["code"]


def chromium():
    named = os.environ.get("WINDLASS_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        sys.exit("there is no Chromium: install it, or let WINDLASS_CHROMIUM name it")
    return found


def main():
    parser = argparse.ArgumentParser(description="Brings the newest invoice of each run's customer.")
    parser.add_argument("--server", default="http://127.0.0.1:8080")
    parser.add_argument("--name", default="browser-1", help="unlike that of any other worker")
    parser.add_argument("--pool", action="append", help="where runs wait for it; `default` if left out")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    key = os.environ.get("WINDLASS_KEY")
    if not key:
        sys.exit("WINDLASS_KEY is not set")
    logging.info("the browser is %s", chromium())
    pools = arguments.pool or ["default"]
    # Each run has a browser of its own.
    Worker(arguments.server, key, arguments.name, newest_invoice, pools, capacity=2).serve()


if __name__ == "__main__":
    main()
