#!/usr/bin/env python3
"""A worker that signs in to Nordlys Kraft, asks for the code from the phone, and brings the newest invoice.

    WINDLASS_KEY=sk_live_... python3 invoices.py --server http://127.0.0.1:8080 --name invoices-1

`windlass demo --stay` has the website. Yours is another: keep `main`, and write your own `newest_invoice`.
"""

import argparse
import html
import http.client
import json
import logging
import os
import re
import sys
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from windlass_worker import Failure, Worker

MOST_BYTES = 10 * 1024 * 1024
PAGE_SECONDS = 20


class Website:
    """Asks a website for pages as a browser does: with its cookies, and on to where it sends us."""

    def __init__(self, run, cookies=None):
        self._run = run
        self.cookies = cookies or {}
        self.url = run.source["website"]["url"]

    def get(self, path):
        return self._ask("GET", path)

    def send(self, path, fields):
        return self._ask("POST", path, urlencode(fields))

    def _ask(self, method, path, body=None):
        for _ in range(10):
            # Not on a canceled run, nor on one that is another's by now.
            self._run.check()
            self.url = urljoin(self.url, path)
            status, headers, content = self._once(method, body)
            for name, cookie in SimpleCookie("; ".join(headers.get_all("Set-Cookie", []))).items():
                self.cookies[name] = cookie.value
            if status not in (302, 303, 307):
                return self._page(status, content)
            method, body, path = "GET", None, headers["Location"]
        raise Failure("source", "source_error", "The website sends us around in circles.")

    def _once(self, method, body):
        parts = urlsplit(self.url)
        tls = parts.scheme == "https"
        connect = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        connection = connect(parts.hostname, parts.port, timeout=PAGE_SECONDS)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            message = f"The website does not answer: {type(error).__name__}."
            raise Failure("source", "source_not_available", message) from error
        finally:
            connection.close()
        if len(content) > MOST_BYTES:
            raise Failure("source", "source_error", "The website's page is longer than 10 MiB.")
        return response.status, response.headers, content

    def _page(self, status, content):
        if status >= 500:
            raise Failure("source", "source_error", f"The website answers {status}.")
        if status in (401, 403, 429):
            raise Failure("source", "source_blocked", f"The website answers {status}.")
        return content


def newest_invoice(run):
    """What the worker does with each run; what it returns is the run's output."""
    if run.checkpoint is not None:
        # An earlier lease was lost, or given back, while the person was asked: go on from there.
        website = Website(run, json.loads(run.checkpoint))
        code = ask_for_code(run, website)
        run.begin()
        page = enter(run, website, code)
    else:
        credential = run.begin()
        # A session that is used again is logged in already.
        website = Website(run, run.session)
        run.progress("open the website", 1)
        page = website.get("/invoices")
        if has(page, "username"):
            page = sign_in(run, website, page, credential)
        while has(page, "code"):
            page = enter(run, website, ask_for_code(run, website))
    if not has(page, "invoices"):
        raise Failure("task", "task_failed", "There is no list of invoices.")
    run.credential_verified = True
    run.session, run.keep_session = website.cookies, True
    # No browser, no image: the page itself is what was seen.
    run.screenshot(page, "invoices.html", "text/html; charset=utf-8", "download the newest invoice", 3)
    number = text(page, r'class="number"><a [^>]*>([^<]*)<')
    run.progress("download the invoice", 3)
    run.file(website.get(f"/invoices/{number}.pdf"), f"{number}.pdf", "application/pdf", {"number": number})
    return {
        "customer_name": text(page, r'id="customer-name">([^<]*)<'),
        "number": number,
        "due": text(page, r'class="due"><time datetime="([^"]*)"'),
    }


def sign_in(run, website, page, credential):
    if credential is None:
        raise Failure("auth", "auth_required", "Nordlys Kraft asks for a login, and the run has none.")
    run.progress("sign in", 2)
    secrets = credential["auth_credentials"]
    login = {"username": secrets["username"], "password": secrets["password"]}
    page = website.send("/login", {"token": form_token(page), **login})
    if b"login-error" in page:
        message = "Nordlys Kraft refused the user name or password."
        raise Failure("auth", "auth_invalid", message, credential="invalid")
    return page


def ask_for_code(run, website):
    field = {"name": "code", "type": "string", "label": "Code from the text message"}
    message = "Nordlys Kraft has sent a code by text message. What is it?"
    # Sealed by the server, and given to whoever leases the run next.
    checkpoint = json.dumps(website.cookies).encode()
    return run.ask("mfa", message, [field], checkpoint)["code"]


def enter(run, website, code):
    run.progress("enter the code", 2)
    page = website.get("/verify")
    return website.send("/verify", {"token": form_token(page), "code": code})


def has(page, element_id):
    return f'id="{element_id}"'.encode() in page


def form_token(page):
    return text(page, r'name="token" value="([^"]*)"')


def text(page, pattern):
    found = re.search(pattern, page.decode("utf-8", "replace"))
    if found is None:
        raise Failure("source", "source_error", "The website has changed: something is not where it was.")
    return html.unescape(found[1]).strip()


def main():
    parser = argparse.ArgumentParser(description="Brings the newest invoice of each run's customer.")
    parser.add_argument("--server", default="http://127.0.0.1:8080")
    parser.add_argument("--name", default="invoices-1", help="unlike that of any other worker")
    parser.add_argument("--pool", action="append", help="where runs wait for it; `default` if left out")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    key = os.environ.get("WINDLASS_KEY")
    if not key:
        sys.exit("WINDLASS_KEY is not set")
    pools = arguments.pool or ["default"]
    Worker(arguments.server, key, arguments.name, newest_invoice, pools).serve()


if __name__ == "__main__":
    main()
