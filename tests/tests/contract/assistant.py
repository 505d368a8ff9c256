"""What an assistant does with the tools, by the protocol's own client, through each door.

Reads what to work with from its environment, and each code from its standard input once it has asked
for it. Prints the output of each run.
"""

import json
import os
import sys

import anyio
import httpx2
from mcp import MCPError, StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

URL = os.environ["WINDLASS_URL"]
KEY = os.environ["WINDLASS_KEY"]
TASK = os.environ["TASK"]
CREDENTIAL = os.environ["CREDENTIAL"]

ALWAYS = [
    "list_tasks",
    "list_sources",
    "list_credentials",
    "start_run",
    "wait_for_run",
    "read_run",
    "read_timeline",
    "answer_interaction",
    "review_run",
    "cancel_run",
    "list_runs",
    "list_files",
    "read_file",
]


def over_http(tasks=TASK):
    caller = httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=90)
    return streamable_http_client(f"{URL}/mcp?tasks={tasks}", http_client=caller)


def over_http_with_one_that_is_gone():
    return over_http(f"{TASK},task_that_was_deleted")


def over_http_with_all_that_are_live():
    return over_http("live")


def beside():
    environment = {"WINDLASS_URL": URL, "WINDLASS_KEY": KEY, "WINDLASS_TASKS": TASK}
    return stdio_client(
        StdioServerParameters(command=os.environ["WINDLASS"], args=["mcp"], env=environment)
    )


async def did(client, tool, **arguments):
    """What a tool answers; it must not fail."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


async def refused(client, tool, **arguments):
    """Why a tool fails."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result
    return result.content[0].text


async def until(client, run, statuses):
    for _ in range(60):
        if run["status"] in statuses:
            return run
        run = await did(client, "wait_for_run", run_id=run["id"], seconds=2)
    raise SystemExit(f"the run is {run['status']}")


def mark(task):
    """What tells a task's tool from that of another task of its name."""
    hash = 0x811C9DC5
    for byte in task.encode():
        hash = (hash ^ byte) * 0x01000193 % 2**32
    return f"{hash:08x}"


async def works(client, named):
    own = named[0]
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools)[: len(ALWAYS)] == ALWAYS, list(tools)
    assert set(tools) - set(ALWAYS) == set(named), list(tools)
    assert tools["list_tasks"].annotations.read_only_hint
    assert not tools["start_run"].annotations.read_only_hint

    tasks = (await did(client, "list_tasks"))["data"]
    (task,) = [task for task in tasks if task["id"] == TASK]
    assert tools[own].input_schema["properties"]["input"] == task["input_schema"]
    (credential,) = [
        credential
        for credential in (await did(client, "list_credentials"))["data"]
        if credential["id"] == CREDENTIAL
    ]
    assert os.environ["PASSWORD"] not in json.dumps(credential)

    # What is wrong is told in words, with its place.
    why = await refused(client, "read_run", run_id="trun_0324ygTmLd1GBzfqb28m5Y")
    assert "task_run_not_found" in why, why
    why = await refused(client, "read_run", run_id="../tasks")
    assert "task_run_not_found" in why, why
    why = await refused(client, "start_run", task_id=TASK, credential_id="cred_none")
    assert why.startswith("credential_id: "), why
    why = await refused(client, "start_run", task=TASK)
    assert "unknown field `task`" in why, why
    try:
        await client.call_tool("no_such_tool", {})
    except MCPError as error:
        assert "no_such_tool" in str(error), error
    else:
        raise SystemExit("a tool that is not there answers")

    run = await did(client, own, credential_id=CREDENTIAL, wait_seconds=1)
    run = await until(client, run, ["interaction_required", "completed", "failed"])
    assert run["status"] == "interaction_required", run
    (name,) = [field["name"] for field in run["interaction"]["fields"]]
    print(json.dumps({"asks": name}), flush=True)
    code = (await anyio.to_thread.run_sync(sys.stdin.readline)).strip()
    run = await did(client, "answer_interaction", run_id=run["id"], answers={name: code})
    run = await until(client, run, ["review_required", "failed"])
    assert run["status"] == "review_required", run
    waiting = (await did(client, "list_runs", status="review_required"))["data"]
    assert [other["id"] for other in waiting] == [run["id"]], waiting
    run = await did(client, "review_run", run_id=run["id"], decision="approve")
    assert run["status"] == "completed", run
    why = await refused(client, "cancel_run", run_id=run["id"])
    assert "run_not_cancelable" in why, why

    (file,) = (await did(client, "list_files", run_id=run["id"]))["data"]
    content = await client.call_tool("read_file", {"file_id": file["id"]})
    assert not content.is_error, content
    (content,) = content.content
    assert content.type == "resource" and content.resource.mime_type == file["file_type"], content
    happened = (await did(client, "read_timeline", run_id=run["id"]))["data"]
    run = await did(client, "read_run", run_id=run["id"], include=["storage"])
    assert [stored["id"] for stored in run["storage"]] == [file["id"]], run
    print(json.dumps({"output": run["output"], "happened": len(happened)}), flush=True)

    # A start under a key is made once; one that nobody wants is canceled.
    queued = [
        await did(
            client,
            "start_run",
            task_id=os.environ["QUEUED_TASK"],
            credential_id=CREDENTIAL,
            wait_seconds=0,
            idempotency_key=f"once-{run['id']}",
        )
        for _ in range(2)
    ]
    assert queued[0]["id"] == queued[1]["id"], queued
    canceled = await did(client, "cancel_run", run_id=queued[0]["id"])
    assert canceled["status"] == "canceled", canceled


async def main():
    # Both tasks are live, and have one name.
    marked = [f"run_invoices_{mark(task)}" for task in (TASK, os.environ["QUEUED_TASK"])]
    for door, mode, named in [
        (over_http_with_one_that_is_gone, "legacy", ["run_invoices"]),
        (over_http_with_all_that_are_live, "auto", marked),
        (beside, "legacy", ["run_invoices"]),
    ]:
        async with Client(door(), mode=mode) as client:
            assert client.server_info.name == "windlass", client.server_info
            assert "start_run" in client.instructions
            await works(client, named)
    async with httpx2.AsyncClient() as stranger:
        for headers in [{}, {"Authorization": "Bearer sk_test_wrong"}]:
            answer = await stranger.post(f"{URL}/mcp", json={}, headers=headers)
            assert answer.status_code == 401, answer
            assert answer.headers["WWW-Authenticate"] == "Bearer", answer.headers


anyio.run(main)
