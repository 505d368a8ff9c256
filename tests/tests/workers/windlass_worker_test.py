"""What `windlass_worker.py` of `examples/worker-python` does between its server and its agent, over a server
that answers as the test says: leases that come before an end was heard, twice, or are not renewed, answers
that are lost, put off or somebody else's, outages, and a worker that leaves."""

import asyncio
import datetime
import decimal
import json
import queue
import sys
import threading
import time
import unittest
from urllib.parse import unquote

import windlass_server
import windlass_worker
from scripted import PATIENCE_SECONDS, Agent, Server, WorkerTest, lease


class WindlassWorkerTest(WorkerTest):
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

    def test_the_first_renewal_of_a_lease_that_hangs_leaves_time_for_another(self):
        self.set(windlass_worker, "NEW_LEASE_SECONDS", 3)
        server, agent = Server(lease_seconds=9), Agent(lets_at_once=False)
        answers = server._answer

        def answer(path, body):
            answered = answers(path, body)
            if path.endswith("/renew") and server.count("renew") == 1:
                server._closed.wait()
            return answered

        server._answer = answer
        self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("renew") >= 2)

        agent.lets.set()
        server.told(lambda _: server.count("finish") == 1)
        self.assertEqual(agent.stopped, [])

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

    def test_an_output_that_is_no_json_fails_its_run_at_once(self):
        within_itself = []
        within_itself.append(within_itself)
        for output in (datetime.date(2026, 1, 5), decimal.Decimal(1), b"1", {1}, float("nan"), within_itself):
            finish = self.finish_of(Server(), lambda run, output=output: {"amount": output})

            self.assertEqual((finish["result"], finish["errors"][0]["code"]), ("failure", "task_failed"))
            self.assertIn("The output is no JSON", finish["errors"][0]["message"])

    def test_an_output_that_is_too_long_fails_its_run_at_once(self):
        server = Server()

        finish = self.finish_of(server, lambda run: {"document": "é" * (windlass_worker.MOST_OUTPUT_BYTES // 2)})

        self.assertEqual((finish["result"], server.count("finish")), ("failure", 1))
        self.assertIn("The output has 1048591 bytes of JSON", finish["errors"][0]["message"])

    def test_a_checkpoint_that_is_too_long_is_left_out(self):
        server = Server()
        server.questions_wait.clear()

        def asks(run):
            run.ask("approval", "Approve it.", checkpoint=bytes(windlass_worker.MOST_CHECKPOINT_BYTES + 1))
            return {}

        asks.lets = threading.Event()
        self.start(server, asks)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("interaction") == 1)

        self.assertEqual([body for what, _, body in server.calls if what == "interaction" and "checkpoint" in body], [])

    def test_a_line_is_said_again_only_where_it_cannot_have_been_heard(self):
        busy = {"type": "api", "code": "unavailable", "message": "It has no time for it."}
        for status, said in ((503, 2), (500, 1), (502, 1)):
            server = Server()
            answers, errors = server._answer, [status]

            def answer(path, body, answers=answers, errors=errors):
                answered = answers(path, body)
                fails = path.endswith("/progress") and errors
                return (errors.pop(), {"errors": [busy]}) if fails else answered

            server._answer = answer
            self.finish_of(server, lambda run: run.progress("open the page"))

            self.assertEqual((status, server.count("progress")), (status, said))

    def test_an_agent_that_is_to_end_its_program_fails_its_run_at_once(self):
        def leaves(run):
            sys.exit(1)

        def is_canceled(run):
            raise asyncio.CancelledError()

        for agent in (leaves, is_canceled):
            finish = self.finish_of(Server(), agent)

            self.assertEqual((finish["result"], finish["errors"][0]["code"]), ("failure", "task_failed"))

    def test_letters_are_sent_as_they_are_and_half_of_one_as_its_escape(self):
        server = Server()

        finish = self.finish_of(server, lambda run: {"text": "é" * 1000 + "\ud800"})

        self.assertEqual(finish["output"], {"text": "é" * 1000 + "\ud800"})
        self.assertLess(int(server.heads["finish"]["Content-Length"]), 2200)

    def test_a_long_reasoning_goes_into_a_head_as_far_as_it_is_shown(self):
        server = Server()

        def agent(run):
            run.screenshot(b"page", reasoning="語" * 2000)
            return {}

        self.finish_of(server, agent)

        self.assertEqual(unquote(server.heads["screenshots"]["Windlass-Reasoning"]), "語" * 1000)

    def test_a_new_lease_lives_no_longer_than_any(self):
        run = windlass_worker.Run(None, lease("run_1"), 5)

        self.assertLessEqual(run._expires, time.monotonic() + 5)

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
