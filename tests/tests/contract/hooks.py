"""What schemathesis is told beside its configuration: how calls of one run stay apart, and at home."""

import itertools
import re

import schemathesis

# Each call under its own idempotency key: under a shared one, a create would answer what an earlier
# one made, which another call may have deleted since. What a shared key does is tested elsewhere.
_NUMBERS = itertools.count(1)

# Nothing that a test makes up is looked for outside of this machine.
_ADDRESS = re.compile(r"^(https?)://.*", re.IGNORECASE | re.DOTALL)
_NOBODY = r"\1://127.0.0.1:9/"


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers or {}
    for name in [name for name in headers if name.lower() == "idempotency-key"]:
        value = headers[name]
        if isinstance(value, str) and re.fullmatch(r"[ -~]{1,240}", value):
            headers[name] = f"{value[:240].strip() or 'k'}-{next(_NUMBERS)}"
    # A wait is as long as it is asked for, also for a run that nobody works on.
    query = case.query or {}
    if str(query.get("wait")).isdecimal() and 1 < int(query["wait"]) <= 60:
        query["wait"] = 1
    if isinstance(case.body, dict):
        case.body = _at_home(case.body)
        # A worker's, too.
        wait = case.body.get("wait")
        if isinstance(wait, int) and 1 < wait <= 30:
            case.body["wait"] = 1


def _at_home(value):
    if isinstance(value, dict):
        return {name: _at_home(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_at_home(member) for member in value]
    if isinstance(value, str):
        return _ADDRESS.sub(_NOBODY, value)
    return value
