"""Makes every call of the Jobs API that python-gitlab offers, and prints what came of each.

usage: scenario.py URL        URL: a GitLab, without /api/v4
"""

import functools
import json
import sys
import warnings

import gitlab
import requests

BASE = sys.argv[1]
WIDGETS, DOCS, NESTED, GADGETS = "acme/widgets", "acme/docs", "group/sub/proj", "acme/gadgets"
MOVED, VAULT, STATS = "acme/old-gadgets", "acme/vault", "acme/stats"
LAB, HANDBOOK, INTRANET = "acme/lab", "acme/handbook", "acme/intranet"
MAIN = 100  # pipeline of WIDGETS with a job in every status
STATUSES = (
    "created waiting_for_resource preparing waiting_for_callback pending running success failed"
    " canceling canceled skipped manual scheduled"
).split()
# Headers that the client reads, or leaves to its caller.
HEADERS = (
    "content-type content-disposition link location retry-after www-authenticate"
    " x-page x-per-page x-next-page x-prev-page x-total x-total-pages x-next-cursor x-prev-cursor"
    " ratelimit-limit ratelimit-remaining ratelimit-reset allow"
).split()

calls = []
wire = []  # requests of the current call


def note(response, *_args, **_kwargs):
    wire.append({
        "request": f"{response.request.method} {response.request.url}",
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in HEADERS if name in response.headers},
    })


@functools.cache
def client(**options):
    session = requests.Session()
    session.trust_env = False  # neither a proxy nor a .netrc of this machine
    session.hooks["response"].append(note)
    return gitlab.Gitlab(BASE, session=session, timeout=30, **options)


def by(name):
    return client(private_token="glpat-sandbox-" + name)


def of_job(name):
    return client(job_token="glcbt-sandbox-" + name)


def jobs(project=WIDGETS, gl=None):
    return (gl or by("maintainer")).projects.get(project, lazy=True).jobs


def job(number, project=WIDGETS, gl=None):
    return jobs(project, gl).get(number, lazy=True)


def pipeline(number=MAIN, project=WIDGETS, gl=None):
    return (gl or by("maintainer")).projects.get(project, lazy=True).pipelines.get(number, lazy=True)


def plain(value):
    """Turns what the client returned into JSON."""
    if isinstance(value, gitlab.base.RESTObject):
        return value.asdict()
    if isinstance(value, requests.Response):
        return value.text
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, gitlab.base.RESTObjectList, gitlab.client.GitlabList)):
        return [plain(item) for item in value]
    return value


def call(name, want, do):
    """Makes a call that must give `want`: "ok", or the status of an error.

    An error without a status is the client's own, and never wanted.
    """
    wire.clear()
    entry = {"call": name, "want": want}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            entry["result"] = plain(do())
        except gitlab.exceptions.GitlabError as error:
            entry["error"] = {
                "type": type(error).__name__,
                "status": error.response_code,
                "message": error.error_message,
                "body": None if error.response_body is None else error.response_body.decode(),
            }
        except Exception as error:  # an answer that the client, or this program, cannot make sense of
            entry["error"] = {"type": type(error).__name__, "message": str(error)}
    entry["warnings"] = [str(w.message) for w in warned]
    entry["wire"] = wire.copy()
    calls.append(entry)


def pages(listing):
    """What the iterator tells of its first page, and all items."""
    names = "current_page prev_page next_page per_page total_pages total".split()
    told = {name: getattr(listing, name) for name in names}
    return told | {"len": len(listing), "ids": [item.id for item in listing]}


def keyset(listing):
    """The same for keyset pagination, which has no page numbers."""
    names = "prev_page next_page per_page total_pages total".split()
    return {name: getattr(listing, name) for name in names} | {"ids": [item.id for item in listing]}


def streamed(a_job):
    chunks = []
    a_job.trace(streamed=True, action=chunks.append, chunk_size=100)
    return b"".join(chunks)


def played(a_job, **options):
    a_job.play(**options)  # returns nothing, and puts the answer into the object
    return a_job


def erased(a_job, **options):
    a_job.erase(**options)
    a_job.refresh()
    return a_job


def variables(*pairs):
    return {"job_variables_attributes": [dict(zip(("key", "value"), pair)) for pair in pairs]}


def listing():
    for status in STATUSES:
        call(f"project jobs, scope {status}", "ok", lambda: jobs().list(scope=status, get_all=False))
    call("project jobs, several scopes", "ok", lambda: jobs().list(scope=["failed", "manual"], get_all=False))
    call("project jobs, all scopes", "ok", lambda: jobs().list(scope=STATUSES, per_page=100, get_all=False))
    for name, spelling in {
        "scope=a": {"scope": "failed"},
        "scope[]=a": {"scope[]": "failed"},
        "scope=a&scope=b": {"scope": ["failed", "canceled"]},
        "scope[]=a&scope[]=b": {"scope[]": ["failed", "canceled"]},
        "scope[0]=a": {"scope": {"0": "pending"}},
    }.items():
        call(f"project jobs, {name}", "ok", lambda: jobs().list(query_parameters=spelling, get_all=False))
    call("project jobs, first page with a warning", "ok", lambda: jobs().list())
    call("project jobs, page 2", "ok", lambda: jobs().list(page=2, per_page=3))
    call("project jobs, page 0", "ok", lambda: jobs().list(page=0, per_page=3))
    call("project jobs, negative page", "ok", lambda: jobs().list(page=-1, per_page=3))
    call("project jobs, page past the end", "ok", lambda: jobs().list(page=999))
    call("project jobs, 100 a page at most", "ok", lambda: jobs().list(page=1, per_page=1000))
    call("project jobs, get_all", "ok", lambda: jobs().list(get_all=True))
    call("project jobs, iterator", "ok", lambda: pages(jobs().list(iterator=True, per_page=50)))
    call("project jobs, iterator with scopes", "ok",
         lambda: pages(jobs().list(iterator=True, per_page=10, scope=["failed", "canceled"])))
    call("project jobs, iterator, token in the query", "ok",
         lambda: pages(jobs(gl=client()).list(iterator=True, per_page=60, private_token="glpat-sandbox-reporter")))
    call("project jobs, ref", "ok", lambda: jobs().list(ref="topic", get_all=True))
    call("project jobs, unknown ref", "ok", lambda: jobs().list(ref="no such", get_all=True))
    call("project jobs, keyset", "ok",
         lambda: jobs().list(pagination="keyset", order_by="id", sort="desc", per_page=50, get_all=True))
    call("project jobs, keyset iterator", "ok",
         lambda: keyset(jobs().list(iterator=True, pagination="keyset", per_page=7, scope=["failed"])))
    call("project jobs, keyset for the whole client", "ok", lambda: jobs(gl=client(
        private_token="glpat-sandbox-reporter", pagination="keyset", order_by="id", per_page=70)).list(get_all=True))
    call("project jobs, keyset in another order", 405,
         lambda: jobs().list(pagination="keyset", order_by="id", sort="asc", get_all=False))
    call("project jobs, keyset, bad cursor", 500,
         lambda: jobs().list(pagination="keyset", cursor="nonsense", get_all=False))
    call("project jobs, head", "ok", lambda: bool(jobs().head()))
    call("project jobs, by number", "ok", lambda: jobs(1).list(page=1, per_page=2))
    call("project jobs, other letter case", "ok", lambda: jobs("Acme/Widgets").list(page=1, per_page=2))
    call("project jobs, subgroup", "ok", lambda: jobs(NESTED).list(get_all=True))
    call("project jobs, unknown scope", 400, lambda: jobs().list(scope="broken"))
    call("project jobs, one unknown scope of two", 400, lambda: jobs().list(scope=["failed", "broken"]))
    call("project jobs, empty scope", 400, lambda: jobs().list(scope=""))
    call("project jobs, per_page 0", 400, lambda: jobs().list(per_page=0))
    call("project jobs, per_page no number", 400, lambda: jobs().list(per_page="many"))
    call("project jobs, page no number", 400, lambda: jobs().list(page="last"))


def pipelines():
    call("pipeline jobs", "ok", lambda: pipeline().jobs.list(get_all=True))
    call("pipeline jobs, include_retried", "ok", lambda: pipeline().jobs.list(include_retried=True, get_all=True))
    call("pipeline jobs, without retried", "ok", lambda: pipeline().jobs.list(include_retried=False, page=1))
    call("pipeline jobs, bad include_retried", 400, lambda: pipeline().jobs.list(include_retried="maybe"))
    for status in STATUSES:
        call(f"pipeline jobs, scope {status}", "ok", lambda: pipeline().jobs.list(scope=status, get_all=True))
    call("pipeline jobs, several scopes", "ok",
         lambda: pipeline().jobs.list(scope=["failed", "success"], include_retried=True, get_all=True))
    call("pipeline jobs, scope[0]=a", 400,
         lambda: pipeline().jobs.list(query_parameters={"scope": {"0": "pending"}}))
    call("pipeline jobs, unknown scope", 400, lambda: pipeline().jobs.list(scope="broken"))
    call("pipeline jobs, iterator", "ok", lambda: pages(pipeline().jobs.list(iterator=True, per_page=7)))
    call("pipeline jobs, page 2", "ok", lambda: pipeline().jobs.list(page=2, per_page=7))
    call("pipeline jobs, page past the end", "ok", lambda: pipeline().jobs.list(page=99))
    call("pipeline jobs, per_page 0", 400, lambda: pipeline().jobs.list(per_page=0))
    call("pipeline jobs, keyset is ignored", "ok",
         lambda: pages(pipeline().jobs.list(iterator=True, pagination="keyset", per_page=20)))
    call("pipeline jobs, large number", "ok", lambda: pipeline(2368124402).jobs.list(get_all=True))
    call("pipeline jobs, head", "ok", lambda: bool(pipeline().jobs.head()))
    call("pipeline jobs, unknown pipeline", 404, lambda: pipeline(999).jobs.list())
    call("pipeline jobs, pipeline of another project", 404, lambda: pipeline(200).jobs.list())
    call("pipeline jobs, bad pipeline", 400, lambda: pipeline("newest").jobs.list())
    call("bridges", "ok", lambda: pipeline().bridges.list(get_all=True))
    call("bridges, scope", "ok", lambda: pipeline().bridges.list(scope="failed", get_all=True))
    call("bridges, several scopes", "ok", lambda: pipeline().bridges.list(scope=["failed", "success"], get_all=True))
    call("bridges, include_retried", "ok", lambda: pipeline().bridges.list(include_retried=True, get_all=True))
    call("bridges, unknown scope", 400, lambda: pipeline().bridges.list(scope="broken"))
    call("bridges, iterator", "ok", lambda: pages(pipeline().bridges.list(iterator=True, per_page=2)))
    call("bridges, unknown pipeline", 404, lambda: pipeline(999).bridges.list())
    trigger_jobs = f"/projects/acme%2Fwidgets/pipelines/{MAIN}/trigger_jobs"
    call("trigger jobs", "ok", lambda: by("maintainer").http_list(trigger_jobs, get_all=True))
    call("trigger jobs, iterator", "ok", lambda: by("maintainer").http_list(trigger_jobs, iterator=True, per_page=2))


def one_job():
    for number in (101, 102, 103, 104, 110, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 125, 127):
        call(f"job {number}", "ok", lambda: jobs().get(number))
    call("job of a large number", "ok", lambda: jobs().get(13372368128))
    call("job, refresh", "ok", lambda: (a := job(101)).refresh() or a)
    call("job, head", "ok", lambda: bool(jobs().head(101)))
    call("job, head, unknown", 404, lambda: jobs().head(999999))
    call("job, head, anonymous", 401, lambda: jobs(gl=client()).head(101))
    call("job, subgroup", "ok", lambda: jobs(NESTED).get(301))
    call("job, bridge", 404, lambda: jobs().get(131))
    call("job, unknown", 404, lambda: jobs().get(999999))
    call("job, of another project", 404, lambda: jobs().get(201))
    call("job, no number", 400, lambda: jobs().get("newest"))
    call("job, unknown project", 404, lambda: jobs("acme/nothing").get(101))
    call("job, unknown project number", 404, lambda: jobs(999).get(101))
    call("job, project without a group", 404, lambda: jobs("widgets").get(101))
    call("job, hidden project", 404, lambda: jobs(VAULT, by("developer")).get(501))
    call("trace", "ok", lambda: job(101).trace())
    call("trace, streamed", "ok", lambda: streamed(job(101)))
    call("trace, iterator", "ok", lambda: b"".join(job(101).trace(iterator=True, chunk_size=64)))
    call("trace, running job", "ok", lambda: job(103).trace())
    call("trace, failed job", "ok", lambda: job(102).trace())
    call("trace, none", "ok", lambda: job(123).trace())
    call("trace, erased", "ok", lambda: job(114).trace())
    call("trace, slice", "ok", lambda: job(101).trace(byte_offset=50, byte_limit=100))
    call("trace, slice too long", 400, lambda: job(101).trace(byte_limit=512001))
    call("trace, slice before the log", 400, lambda: job(101).trace(byte_offset=-1))
    call("trace, bridge", 404, lambda: job(131).trace())
    call("trace, unknown job", 404, lambda: job(999999).trace())
    call("trace, debug, Reporter", 403, lambda: job(119, gl=by("reporter")).trace())
    call("trace, debug, Developer", "ok", lambda: job(119, gl=by("developer")).trace())


def who():
    for name in ("running", "deploy", "admin"):
        call(f"job of the token {name}", "ok", lambda: of_job(name).http_get("/job"))
        call(f"allowed agents of {name}", "ok", lambda: of_job(name).http_get("/job/allowed_agents"))
    call("job of the token, as parameter", "ok",
         lambda: client().http_get("/job", query_data={"job_token": "glcbt-sandbox-running"}))
    call("job of the token, as token parameter", "ok",
         lambda: client().http_get("/job", query_data={"token": "glcbt-sandbox-deploy"}))
    call("job of the token, as Bearer", "ok",
         lambda: client(oauth_token="glcbt-sandbox-running").http_get("/job"))
    call("job of the token, finished", 401, lambda: of_job("finished").http_get("/job"))
    call("job of the token, unknown", 401, lambda: of_job("unknown").http_get("/job"))
    call("job of the token, personal token", 404, lambda: by("developer").http_get("/job"))
    call("job of the token, anonymous", 401, lambda: client().http_get("/job"))
    call("allowed agents, personal token", 404, lambda: by("developer").http_get("/job/allowed_agents"))
    call("allowed agents, anonymous", 401, lambda: client().http_get("/job/allowed_agents"))
    call("job token, project jobs", "ok", lambda: jobs(gl=of_job("running")).list(page=1, per_page=2))
    call("job token, pipeline jobs", "ok", lambda: pipeline(gl=of_job("running")).jobs.list(page=1, per_page=2))
    call("job token, bridges", "ok", lambda: pipeline(gl=of_job("running")).bridges.list(page=1, per_page=2))
    call("job token, a job", 401, lambda: jobs(gl=of_job("running")).get(103))
    call("job token, trace", 401, lambda: job(103, gl=of_job("running")).trace())
    call("job token, cancel", 401, lambda: job(103, gl=of_job("running")).cancel())
    call("job token, not on the allowlist", 403, lambda: jobs(gl=of_job("foreign")).list())
    call("job token, without read_jobs", 403, lambda: jobs(gl=of_job("limited")).list())
    call("job token, public project", "ok", lambda: pipeline(200, DOCS, of_job("foreign")).jobs.list(get_all=True))
    call("OAuth token", "ok", lambda: jobs(gl=client(oauth_token="sandbox-oauth-developer")).get(101))
    call("OAuth token, expired", 401, lambda: jobs(gl=client(oauth_token="sandbox-oauth-expired")).get(101))
    call("personal token as Bearer", "ok",
         lambda: jobs(gl=client(oauth_token="glpat-sandbox-reporter")).get(101))
    call("personal token as parameter", "ok",
         lambda: jobs(gl=client()).get(101, private_token="glpat-sandbox-reporter"))
    call("OAuth token as parameter", "ok",
         lambda: jobs(gl=client()).get(101, access_token="sandbox-oauth-developer"))
    call("parameter before header", 401, lambda: jobs(gl=by("developer")).get(101, private_token="glpat-sandbox-unknown"))
    call("anonymous, public pipeline jobs", "ok", lambda: pipeline(200, DOCS, client()).jobs.list(get_all=True))
    call("anonymous, public bridges", "ok", lambda: pipeline(200, DOCS, client()).bridges.list(get_all=True))
    call("anonymous, builds for members", "ok", lambda: pipeline(800, HANDBOOK, client()).jobs.list(get_all=True))
    call("anonymous, pipelines for members", 403, lambda: pipeline(700, LAB, client()).jobs.list())
    call("anonymous, private pipeline jobs", 404, lambda: pipeline(gl=client()).jobs.list())
    call("anonymous, bad scope", 400, lambda: pipeline(gl=client()).jobs.list(scope="broken"))
    call("anonymous, project jobs", 401, lambda: jobs(DOCS, client()).list())
    call("anonymous, project jobs, bad scope", 401, lambda: jobs(DOCS, client()).list(scope="broken"))
    call("anonymous, job", 401, lambda: jobs(DOCS, client()).get(201))
    call("anonymous, trace", 401, lambda: job(201, DOCS, client()).trace())
    call("anonymous, retry", 401, lambda: job(201, DOCS, client()).retry())
    call("internal project, outsider", "ok", lambda: jobs(INTRANET, by("outsider")).list(get_all=True))
    call("internal project, anonymous", 404, lambda: pipeline(1100, INTRANET, client()).jobs.list())
    call("Guest, pipelines for members", 403, lambda: jobs(gl=by("guest")).list())
    call("Guest, public pipelines", "ok", lambda: jobs(NESTED, by("guest")).list(get_all=True))
    call("outsider", 404, lambda: jobs(gl=by("outsider")).list())
    for name in ("unknown", "revoked", "expired", "impersonation", "dpop"):
        call(f"token {name}", 401, lambda: jobs(gl=by(name)).get(101))
    for name in ("no-scope", "blocked"):
        call(f"token {name}", 403, lambda: jobs(gl=by(name)).get(101))
    call("token read-api", "ok", lambda: jobs(gl=by("read-api")).get(101))
    call("token read-api, retry", 403, lambda: job(102, gl=by("read-api")).retry())
    call("token ai-workflows", "ok", lambda: jobs(gl=by("ai-workflows")).get(101))
    call("token ai-workflows, play", 403, lambda: job(104, gl=by("ai-workflows")).play())
    call("token granular", "ok", lambda: jobs(gl=by("granular")).get(101))
    call("token granular, pipeline jobs", 403, lambda: pipeline(gl=by("granular")).jobs.list())
    call("token granular, cancel", 403, lambda: job(105, gl=by("granular")).cancel())
    call("sudo, by name", "ok", lambda: jobs(gl=by("admin")).get(101, sudo="ben"))
    call("sudo, by number", "ok", lambda: jobs(gl=by("admin")).get(101, sudo=4821902))
    call("sudo, outsider", 404, lambda: jobs(gl=by("admin")).get(101, sudo="finn"))
    call("sudo, unknown", 404, lambda: jobs(gl=by("admin")).get(101, sudo="nobody"))
    call("sudo, no administrator", 403, lambda: jobs(gl=by("maintainer")).get(101, sudo="ben"))
    call("sudo, token without the scope", 403, lambda: jobs(gl=by("admin-no-sudo")).get(101, sudo="ben"))
    call("sudo, anonymous", 401, lambda: jobs(gl=client()).get(101, sudo="ben"))
    call("moved project, project jobs", "ok", lambda: jobs(MOVED).list(get_all=True))
    call("moved project, pipeline jobs", "ok", lambda: pipeline(400, MOVED).jobs.list(scope="success", get_all=True))
    call("moved project, job", "ok", lambda: jobs(MOVED).get(401))
    call("moved project, trace", "ok", lambda: job(401, MOVED).trace())
    call("moved project, retry", 405, lambda: job(401, MOVED).retry())
    call("moved project, play", 405, lambda: job(401, MOVED).play())


def cancelling():
    call("cancel, Reporter", 403, lambda: job(103, gl=by("reporter")).cancel())
    call("cancel, running, graceful", "ok", lambda: job(103, gl=by("developer")).cancel())
    call("cancel, canceling", "ok", lambda: job(103, gl=by("developer")).cancel())
    call("cancel, by force, Developer", 403, lambda: job(103, gl=by("developer")).cancel(force=True))
    call("cancel, by force", "ok", lambda: job(103).cancel(force=True))
    call("cancel, by force, running", "ok", lambda: job(124).cancel(force=True))
    call("cancel, running, abrupt", "ok", lambda: job(124).cancel(force=False))
    call("cancel, force in the body", "ok", lambda: job(110).cancel(post_data={"force": True}))
    call("cancel, pending", "ok", lambda: job(105).cancel())
    call("cancel, finished", "ok", lambda: job(101).cancel())
    call("cancel, sudo", "ok", lambda: job(106, gl=by("admin")).cancel(sudo="ben"))
    call("cancel, bad force", 400, lambda: job(126).cancel(force="maybe"))
    call("cancel, bridge", 404, lambda: job(134).cancel())
    call("cancel, unknown job", 404, lambda: job(999999).cancel())
    call("cancel, unknown project", 404, lambda: job(101, "acme/nothing").cancel())
    call("cancel, locked", 409, lambda: job(122).cancel())


def playing():
    call("play, Reporter", 403, lambda: played(job(104, gl=by("reporter"))))
    call("play, variable without a key", 400, lambda: played(job(104), post_data=variables(("ONE", "1"), ())))
    call("play, variables are no list", 400,
         lambda: played(job(104), post_data={"job_variables_attributes": "ONE"}))
    call("play, variables", "ok",
         lambda: played(job(104, gl=by("developer")), post_data=variables(("ONE", "1"), ("ZWEI", "ü & 2"))))
    call("play, delayed", "ok", lambda: played(job(113)))
    call("play, finished: a new job", "ok", lambda: played(job(127)))
    call("play, unknown input", 400, lambda: played(job(121), post_data={"job_inputs": {"region": "eu"}}))
    call("play, input not on the list", 400, lambda: played(job(121), post_data={"job_inputs": {"environment": "x"}}))
    call("play, input of another type", 400, lambda: played(job(121), post_data={"job_inputs": {"dry_run": "x"}}))
    call("play, inputs are no hash", 400, lambda: played(job(121), post_data={"job_inputs": "staging"}))
    call("play, inputs", "ok",
         lambda: played(job(121), post_data={"job_inputs": {"environment": "staging", "dry_run": True}}))
    call("play, bridge", "ok", lambda: played(job(133)))
    call("play, bridge that ran", 400, lambda: played(job(131)))
    call("play, not manual", 400, lambda: played(job(102)))
    call("play, archived", 400, lambda: played(job(115)))
    call("play, protected ref", 403, lambda: played(job(161, gl=by("developer"))))
    call("play, variables for Maintainers", 403,
         lambda: played(job(303, NESTED, by("developer")), post_data=variables(("ONE", "1"))))
    call("play, without variables", "ok", lambda: played(job(303, NESTED, by("developer"))))
    call("play, unknown job", 404, lambda: played(job(999999)))


def retrying():
    call("retry, Reporter", 403, lambda: job(102, gl=by("reporter")).retry())
    call("retry", "ok", lambda: job(102, gl=by("developer")).retry())
    call("retry, retried", 403, lambda: job(102).retry())
    call("retry, running", 403, lambda: job(125).retry())
    call("retry, archived", 403, lambda: job(115).retry())
    call("retry, bridge", "ok", lambda: job(132).retry())
    call("retry, protected ref", 403, lambda: job(161, gl=by("developer")).retry())
    call("retry, protected ref, Maintainer", "ok", lambda: job(161).retry())
    call("retry, subgroup", "ok", lambda: job(301, NESTED).retry())
    call("cancel the job with inputs", "ok", lambda: job(121).cancel())
    call("retry, unknown input", 400, lambda: job(121).retry(post_data={"inputs": {"region": "eu"}}))
    call("retry, input in the query", "ok", lambda: job(121).retry(inputs={"environment": "staging"}))
    call("retry, token in the query", "ok",
         lambda: job(117, gl=client()).retry(private_token="glpat-sandbox-developer"))
    call("retry, token in the body", "ok",
         lambda: job(111, gl=client()).retry(post_data={"private_token": "glpat-sandbox-developer"}))
    call("retry, sudo in the body", "ok", lambda: job(119, gl=by("admin")).retry(post_data={"sudo": "ben"}))
    call("retry, locked", 409, lambda: job(122).retry())
    call("retry, unknown job", 404, lambda: job(999999).retry())
    call("pipeline jobs after retries", "ok", lambda: pipeline().jobs.list(get_all=True))


def erasing():
    call("erase, Developer, protected ref", 403, lambda: erased(job(101, gl=by("developer"))))
    call("erase, Developer, own job", "ok", lambda: erased(job(151, gl=by("developer"))))
    call("erase", "ok", lambda: erased(job(101)))
    call("trace, after erase", "ok", lambda: job(101).trace())
    call("erase, erased", 403, lambda: erased(job(101)))
    call("erase, nothing to erase", 403, lambda: erased(job(123)))
    call("erase, running", 403, lambda: erased(job(125)))
    call("erase, bridge", 404, lambda: erased(job(131)))
    call("erase, statistics refresh", 409, lambda: erased(job(901, STATS)))
    call("erase, locked", 409, lambda: erased(job(122)))
    call("erase, unknown job", 404, lambda: erased(job(999999)))


def beyond():
    """Methods of the same object that belong to the Job artifacts API, which is not served."""
    call("artifacts", 404, lambda: job(101).artifacts())
    call("artifact", 404, lambda: job(101).artifact("report.txt"))
    call("keep artifacts", 404, lambda: job(101).keep_artifacts())
    call("delete artifacts", 404, lambda: job(101).delete_artifacts())
    call("another route", 404, lambda: by("maintainer").http_get("/projects/1/pipelines"))
    call("a wrong method", 405, lambda: by("maintainer").http_get("/projects/1/jobs/101/retry"))


def troubles():
    """These projects are only there to go wrong, see ../compare.py."""
    def limited(number, **options):
        return jobs(number, by(f"limited-{number}")).list(page=1, **options)

    call("429 of the list, not retried", 429, lambda: limited(42901, obey_rate_limit=False))
    call("429 of the list, retried", 429, lambda: limited(42902, max_retries=2))
    call("429 of the general throttle", 429, lambda: limited(42903, obey_rate_limit=False))
    call("429 of a front end", 429, lambda: limited(42904, obey_rate_limit=False))
    call("429 on a write", 429,
         lambda: job(1, 42905, by("limited-42905")).retry(obey_rate_limit=False))
    call("500", 500, lambda: jobs(50001).get(1))
    call("503", 503, lambda: jobs(50301).get(1))


for part in (listing, pipelines, one_job, who, cancelling, playing, retrying, erasing, beyond, troubles):
    part()
json.dump(calls, sys.stdout, ensure_ascii=False)
