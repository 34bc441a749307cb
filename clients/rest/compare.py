#!/usr/bin/env python3
"""Runs the scenarios of real GitLab clients against two URLs, and compares what the clients got.

usage: compare.py [--behind URL] DIRECT THROUGH [go|gitbeaker|python]…

DIRECT is a sandbox, THROUGH a gateway in front of it. --behind names the sandbox behind
THROUGH where that is another one; it is THROUGH itself when two sandboxes are compared.
Both need a frozen clock: durations and logs of running jobs would grow between the runs.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
COMMANDS = {  # see setup
    "go": [HERE.parents[1] / "bin/client-go-scenario"],
    "gitbeaker": ["node", HERE / "gitbeaker/scenario.mjs"],
    "python": [HERE / "python/.venv/bin/python", HERE / "python/scenario.py"],
}
# How many results and how many errors each scenario has: a run that stops early, or makes
# no call, must not pass.
EXPECTED = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
# What goes wrong in GitLab, by a part of the path. The scenarios use a project of its own for
# each, and a token of its own: whoever was refused once may be refused for a while.
TROUBLES = {
    "/projects/42901/": {"kind": "429_json"},
    "/projects/42902/": {"kind": "429_json"},
    "/projects/42903/": {"kind": "429_text"},
    "/projects/42904/": {"kind": "429_html"},
    "/projects/42905/": {"kind": "429_json"},
    "/projects/50001/": {"kind": "status", "status": 500, "body": '{"message":"500 Internal Server Error"}'},
    "/projects/50301/": {"kind": "status", "status": 503, "body": '{"message":"503 Service Unavailable"}'},
}
# Parameters that GitLab repeats in links, and a gateway leaves out.
_NAMES = "(?:private_token|access_token|bearer_token|job_token|token)"
CREDENTIAL = re.compile(rf"&{_NAMES}=[^&>]*|(?<=\?){_NAMES}=[^&>]*&?")
TIMEOUT = 120  # seconds that one scenario may take
MOST_CALLS, MOST_LINES = 5, 12  # shown of what differs

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(url, body=None):
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    opener.open(request, timeout=30).close()


def prepare(sandbox):
    """Gives a sandbox the state that every run begins with."""
    post(sandbox + "/-/sandbox/reset")
    for path, fault in TROUBLES.items():
        post(sandbox + "/-/sandbox/faults", {"match": {"path": path}, "fault": fault})


def run(client, asked, sandbox):
    """Runs a client's scenario against `asked`, behind which is `sandbox`."""
    prepare(sandbox)
    try:
        done = subprocess.run([*COMMANDS[client], asked], capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{client} against {asked} took more than {TIMEOUT} s") from None
    if done.returncode != 0:
        raise SystemExit(f"{client} against {asked} ended with {done.returncode}:\n{done.stderr.decode()}")
    return normal(json.loads(done.stdout), asked, sandbox)


def normal(calls, asked, sandbox):
    """Puts names in the place of URLs that differ from run to run.

    Results are GitLab's data, whose URLs name GitLab whoever was asked. Everything else, such
    as links, redirects and the requests themselves, must name the URL that was asked.
    """
    calls = [
        {
            key: replaced(value, sandbox, "<gitlab>") if key == "result" else replaced(value, asked, "<asked>")
            for key, value in call.items()
        }
        for call in calls
    ]
    if asked == sandbox:
        for exchange in (exchange for call in calls for exchange in call["wire"]):
            if link := exchange["headers"].get("link"):
                exchange["headers"]["link"] = CREDENTIAL.sub("", link)
    return calls


def replaced(value, url, name):
    if isinstance(value, dict):
        return {key: replaced(item, url, name) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, url, name) for item in value]
    if isinstance(value, str):
        return re.sub(re.escape(url) + r"(?!\d)", name, value)  # port 80 is no beginning of port 8080
    return value


def outcome(call):
    """What a scenario says it wants: a result, an error's status, or an error of the client itself."""
    return "ok" if "result" in call else call["error"].get("status") or "client"


def unexpected(client, calls):
    """Tells what is wrong with a run against GitLab itself."""
    for call in calls:
        if outcome(call) != call["want"]:
            yield f"{call['call']}: wanted {call['want']}, got {outcome(call)}: {call.get('error')}"
    names = [call["call"] for call in calls]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name}: two calls of this name"
    got = {"results": sum("result" in call for call in calls), "errors": sum("error" in call for call in calls)}
    if got != EXPECTED[client]:
        yield f"expected {EXPECTED[client]}, got {got}"


def differences(one, other, path=""):
    """Yields where two JSON values differ. A number with a point is not one without."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(one.get(key, Absent), other.get(key, Absent), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"{path}: {len(one)} items directly, {len(other)} through"
        for i, (a, b) in enumerate(zip(one, other)):
            yield from differences(a, b, f"{path}[{i}]")
    elif type(one) is not type(other) or one != other:
        yield f"{path}: {shown(one)} directly, {shown(other)} through"


class Absent:
    """Stands for a member that is not there, unlike null."""


def shown(value):
    if value is Absent:
        return "absent"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + "…"


def compared(direct, through):
    """Yields a paragraph for each call that came out differently."""
    for i in range(max(len(direct), len(through))):
        one, other = (calls[i] if i < len(calls) else None for calls in (direct, through))
        if one is None or other is None:
            yield f"{(one or other)['call']}: made only {'directly' if one else 'through'}"
            return
        lines = list(differences(one, other))
        if lines:
            rest = [f"… and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
            yield "\n    ".join([one["call"], *lines[:MOST_LINES], *rest])


def main():
    parser = argparse.ArgumentParser(usage=__doc__.partition("usage: ")[2])
    parser.add_argument("--behind")
    parser.add_argument("direct")
    parser.add_argument("through")
    parser.add_argument("clients", nargs="*", metavar="client")
    args = parser.parse_args()
    if unknown := set(args.clients) - COMMANDS.keys():
        parser.error(f"no such client: {', '.join(sorted(unknown))}")

    failed = False
    for client in args.clients or COMMANDS:
        begin = time.monotonic()
        direct = run(client, args.direct, args.direct)
        wrong = list(unexpected(client, direct))
        through = run(client, args.through, args.behind or args.direct)
        different = list(compared(direct, through))
        for title, found in (("not as expected", wrong), ("different", different)):
            if found:
                failed = True
                print(f"{client}: {title}: {len(found)} of {len(direct)} calls, the first of them:")
                print("\n".join("  " + text for text in found[:MOST_CALLS]))
        if not wrong and not different:
            took = time.monotonic() - begin
            print(f"{client}: {EXPECTED[client]['results']} results and {EXPECTED[client]['errors']} errors"
                  f" are equal ({took:.1f} s)")
    sys.exit(failed)


if __name__ == "__main__":
    main()
