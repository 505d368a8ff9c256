"""What `windlass_worker.py` of `examples/worker-python` does between its server and its agent, over a server
that answers as the test says: leases that come before an end was heard, twice, or are not renewed, answers
that are lost, put off or somebody else's, outages, and a worker that leaves."""

import json
import queue
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import windlass_server
import windlass_worker

# Nothing here takes that long unless it is broken.
PATIENCE_SECONDS = 30


class Server:
    """Windlass as a worker sees it."""

    def __init__(self, lease_seconds=30):
        self.leases = queue.Queue()
        self.calls = []
        self.finishes_wait = threading.Event()
        self.finishes_wait.set()
        self.renewals_hang = set()
        self.lease_seconds = lease_seconds
        # What a start of a worker is answered first: None for nothing at all, or what `Retry-After` says.
        self.starts_fail = []
        self.starts = []
        # What a proxy answers to the next calls, and, while it has no server, to all of them.
        self.proxy_answers, self.is_away = [], False
        # How many lease calls have brought runs.
        self.brought = 0
        # What is to stop, as lease calls say of runs that they hold.
        self.stopping = set()
        # What every call about a run was a part of.
        self.traces = set()
        self.questions_wait = threading.Event()
        self.questions_wait.set()
        # Of a question, its answer is under way.
        self.is_answered = False
        # Called when a run comes back.
        self.at_release = lambda run_id: None
        self._changed = threading.Condition()
        self._closed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length)
                is_json = self.headers["Content-Type"] == "application/json"
                body = json.loads(content or b"{}") if is_json else {}
                server._trace(self.path, self.headers["traceparent"])
                status, answer, *headers = server._answer(self.path, body)
                self.answer(status, {"request_id": "req_1", **answer}, *headers)

            def do_GET(self):
                server._trace(self.path, self.headers["traceparent"])
                server._told("answer", self.path, {})
                # The person takes their time.
                server._closed.wait()
                self.answer(200, {"request_id": "req_1", "answer": None, "cancel": False})

            def answer(self, status, body, headers=()):
                if server.is_away:
                    status, body = 502, "<h1>Bad Gateway</h1>"
                elif server.proxy_answers:
                    status, body = server.proxy_answers.pop(0)
                if status is None:
                    return
                answer = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                try:
                    self.send_response(status)
                    for name, value in headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # Whoever asked has gone.

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def _trace(self, path, trace_parent):
        what = path.split("/")[-1].split("?")[0]
        self.traces.add((what, trace_parent))

    def _told(self, what, run_id, body):
        with self._changed:
            self.calls.append((what, run_id, body))
            self._changed.notify_all()

    def _answer(self, path, body):
        """Answers status, body and headers; None for the status where the answer is lost."""
        parts = path.removeprefix("/v2/worker/").split("/")
        what = parts[-1]
        if what == "release":
            self.at_release(parts[1])
        self._told(what, parts[1] if len(parts) > 2 else None, body)
        if what == "workers":
            return self._started(body)
        if what == "leases":
            return 200, self._leased(body)
        if what == "renew":
            if parts[1] in self.renewals_hang:
                self._closed.wait()
            return 200, {"lease_expires_at": "2026-01-05T10:00:00Z", "cancel": False}
        if what == "finish":
            self.finishes_wait.wait()
            return 200, {"run_id": parts[1], "status": "completed"}
        if what == "interaction":
            self.questions_wait.wait()
            self._told("asked", parts[1], body)
            return 200, {"cancel": False}
        if what in ("begin", "progress", "files", "screenshots", "withdraw"):
            return 200, {"cancel": False, "credential": None, "id": "kept_1"}
        if what == "release" and body.get("asking") and self.is_answered:
            return 409, {"errors": [{"type": "request", "code": "run_not_running", "message": "It asks nobody."}]}
        if what == "evict":
            return 200, {"session_id": parts[1], "evicted": True}
        if what == "drain":
            return 200, {"worker": parts[1], "draining": True}
        return 200, {"status": "queued"}

    def _started(self, body):
        if self.starts_fail:
            retry_after = self.starts_fail.pop(0)
            if retry_after is not None:
                busy = {"type": "api", "code": "unavailable", "message": "It is busy."}
                return 503, {"errors": [busy]}, [("Retry-After", str(retry_after))]
            self.starts.append(body.get("start"))
            return None, {}
        if body.get("start") is None or body["start"] not in self.starts:
            self.starts.append(body.get("start"))
        return 200, {"incarnation": len(self.starts), "lost_leases": 0, "lease_seconds": self.lease_seconds}

    def _leased(self, body):
        leases = []
        try:
            if self.stopping.intersection(body["held"]):
                pass
            elif body["capacity"]:
                leases = [self.leases.get(timeout=0.05 if self.proxy_answers else 2)]
            else:
                self._closed.wait(0.2)
        except queue.Empty:
            pass
        self.brought += len(leases)
        stopping = list(self.stopping.intersection(body["held"]))
        return {"leases": leases, "ended_sessions": [], "stopping": stopping, "brought": self.brought}

    def told(self, enough):
        """Waits until what it was told is as `enough` says."""
        with self._changed:
            if not self._changed.wait_for(lambda: enough(self.calls), timeout=PATIENCE_SECONDS):
                raise AssertionError(f"only this was told: {self.calls}")

    def count(self, what, run_id=None, epoch=None):
        return sum(1 for call in list(self.calls) if call[0] == what and run_id in (None, call[1])
                   and epoch in (None, call[2].get("epoch")))

    def held(self):
        """What each lease call has said to be held, and how many more runs it has asked for."""
        return [(body["held"], body["capacity"]) for what, _, body in list(self.calls) if what == "leases"]

    def close(self):
        self._closed.set()
        self.finishes_wait.set()
        self.questions_wait.set()
        self._http.shutdown()
        self._http.server_close()


def lease(run_id, session_id="sess_1", resumed=False, epoch=1, trace_parent=None):
    return {"run": {"id": run_id, "trace_parent": trace_parent}, "task": {}, "input": {}, "source": None,
            "session": {"id": session_id, "resumed": resumed}, "playbook": None, "checkpoint": None,
            "epoch": epoch, "begun": False}


class Agent:
    """Keeps each session, and goes on until it is let or told to stop; some do not hear it."""

    def __init__(self, lets_at_once=True):
        self.lets = threading.Event()
        if lets_at_once:
            self.lets.set()
        # Of each run its epoch, and what it found of its session.
        self.found, self.stopped = [], []
        self.at_work, self.most_at_work = [], 0
        self.deaf, self.asks = set(), False
        self._lock = threading.Lock()

    def __call__(self, run):
        with self._lock:
            self.found.append((run.id, run.epoch, run.session))
            self.at_work.append(run.id)
            self.most_at_work = max(self.most_at_work, len(self.at_work))
        try:
            if run.id in self.deaf:
                self.lets.wait()
            if self.asks:
                run.ask("approval", "Pay?", checkpoint=b"page 3")
            while not self.lets.wait(0.02):
                run.check()
        except windlass_worker.Stopped:
            self.stopped.append((run.id, run.epoch))
            # It takes it a moment to leave the website.
            time.sleep(0.3)
            raise
        finally:
            with self._lock:
                self.at_work.remove(run.id)
        run.session, run.keep_session = f"left by {run.id}", True
        return {}


class WorkerTest(unittest.TestCase):
    def start(self, server, agent, drain_seconds=1):
        """Answers what has the worker leave, and returns once it has left."""
        self.addCleanup(server.close)
        # A test is not in the main thread of its worker.
        windlass_worker.signal.signal = lambda *_: None
        worker = windlass_worker.Worker(server.url, "sk_test", "test", agent, drain_seconds=drain_seconds)
        serving = threading.Thread(target=worker.serve, daemon=True)
        serving.start()

        def leave():
            worker._leaving.set()
            serving.join(PATIENCE_SECONDS)
            self.assertFalse(serving.is_alive())

        def stop():
            agent.lets.set()
            server.finishes_wait.set()
            leave()

        self.addCleanup(stop)
        return leave

    def finish_of(self, server, agent):
        """What the worker says at the end of its one run, which `agent` does."""
        agent.lets = threading.Event()
        self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("finish") == 1)
        return [body for what, _, body in server.calls if what == "finish"][0]

    def set(self, module, name, value):
        self.addCleanup(setattr, module, name, getattr(module, name))
        setattr(module, name, value)

    def test_a_run_that_is_leased_while_the_finish_is_under_way_finds_what_its_session_has(self):
        server, agent = Server(), Agent()
        server.finishes_wait.clear()
        self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("finish") == 1)

        server.leases.put(lease("run_2", resumed=True))
        server.told(lambda _: server.count("renew", "run_2") == 1)
        server.finishes_wait.set()
        server.told(lambda _: server.count("finish", "run_2") == 1)

        self.assertEqual(agent.found, [("run_1", 1, None), ("run_2", 1, "left by run_1")])

    def test_a_run_that_is_leased_anew_waits_for_the_agent_that_had_it(self):
        server, agent = Server(), Agent(lets_at_once=False)
        self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("renew", "run_1", 1) == 1)

        server.leases.put(lease("run_1", epoch=2))
        server.told(lambda _: server.count("renew", "run_1", 2) == 1)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(agent.found) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        agent.lets.set()
        server.told(lambda _: server.count("finish") >= 1)

        self.assertEqual(agent.found, [("run_1", 1, None), ("run_1", 2, None)])
        self.assertEqual(agent.stopped, [("run_1", 1)])
        self.assertEqual(agent.most_at_work, 1)
        self.assertEqual(server.count("finish", epoch=1), 0)

    def test_a_lease_that_comes_again_is_done_once(self):
        server, agent = Server(), Agent(lets_at_once=False)
        self.start(server, agent)
        for _ in range(2):
            server.leases.put(lease("run_1"))
        server.told(lambda calls: any(body.get("heard") == 2 for _, _, body in calls))

        agent.lets.set()
        server.told(lambda _: server.count("finish") == 1)
        server.leases.put(lease("run_2"))
        server.told(lambda _: server.count("finish", "run_2") == 1)

        self.assertEqual([run_id for run_id, *_ in agent.found], ["run_1", "run_2"])
        self.assertEqual(server.count("finish", "run_1"), 1)
        self.assertEqual(server.count("release"), 0)

    def test_what_was_lost_with_an_answer_is_asked_for_again(self):
        server, agent = Server(), Agent()
        self.start(server, agent)
        server.told(lambda _: server.count("leases") == 1)
        server.proxy_answers = [(502, "")]
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("leases") == 2)

        heard = [body["heard"] for what, _, body in server.calls if what == "leases"]

        self.assertEqual((heard[:2], server.brought), ([0, 0], 1))

    def check_that_none_is_an_answer(self, proxy_answers):
        self.set(windlass_server, "LONGEST_PAUSE_SECONDS", 0.05)
        for what in ("workers", "leases", "finish"):
            server, agent = Server(), Agent(lets_at_once=False)
            if what == "workers":
                server.proxy_answers = list(proxy_answers)
            leave = self.start(server, agent)
            if what != "workers":
                server.told(lambda _: server.count("leases") == 1)
            if what == "finish":
                server.leases.put(lease("run_0"))
                server.told(lambda _: server.count("renew") == 1)
            if what != "workers":
                server.proxy_answers = list(proxy_answers)
            agent.lets.set()

            server.told(lambda _: not server.proxy_answers)
            server.leases.put(lease("run_1", "sess_2"))
            server.told(lambda _: server.count("finish", "run_1") == 1)

            leave()

    def test_what_a_proxy_answers_is_no_answer(self):
        self.check_that_none_is_an_answer(
            [(404, "<h1>Not Found</h1>"), (400, ""), (302, ""), (503, "[1]"), (200, "<h1>Sign in</h1>"),
             (200, "[]"), (200, '{"ok": true}'), (418, '{"errors": "tea"}'),
             (504, '{"request_id": 1, "errors": []}')])

    def test_what_a_gateway_answers_that_counts_its_requests_too_is_no_answer(self):
        def answer(status, **parts):
            return status, json.dumps({"request_id": "a1", **parts})

        error = {"code": "busy", "message": "Not now."}
        self.check_that_none_is_an_answer(
            [answer(status, message="Not now.") for status in (302, 404, 429, 502, 503)]
            + [answer(503, errors=errors) for errors in ([{"title": "Not now."}], [error, {}], ["tea"], error)]
            + [answer(status, errors=[error]) for status in (200, 307)]
            + [answer(200), answer(200, message="Done."), answer(202, leases=[])])

    def test_a_worker_whom_a_proxy_lets_nothing_through_leaves(self):
        server, agent = Server(), Agent()
        self.start(server, agent)
        server.told(lambda _: server.count("leases") == 1)
        server.proxy_answers = [(403, "<h1>Forbidden</h1>")]

        server.told(lambda _: server.count("drain") == 1)

    def test_an_outage_that_is_longer_than_a_lease_loses_what_was_held_and_no_more(self):
        self.set(windlass_worker, "NEW_LEASE_SECONDS", 1)
        server, agent = Server(lease_seconds=1), Agent(lets_at_once=False)
        self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("renew") >= 2)

        server.is_away = True
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not agent.stopped and time.monotonic() < deadline:
            time.sleep(0.02)
        server.is_away = False
        agent.lets.set()
        server.leases.put(lease("run_2", "sess_1"))
        server.told(lambda _: server.count("finish", "run_2") == 1)

        self.assertEqual(agent.stopped, [("run_1", 1)])
        self.assertEqual(server.count("finish", "run_1") + server.count("release", "run_1"), 0)

    def test_a_run_that_is_told_to_stop_is_held_no_more_and_takes_room_until_its_agent_has_stopped(self):
        server, agent = Server(), Agent(lets_at_once=False)
        agent.deaf.add("run_1")
        # It says how it is to stop; until then a call that names the run would be answered at once.
        server.renewals_hang.add("run_1")
        server.stopping.add("run_1")
        self.start(server, agent)
        server.leases.put(lease("run_1"))

        server.told(lambda _: len(server.held()) >= 3)

        self.assertEqual(server.held()[:3], [([], 4), (["run_1"], 3), ([], 3)])

    def test_a_run_that_is_lost_is_held_no_more_and_takes_room_until_its_agent_has_stopped(self):
        self.set(windlass_worker, "NEW_LEASE_SECONDS", 0.5)
        server, agent = Server(), Agent(lets_at_once=False)
        agent.deaf.add("run_1")
        server.renewals_hang.add("run_1")
        self.start(server, agent)
        server.leases.put(lease("run_1"))

        server.told(lambda _: ([], 3) in server.held())

        self.assertEqual(agent.at_work, ["run_1"])

    def test_a_call_is_made_again_while_a_new_lease_lives(self):
        self.assertLess(windlass_server.LONGEST_PAUSE_SECONDS, windlass_worker.NEW_LEASE_SECONDS)

    def test_a_worker_that_cannot_lease_any_more_leaves(self):
        server, agent = Server(), Agent()
        self.start(server, agent)
        server.told(lambda _: server.count("leases") == 1)
        error = {"type": "request", "code": "lease_lost", "message": "Another start has its name."}
        server.proxy_answers = [(409, json.dumps({"request_id": "req_2", "errors": [error]}))]

        server.told(lambda _: server.count("drain") == 1)

    def test_a_renewal_that_hangs_keeps_no_other_lease_from_being_renewed(self):
        self.set(windlass_worker, "NEW_LEASE_SECONDS", 2)
        server, agent = Server(lease_seconds=2), Agent(lets_at_once=False)
        server.renewals_hang.add("run_1")
        self.start(server, agent)
        server.leases.put(lease("run_1", "sess_1"))
        server.leases.put(lease("run_2", "sess_2"))

        # Three lives of a lease.
        server.told(lambda _: server.count("renew", "run_2") == 9)

        self.assertEqual(agent.stopped, [("run_1", 1)])
        agent.lets.set()
        server.told(lambda _: server.count("finish", "run_2") == 1)
        self.assertEqual(server.count("finish", "run_1"), 0)

    def test_at_the_end_of_a_drain_only_a_run_whose_agent_has_stopped_is_given_back(self):
        self.set(windlass_worker, "STOP_SECONDS", 2)
        server, agent = Server(), Agent(lets_at_once=False)
        agent.deaf.add("run_1")
        back = []
        server.at_release = lambda run_id: back.append((run_id, run_id in agent.at_work))
        leave = self.start(server, agent)
        for number in (1, 2):
            server.leases.put(lease(f"run_{number}", f"sess_{number}"))
        # It waits for its session, and has no agent yet.
        server.leases.put(lease("run_3", "sess_1"))
        for number in (1, 2, 3):
            server.told(lambda _: server.count("renew", f"run_{number}") == 1)

        leave()

        self.assertEqual(sorted(back), [("run_2", False), ("run_3", False)])
        self.assertEqual(agent.at_work, ["run_1"])

    def test_a_run_whose_answer_has_just_come_is_not_handed_over(self):
        server, agent = Server(), Agent(lets_at_once=False)
        agent.asks, server.is_answered = True, True
        # Long enough to say it again and again.
        leave = self.start(server, agent, drain_seconds=3)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("answer") == 1)

        leave()

        # Once while it asks; then the time is over, and it does not wait for the person any longer.
        given_back = [body for what, _, body in server.calls if what == "release"]
        self.assertEqual(given_back, [{"epoch": 1, "asking": True, "attempt": 1}, {"epoch": 1}])
        self.assertEqual(agent.at_work, [])

    def test_a_question_that_is_withdrawn_is_answered_by_nothing_and_the_agent_goes_on(self):
        server, runs, answers = Server(), queue.Queue(), []

        def asks(run):
            runs.put(run)
            answers.append(run.ask("approval", "Approve it.", checkpoint=b"page 3"))
            return {}

        asks.lets = threading.Event()
        self.start(server, asks)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("answer") == 1)

        runs.get(timeout=PATIENCE_SECONDS).withdraw()
        server.told(lambda _: server.count("finish") == 1)

        finish = [body for what, _, body in server.calls if what == "finish"]
        self.assertEqual((answers, finish[0]["result"]), ([None], "success"))
        withdrawn = [body for what, _, body in server.calls if what == "withdraw"]
        self.assertEqual((withdrawn, server.count("answer")), ([{"epoch": 1, "attempt": 1}], 1))

    def test_a_question_is_withdrawn_once_the_server_has_heard_it(self):
        server, runs = Server(), queue.Queue()
        server.questions_wait.clear()

        def asks(run):
            runs.put(run)
            run.ask("approval", "Approve it.")
            return {}

        asks.lets = threading.Event()
        self.start(server, asks)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("interaction") == 1)
        threading.Thread(target=runs.get(timeout=PATIENCE_SECONDS).withdraw, daemon=True).start()
        time.sleep(0.5)

        server.questions_wait.set()
        server.told(lambda _: server.count("finish") == 1)

        told = [what for what, *_ in server.calls if what in ("asked", "withdraw")]
        self.assertEqual(told, ["asked", "withdraw"])

    def test_every_call_about_a_run_is_a_part_of_its_trace(self):
        server = Server()

        def agent(run):
            run.begin()
            run.progress("open the page", 1)
            run.screenshot(b"page")
            run.file(b"bill", "bill.pdf")
            asking = threading.Thread(target=run.ask, args=("approval", "Pay?"), daemon=True)
            asking.start()
            server.told(lambda _: server.count("answer") == 1)
            run.withdraw()
            asking.join()
            return {}

        agent.lets = threading.Event()
        trace_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        leave = self.start(server, agent)
        server.leases.put(lease("run_1", trace_parent=trace_parent))
        server.told(lambda _: server.count("finish") == 1)

        def deaf(run):
            run.ask("approval", "Pay?", checkpoint=b"page 3")

        deaf.lets = agent.lets
        again = Server()
        given_back = self.start(again, deaf)
        again.leases.put(lease("run_1", trace_parent=trace_parent))
        again.told(lambda _: again.count("answer") == 1)
        given_back()
        leave()

        about = {"renew", "begin", "progress", "screenshots", "files", "interaction", "withdraw", "finish"}
        of_none = {(what, None) for what in ("workers", "leases", "drain")}
        self.assertEqual(server.traces, {(what, trace_parent) for what in about} | of_none)
        about = {"renew", "interaction", "release"}
        self.assertEqual(again.traces, {(what, trace_parent) for what in about} | of_none)

    def test_a_content_that_the_server_cannot_keep_holds_no_run(self):
        self.set(windlass_worker, "CONTENT_SECONDS", 0)
        self.set(windlass_server, "LONGEST_PAUSE_SECONDS", 0.05)
        server, kept = Server(), []

        def agent(run):
            busy = {"type": "api", "code": "unavailable", "message": "The disk is full."}
            server.proxy_answers = [(503, json.dumps({"request_id": "req_2", "errors": [busy]}))] * 9
            kept.append(run.screenshot(b"page"))
            run.file(b"bill", "bill.pdf")

        finish = self.finish_of(server, agent)

        self.assertEqual((kept, finish["errors"][0]["code"]), ([None], "storage_error"))
        self.assertEqual((server.count("screenshots"), server.count("files")), (1, 1))

    def test_a_screenshot_that_the_server_refuses_is_left_out_and_a_file_fails_the_run(self):
        server, kept = Server(), []
        answers = server._answer
        long = {"type": "request", "code": "body_too_large", "message": "The content is too long."}

        def answer(path, body):
            answered = answers(path, body)
            return (413, {"errors": [long]}) if path.endswith(("/screenshots", "/files")) else answered

        server._answer = answer

        def agent(run):
            kept.append(run.screenshot(b"page"))
            kept.append(run.screenshot(bytes(windlass_worker.MOST_SCREENSHOT_BYTES + 1)))
            run.file(b"bill", "bill.pdf")

        finish = self.finish_of(server, agent)

        self.assertEqual((kept, server.count("screenshots")), ([None, None], 1))
        self.assertEqual((finish["errors"][0]["code"], server.count("files")), ("storage_error", 1))
        self.assertIn("The content is too long.", finish["errors"][0]["message"])

    def test_where_nothing_was_asked_nothing_is_taken_back(self):
        server = Server()

        def agent(run):
            run.withdraw()
            return {}

        self.finish_of(server, agent)

        self.assertEqual(server.count("withdraw"), 0)

    def test_an_answer_to_a_drain_or_an_eviction_that_says_nothing_of_it_is_none(self):
        self.set(windlass_server, "LONGEST_PAUSE_SECONDS", 0.05)
        self.set(windlass_worker, "KEPT_SESSIONS", 0)
        server, agent = Server(), Agent()
        answers, no_answer = server._answer, (200, {"ok": True})

        def answer(path, body):
            answered = answers(path, body)
            what = path.split("/")[-1]
            return no_answer if what in ("drain", "evict") and server.count(what) == 1 else answered

        server._answer = answer
        leave = self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("evict") == 2)
        leave()

        self.assertEqual(server.count("drain"), 2)

    def test_a_start_whose_answer_is_lost_is_the_same_start_when_it_is_said_again(self):
        server, agent = Server(), Agent()
        server.starts_fail = [None]
        self.start(server, agent)

        server.told(lambda _: server.count("leases") == 1)

        calls = [body for what, _, body in server.calls if what == "leases"]
        self.assertEqual(calls[0]["incarnation"], 1)
        self.assertEqual(server.count("workers"), 2)

    def test_a_worker_leaves_while_it_waits_for_a_server_that_wants_to_be_left_alone(self):
        self.set(windlass_server, "LONGEST_RETRY_AFTER_SECONDS", 3600)
        server, agent = Server(), Agent()
        server.starts_fail = [3600]
        leave = self.start(server, agent)
        server.told(lambda _: server.count("workers") == 1)

        leave()

        self.assertEqual(server.count("workers"), 1)

    def test_no_server_is_left_alone_for_as_long_as_it_likes(self):
        self.set(windlass_server, "LONGEST_RETRY_AFTER_SECONDS", 0.1)
        server, agent = Server(), Agent()
        server.starts_fail = [3600]
        self.start(server, agent)

        server.told(lambda _: server.count("leases") == 1)

        self.assertEqual(server.count("workers"), 2)


if __name__ == "__main__":
    unittest.main()
