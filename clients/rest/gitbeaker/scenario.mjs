// Makes every call of the Jobs API that gitbeaker offers, and prints what came of each.
//
//   node scenario.mjs URL        URL: a GitLab, without /api/v4

import { JobArtifacts, Jobs } from "@gitbeaker/rest";

const host = process.argv[2];
const [widgets, docs, nested] = ["acme/widgets", "acme/docs", "group/sub/proj"];
const [moved, vault, stats] = ["acme/old-gadgets", "acme/vault", "acme/stats"];
const [lab, handbook, intranet] = ["acme/lab", "acme/handbook", "acme/intranet"];
const main = 100; // pipeline of widgets with a job in every status
const statuses = [
  "created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running",
  "success", "failed", "canceling", "canceled", "skipped", "manual", "scheduled",
];
// Headers that the client reads, or leaves to its caller.
const headers = [
  "content-type", "content-disposition", "link", "location", "retry-after", "www-authenticate",
  "x-page", "x-per-page", "x-next-page", "x-prev-page", "x-total", "x-total-pages", "x-next-cursor",
  "x-prev-cursor", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "allow",
];

const calls = [];
let wire = []; // requests of the current call

const pick = (from) => Object.fromEntries(headers.filter((name) => from.has(name)).map((name) => [name, from.get(name)]));

// The client uses fetch, and gives its callers neither the requests nor most of the headers.
const { fetch } = globalThis;
globalThis.fetch = async (request, ...rest) => {
  const answer = await fetch(request, ...rest);
  wire.push({
    request: `${request.method} ${request.url}`,
    from: answer.url, // another one after a redirect
    status: answer.status,
    headers: pick(answer.headers),
  });
  return answer;
};

const make = (credential) => new Jobs({ host, queryTimeout: 30_000, ...credential });
const by = (name) => make({ token: "glpat-sandbox-" + name });
const bearer = (oauthToken) => make({ oauthToken });
const anonymous = make({});
const [ada, ben, cleo, root] = ["maintainer", "developer", "reporter", "admin"].map(by);

// ofJob returns a client with a job token. The methods that belong to it look for the token
// where the constructor does not put it.
function ofJob(name) {
  const jobs = make({ jobToken: "glcbt-sandbox-" + name });
  jobs.headers["job-token"] = "glcbt-sandbox-" + name;
  return jobs;
}

// call makes a call that must give `want`: "ok", the status of an error, or "client" for an
// error that the client makes itself.
async function call(name, want, fn) {
  wire = [];
  const entry = { call: name, want };
  try {
    entry.result = (await fn()) ?? null;
  } catch (error) {
    entry.error = { type: error.name, status: error.cause?.response?.status, message: error.message };
  }
  entry.wire = wire;
  calls.push(entry);
}

// page is a list with what the client makes of the headers.
const page = ({ data, paginationInfo }) => ({ ...paginationInfo, ids: data.map((job) => job.id) });

// expanded is a single answer with its status and headers.
const expanded = ({ data, status, headers: all }) => ({ data, status, headers: pick(new Headers(all)) });

async function streamed(stream) {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) text += chunk;
  return text;
}

async function listing() {
  await call("project jobs", "ok", () => ada.all(widgets));
  for (const scope of statuses) {
    await call(`project jobs, scope ${scope}`, "ok", () => ada.all(widgets, { scope, maxPages: 1, perPage: 20 }));
  }
  await call("project jobs, several scopes", "ok", () => ada.all(widgets, { scope: ["failed", "manual"], page: 1 }));
  await call("project jobs, all scopes", "ok", () => ada.all(widgets, { scope: statuses, perPage: 100, page: 1 }));
  await call("project jobs, one scope in a list", "ok", () => ada.all(widgets, { scope: ["failed"], page: 1 }));
  await call("project jobs, no scope in a list", "ok", () => ada.all(widgets, { scope: [], page: 1 }));
  await call("project jobs, scope[0]=a", "ok", () => ada.all(widgets, { scope: { 0: "pending" }, page: 1 }));
  await call("project jobs, scopes, all pages", "ok",
    () => ada.all(widgets, { scope: ["failed", "canceled"], perPage: 7 }));
  await call("project jobs, one scope, all pages", "ok", () => ada.all(widgets, { scope: "failed", perPage: 7 }));
  await call("project jobs, page 2", "ok", () => ada.all(widgets, { page: 2, perPage: 3 }));
  await call("project jobs, page with numbers", "ok",
    async () => page(await ada.all(widgets, { page: 2, perPage: 3, showExpanded: true })));
  await call("project jobs, two pages at most", "ok", () => ada.all(widgets, { perPage: 3, maxPages: 2 }));
  await call("project jobs, page past the end", "ok", () => ada.all(widgets, { page: 999 }));
  await call("project jobs, page 0", "ok", () => ada.all(widgets, { page: "0", perPage: 3 }));
  await call("project jobs, negative page", "ok", () => ada.all(widgets, { page: -1, perPage: 3 }));
  await call("project jobs, 100 a page at most", "ok", () => ada.all(widgets, { page: 1, perPage: 1000 }));
  await call("project jobs, camelized", "ok",
    () => make({ token: "glpat-sandbox-reporter", camelize: true }).all(widgets, { page: 1 }));
  await call("project jobs, ref", "ok", () => ada.all(widgets, { ref: "topic" }));
  await call("project jobs, unknown ref", "ok", () => ada.all(widgets, { ref: "no such" }));
  await call("project jobs, includeRetried is ignored", "ok", () => ada.all(widgets, { includeRetried: true, page: 1 }));
  await call("project jobs, by number", "ok", () => ada.all(1, { page: 1, perPage: 2 }));
  await call("project jobs, other letter case", "ok", () => ada.all("Acme/Widgets", { page: 1, perPage: 2 }));
  await call("project jobs, subgroup", "ok", () => ada.all(nested));
  await call("project jobs, keyset", "ok", () => ada.all(widgets, { pagination: "keyset", perPage: 60 }));
  await call("project jobs, keyset, order and scopes", "ok", () => ada.all(widgets,
    { pagination: "keyset", orderBy: "id", sort: "desc", perPage: 7, scope: ["failed", "canceled"] }));
  await call("project jobs, keyset, with numbers", "ok", async () => page(
    await ada.all(widgets, { pagination: "keyset", perPage: 3, maxPages: 2, showExpanded: true })));
  await call("project jobs, keyset, another order", 405,
    () => ada.all(widgets, { pagination: "keyset", orderBy: "id", sort: "asc" }));
  await call("project jobs, keyset, bad cursor", 500,
    () => ada.all(widgets, { pagination: "keyset", cursor: "nonsense" }));
  await call("project jobs, unknown scope", 400, () => ada.all(widgets, { scope: "broken" }));
  await call("project jobs, one unknown scope of two", 400, () => ada.all(widgets, { scope: ["failed", "broken"] }));
  await call("project jobs, empty scope", 400, () => ada.all(widgets, { scope: "" }));
  await call("project jobs, perPage 0", 400, () => ada.all(widgets, { perPage: 0 }));
  await call("project jobs, perPage no number", 400, () => ada.all(widgets, { perPage: "many" }));
  await call("project jobs, page no number", 400, () => ada.all(widgets, { page: "last" }));
}

async function pipelines() {
  const jobsOf = (options, jobs = ada, project = widgets) => jobs.all(project, { pipelineId: main, ...options });
  await call("pipeline jobs", "ok", () => jobsOf());
  await call("pipeline jobs, includeRetried", "ok", () => jobsOf({ includeRetried: true }));
  await call("pipeline jobs, without retried", "ok", () => jobsOf({ includeRetried: false, page: 1 }));
  await call("pipeline jobs, bad includeRetried", 400, () => jobsOf({ includeRetried: "maybe" }));
  for (const scope of statuses) {
    await call(`pipeline jobs, scope ${scope}`, "ok", () => jobsOf({ scope }));
  }
  await call("pipeline jobs, several scopes", "ok", () => jobsOf({ scope: ["failed", "success"], includeRetried: true }));
  await call("pipeline jobs, scope[0]=a", 400, () => jobsOf({ scope: { 0: "pending" } }));
  await call("pipeline jobs, unknown scope", 400, () => jobsOf({ scope: "broken" }));
  await call("pipeline jobs, all pages", "ok", () => jobsOf({ perPage: 7 }));
  await call("pipeline jobs, page with numbers", "ok",
    async () => page(await jobsOf({ page: 2, perPage: 7, showExpanded: true })));
  await call("pipeline jobs, last page with numbers", "ok", async () => page(await jobsOf({ perPage: 7, showExpanded: true })));
  await call("pipeline jobs, page past the end", "ok", async () => page(await jobsOf({ page: 99, showExpanded: true })));
  await call("pipeline jobs, keyset is ignored", "ok", () => jobsOf({ pagination: "keyset", perPage: 20 }));
  await call("pipeline jobs, perPage 0", 400, () => jobsOf({ perPage: 0 }));
  await call("pipeline jobs, large number", "ok", () => jobsOf({ pipelineId: 2368124402 }));
  await call("pipeline jobs, unknown pipeline", 404, () => jobsOf({ pipelineId: 999 }));
  await call("pipeline jobs, pipeline of another project", 404, () => jobsOf({ pipelineId: 200 }));
  await call("pipeline jobs, bad pipeline", 400, () => jobsOf({ pipelineId: "newest" }));
  await call("bridges", "ok", () => ada.allPipelineBridges(widgets, main));
  await call("bridges, scope", "ok", () => ada.allPipelineBridges(widgets, main, { scope: "failed" }));
  await call("bridges, several scopes", "ok",
    () => ada.allPipelineBridges(widgets, main, { scope: ["failed", "success"] }));
  await call("bridges, includeRetried", "ok", () => ada.allPipelineBridges(widgets, main, { includeRetried: true }));
  await call("bridges, all pages", "ok", () => ada.allPipelineBridges(widgets, main, { perPage: 2 }));
  await call("bridges, page with numbers", "ok",
    async () => page(await ada.allPipelineBridges(widgets, main, { page: 1, perPage: 2, showExpanded: true })));
  await call("bridges, unknown scope", 400, () => ada.allPipelineBridges(widgets, main, { scope: "broken" }));
  await call("bridges, unknown pipeline", 404, () => ada.allPipelineBridges(widgets, 999));
}

async function oneJob() {
  for (const id of [101, 102, 103, 104, 110, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 125, 127, 13372368128]) {
    await call(`job ${id}`, "ok", () => ada.show(widgets, id));
  }
  await call("job, expanded", "ok", async () => expanded(await ada.show(widgets, 101, { showExpanded: true })));
  await call("job, subgroup", "ok", () => ada.show(nested, 301));
  await call("job, bridge", 404, () => ada.show(widgets, 131));
  await call("job, unknown", 404, () => ada.show(widgets, 999999));
  await call("job, of another project", 404, () => ada.show(widgets, 201));
  await call("job, no number", 400, () => ada.show(widgets, "newest"));
  await call("job, unknown project", 404, () => ada.show("acme/nothing", 101));
  await call("job, unknown project number", 404, () => ada.show(999, 101));
  await call("job, project without a group", 404, () => ada.show("widgets", 101));
  await call("job, hidden project", 404, () => ben.show(vault, 501));
  await call("trace", "ok", () => ada.showLog(widgets, 101));
  await call("trace, streamed", "ok", async () => streamed(await ada.showLog(widgets, 101, { asStream: true })));
  await call("trace, expanded", "ok", async () => expanded(await ada.showLog(widgets, 101, { showExpanded: true })));
  await call("trace, running job", "ok", () => ada.showLog(widgets, 103));
  await call("trace, failed job", "ok", () => ada.showLog(widgets, 102));
  await call("trace, none", "ok", () => ada.showLog(widgets, 123));
  await call("trace, erased", "ok", () => ada.showLog(widgets, 114));
  await call("trace, slice", "ok", () => ada.showLog(widgets, 101, { byteOffset: 50, byteLimit: 100 }));
  await call("trace, slice too long", 400, () => ada.showLog(widgets, 101, { byteLimit: 512001 }));
  await call("trace, slice before the log", 400, () => ada.showLog(widgets, 101, { byteOffset: -1 }));
  await call("trace, bridge", 404, () => ada.showLog(widgets, 131));
  await call("trace, unknown job", 404, () => ada.showLog(widgets, 999999));
  await call("trace, debug, Reporter", 403, () => cleo.showLog(widgets, 119));
  await call("trace, debug, Developer", "ok", () => ben.showLog(widgets, 119));
}

async function who() {
  for (const name of ["running", "deploy", "admin"]) {
    await call(`job of the token ${name}`, "ok", () => ofJob(name).showConnectedJob());
    await call(`allowed agents of ${name}`, "ok", () => ofJob(name).showConnectedJobK8Agents());
  }
  await call("job of the token, as constructed", "client",
    () => make({ jobToken: "glcbt-sandbox-running" }).showConnectedJob());
  await call("allowed agents, as constructed", "client",
    () => make({ jobToken: "glcbt-sandbox-running" }).showConnectedJobK8Agents());
  await call("allowed agents, expanded", "ok",
    async () => expanded(await ofJob("running").showConnectedJobK8Agents({ showExpanded: true })));
  await call("job of the token, finished", 401, () => ofJob("finished").showConnectedJob());
  await call("job of the token, unknown", 401, () => ofJob("unknown").showConnectedJob());
  const both = by("developer");
  both.headers["job-token"] = "glcbt-sandbox-deploy";
  await call("job of the token, beside a personal token", 404, () => both.showConnectedJob());
  await call("job token, project jobs", "ok", () => ofJob("running").all(widgets, { page: 1, perPage: 2 }));
  await call("job token, pipeline jobs", "ok",
    () => ofJob("running").all(widgets, { pipelineId: main, page: 1, perPage: 2 }));
  await call("job token, bridges", "ok",
    () => ofJob("running").allPipelineBridges(widgets, main, { page: 1, perPage: 2 }));
  await call("job token, a job", 401, () => ofJob("running").show(widgets, 103));
  await call("job token, trace", 401, () => ofJob("running").showLog(widgets, 103));
  await call("job token, cancel", 401, () => ofJob("running").cancel(widgets, 103));
  await call("job token, not on the allowlist", 403, () => ofJob("foreign").all(widgets));
  await call("job token, without read_jobs", 403, () => ofJob("limited").all(widgets));
  await call("job token, public project", "ok", () => ofJob("foreign").all(docs, { pipelineId: 200 }));
  await call("OAuth token", "ok", () => bearer("sandbox-oauth-developer").show(widgets, 101));
  await call("OAuth token, expired", 401, () => bearer("sandbox-oauth-expired").show(widgets, 101));
  await call("personal token as Bearer", "ok", () => bearer("glpat-sandbox-reporter").show(widgets, 101));
  await call("anonymous, public pipeline jobs", "ok", () => anonymous.all(docs, { pipelineId: 200 }));
  await call("anonymous, public bridges", "ok", () => anonymous.allPipelineBridges(docs, 200));
  await call("anonymous, builds for members", "ok", () => anonymous.all(handbook, { pipelineId: 800 }));
  await call("anonymous, pipelines for members", 403, () => anonymous.all(lab, { pipelineId: 700 }));
  await call("anonymous, private pipeline jobs", 404, () => anonymous.all(widgets, { pipelineId: main }));
  await call("anonymous, bad scope", 400, () => anonymous.all(widgets, { pipelineId: main, scope: "broken" }));
  await call("anonymous, project jobs", 401, () => anonymous.all(docs));
  await call("anonymous, project jobs, bad scope", 401, () => anonymous.all(docs, { scope: "broken" }));
  await call("anonymous, job", 401, () => anonymous.show(docs, 201));
  await call("anonymous, trace", 401, () => anonymous.showLog(docs, 201));
  await call("anonymous, retry", 401, () => anonymous.retry(docs, 201));
  await call("internal project, outsider", "ok", () => by("outsider").all(intranet));
  await call("internal project, anonymous", 404, () => anonymous.all(intranet, { pipelineId: 1100 }));
  await call("Guest, pipelines for members", 403, () => by("guest").all(widgets));
  await call("Guest, public pipelines", "ok", () => by("guest").all(nested));
  await call("outsider", 404, () => by("outsider").all(widgets));
  for (const name of ["unknown", "revoked", "expired", "impersonation", "dpop"]) {
    await call(`token ${name}`, 401, () => by(name).show(widgets, 101));
  }
  for (const name of ["no-scope", "blocked"]) {
    await call(`token ${name}`, 403, () => by(name).show(widgets, 101));
  }
  await call("token read-api", "ok", () => by("read-api").show(widgets, 101));
  await call("token read-api, retry", 403, () => by("read-api").retry(widgets, 102));
  await call("token ai-workflows", "ok", () => by("ai-workflows").show(widgets, 101));
  await call("token ai-workflows, play", 403, () => by("ai-workflows").play(widgets, 104));
  await call("token granular", "ok", () => by("granular").show(widgets, 101));
  await call("token granular, pipeline jobs", 403, () => by("granular").all(widgets, { pipelineId: main }));
  await call("token granular, cancel", 403, () => by("granular").cancel(widgets, 105));
  await call("sudo, by name", "ok", () => root.show(widgets, 101, { sudo: "ben" }));
  await call("sudo, by number", "ok", () => root.show(widgets, 101, { sudo: 4821902 }));
  await call("sudo, of the client", "ok",
    () => make({ token: "glpat-sandbox-admin", sudo: "cleo" }).show(widgets, 101));
  await call("sudo, list of all pages", "ok", () => root.all(widgets, { sudo: "ben", pipelineId: main, perPage: 20 }));
  await call("sudo, outsider", 404, () => root.show(widgets, 101, { sudo: "finn" }));
  await call("sudo, unknown", 404, () => root.show(widgets, 101, { sudo: "nobody" }));
  await call("sudo, no administrator", 403, () => ada.show(widgets, 101, { sudo: "ben" }));
  await call("sudo, token without the scope", 403, () => by("admin-no-sudo").show(widgets, 101, { sudo: "ben" }));
  await call("sudo, anonymous", 401, () => anonymous.show(widgets, 101, { sudo: "ben" }));
  await call("moved project, project jobs", "ok", () => ada.all(moved));
  await call("moved project, pipeline jobs", "ok", () => ada.all(moved, { pipelineId: 400, scope: "success" }));
  await call("moved project, job", "ok", () => ada.show(moved, 401));
  await call("moved project, trace", "ok", () => ada.showLog(moved, 401));
  await call("moved project, retry", 405, () => ada.retry(moved, 401));
  await call("moved project, play", 405, () => ada.play(moved, 401));
}

async function cancelling() {
  await call("cancel, Reporter", 403, () => cleo.cancel(widgets, 103));
  await call("cancel, running, graceful", "ok", () => ben.cancel(widgets, 103));
  await call("cancel, canceling", "ok", () => ben.cancel(widgets, 103));
  await call("cancel, by force, Developer", 403, () => ben.cancel(widgets, 103, { force: true }));
  await call("cancel, by force", "ok", () => ada.cancel(widgets, 103, { force: true }));
  await call("cancel, by force, running", "ok", () => ada.cancel(widgets, 124, { force: true }));
  await call("cancel, running, abrupt", "ok", () => ada.cancel(widgets, 124, { force: false }));
  await call("cancel, force in the query", "ok", () => ada.cancel(widgets, 110, { searchParams: { force: true } }));
  await call("cancel, multipart", "ok", () => ada.cancel(widgets, 105, { isForm: true, force: "false" }));
  await call("cancel, expanded", "ok", async () => expanded(await ada.cancel(widgets, 101, { showExpanded: true })));
  await call("cancel, sudo", "ok", () => root.cancel(widgets, 106, { sudo: "ben" }));
  await call("cancel, bad force", 400, () => ada.cancel(widgets, 126, { force: "maybe" }));
  await call("cancel, bridge", 404, () => ada.cancel(widgets, 134));
  await call("cancel, unknown job", 404, () => ada.cancel(widgets, 999999));
  await call("cancel, unknown project", 404, () => ada.cancel("acme/nothing", 101));
  await call("cancel, locked", 409, () => ada.cancel(widgets, 122));
}

async function playing() {
  const one = { key: "ONE", value: "1" };
  await call("play, Reporter", 403, () => cleo.play(widgets, 104));
  await call("play, variable without a key", 400, () => ada.play(widgets, 104, { jobVariablesAttributes: [one, {}] }));
  await call("play, variables are no list", 400, () => ada.play(widgets, 104, { jobVariablesAttributes: "ONE" }));
  await call("play, variables", "ok",
    () => ben.play(widgets, 104, { jobVariablesAttributes: [one, { key: "ZWEI", value: "ü & 2" }] }));
  await call("play, delayed", "ok", () => ada.play(widgets, 113));
  await call("play, finished: a new job", "ok",
    async () => expanded(await ada.play(widgets, 127, { showExpanded: true })));
  await call("play, unknown input", 400, () => ada.play(widgets, 121, { jobInputs: { region: "eu" } }));
  await call("play, input not on the list", 400, () => ada.play(widgets, 121, { jobInputs: { environment: "x" } }));
  await call("play, input of another type", 400, () => ada.play(widgets, 121, { jobInputs: { dry_run: "x" } }));
  await call("play, inputs are no hash", 400, () => ada.play(widgets, 121, { jobInputs: "staging" }));
  await call("play, inputs", "ok",
    () => ada.play(widgets, 121, { jobInputs: { environment: "staging", dry_run: true } }));
  await call("play, bridge", "ok", () => ada.play(widgets, 133));
  await call("play, bridge that ran", 400, () => ada.play(widgets, 131));
  await call("play, not manual", 400, () => ada.play(widgets, 102));
  await call("play, archived", 400, () => ada.play(widgets, 115));
  await call("play, protected ref", 403, () => ben.play(widgets, 161));
  await call("play, variables for Maintainers", 403, () => ben.play(nested, 303, { jobVariablesAttributes: [one] }));
  await call("play, without variables", "ok", () => ben.play(nested, 303));
  await call("play, unknown job", 404, () => ada.play(widgets, 999999));
}

async function retrying() {
  await call("retry, Reporter", 403, () => cleo.retry(widgets, 102));
  await call("retry", "ok", () => ben.retry(widgets, 102));
  await call("retry, retried", 403, () => ada.retry(widgets, 102));
  await call("retry, running", 403, () => ada.retry(widgets, 125));
  await call("retry, archived", 403, () => ada.retry(widgets, 115));
  await call("retry, bridge", "ok", () => ada.retry(widgets, 132));
  await call("retry, protected ref", 403, () => ben.retry(widgets, 161));
  await call("retry, protected ref, Maintainer", "ok", () => ada.retry(widgets, 161));
  await call("retry, subgroup", "ok", () => ada.retry(nested, 301));
  await call("cancel the job with inputs", "ok", () => ada.cancel(widgets, 121));
  await call("retry, unknown input", 400, () => ada.retry(widgets, 121, { inputs: { region: "eu" } }));
  await call("retry, inputs", "ok", () => ada.retry(widgets, 121, { inputs: { environment: "staging", dry_run: false } }));
  await call("retry, locked", 409, () => ada.retry(widgets, 122));
  await call("retry, unknown job", 404, () => ada.retry(widgets, 999999));
  await call("pipeline jobs after retries", "ok", () => ada.all(widgets, { pipelineId: main }));
}

async function erasing() {
  await call("erase, Developer, protected ref", 403, () => ben.erase(widgets, 101));
  await call("erase, Developer, own job", "ok", () => ben.erase(widgets, 151));
  await call("erase", "ok", () => ada.erase(widgets, 101));
  await call("trace, after erase", "ok", () => ada.showLog(widgets, 101));
  await call("erase, erased", 403, () => ada.erase(widgets, 101));
  await call("erase, nothing to erase", 403, () => ada.erase(widgets, 123));
  await call("erase, running", 403, () => ada.erase(widgets, 125));
  await call("erase, bridge", 404, () => ada.erase(widgets, 131));
  await call("erase, statistics refresh", 409, () => ada.erase(stats, 901));
  await call("erase, locked", 409, () => ada.erase(widgets, 122));
  await call("erase, unknown job", 404, () => ada.erase(widgets, 999999));
}

// The Job artifacts API, which is not served.
async function beyond() {
  const artifacts = new JobArtifacts({ host, token: "glpat-sandbox-maintainer" });
  await call("artifacts", 404, () => artifacts.downloadArchive(widgets, { jobId: 101 }));
  await call("artifact", 404, () => artifacts.downloadArchive(widgets, { jobId: 101, artifactPath: "report.txt" }));
  await call("artifacts of a branch", 404, () => artifacts.downloadArchive(widgets, { ref: "main", job: "lint" }));
  await call("keep artifacts", 404, () => artifacts.keep(widgets, 101));
  await call("delete artifacts", 404, () => artifacts.remove(widgets, { jobId: 101 }));
}

// These projects are only there to go wrong, see ../compare.py. On 429 the client tries ten
// times, and then tells the status in the message alone.
async function troubles() {
  await call("429 of the list", "client", () => by("limited-42901").all(42901));
  await call("429 of the general throttle", "client", () => by("limited-42903").all(42903));
  await call("429 of a front end", "client", () => by("limited-42904").all(42904));
  await call("429 on a write", "client", () => by("limited-42905").retry(42905, 1));
  await call("500", 500, () => ada.show(50001, 1));
  await call("503", 503, () => ada.show(50301, 1));
}

for (const part of [listing, pipelines, oneJob, who, cancelling, playing, retrying, erasing, beyond, troubles]) {
  await part();
}
process.stdout.write(JSON.stringify(calls), () => process.exit());
