"""The main job with a client that a generator made from the document, and nothing of ours.

Reads what to work with from its environment, and the code from its standard input once it has asked
for it. Prints the output of the run.
"""

import json
import os
import sys

from windlass_client import AuthenticatedClient
from windlass_client.api.agents import create_agent, delete_agent, list_agents
from windlass_client.api.storage import list_storage
from windlass_client.api.task_runs import answer_interaction, read_run, start_run
from windlass_client.models import (
    InteractionAnswerBody,
    InteractionAnswerBodyInputType0,
    NewAgentBody,
    StartRunBody,
)
from windlass_client.models.errors_body import ErrorsBody

client = AuthenticatedClient(
    base_url=os.environ["WINDLASS_URL"], token=os.environ["WINDLASS_KEY"], timeout=60
)


def until(run_id, statuses):
    for _ in range(60):
        run = read_run.sync(run_id, client=client, wait=1)
        if run.status in statuses:
            return run
    raise SystemExit(f"the run is {run.status}")


# What is refused is told as the document says.
missing = read_run.sync_detailed("trun_0324ygTmLd1GBzfqb28m5Y", client=client)
assert missing.status_code == 404, missing
assert isinstance(missing.parsed, ErrorsBody), missing.parsed
assert missing.parsed.errors[0].code == "task_run_not_found", missing.parsed

# What is made twice under one key is made once.
agents = [
    create_agent.sync(client=client, body=NewAgentBody(name="Bills"), idempotency_key="once")
    for _ in range(2)
]
assert agents[0].id == agents[1].id, agents
page = list_agents.sync(client=client, limit=1)
assert [agent.id for agent in page.data] == [agents[0].id], page
assert page.has_more and page.next_cursor
older = list_agents.sync(client=client, cursor=page.next_cursor)
assert agents[0].id not in [agent.id for agent in older.data], older
assert delete_agent.sync(agents[0].id, client=client).deleted

# The run: it asks its person for the code, and hands over what it has found.
body = StartRunBody(credential_id=os.environ["CREDENTIAL"])
run = start_run.sync(os.environ["TASK"], client=client, body=body)
assert run.status == "queued" and run.output is None, run
run = until(run.id, ["interaction_required", "completed", "failed"])
assert run.status == "interaction_required", run
names = [field.name for field in run.interaction.fields]
print(json.dumps({"asks": names}), flush=True)
answers = InteractionAnswerBodyInputType0.from_dict({names[0]: sys.stdin.readline().strip()})
run = answer_interaction.sync(run.id, client=client, body=InteractionAnswerBody(input_=answers))
assert run.status == "running" and run.interaction is None, run
run = until(run.id, ["completed", "failed"])
assert run.status == "completed", run
files = list_storage.sync(client=client, task_run_id=run.id)
print(json.dumps({"output": run.output, "files": [file.file_name for file in files.data]}))
