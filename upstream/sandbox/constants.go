package sandbox

// Projects of the seeded world, by full path. Visibility and settings are what the comment says.
const (
	ProjectWidgets    = "acme/widgets"     // private, pipelines for members from Reporter up
	ProjectDocs       = "acme/docs"        // public, with public pipelines
	ProjectNested     = "group/sub/proj"   // private, in a subgroup, Guests may read pipelines
	ProjectGadgets    = "acme/gadgets"     // private, once at ProjectGadgetsOld
	ProjectGadgetsOld = "acme/old-gadgets" // the old path: 301 and 405 (contract section 1)
	ProjectVault      = "acme/vault"       // private, visible to TokenMaintainer and TokenAdmin only
	ProjectAgents     = "acme/agents"      // private, holds agent configuration
	ProjectLab        = "acme/lab"         // public, but its pipelines are not
	ProjectHandbook   = "acme/handbook"    // public pipelines whose builds are for members
	ProjectStats      = "acme/stats"       // statistics refresh under way: erase is 409
	ProjectDotfiles   = "ada/dotfiles"     // private, in a personal namespace
	ProjectIntranet   = "acme/intranet"    // internal, with public pipelines
)

// Numeric ids of the same projects.
const (
	ProjectWidgetsID int64 = 1 + iota
	ProjectDocsID
	ProjectNestedID
	ProjectGadgetsID
	ProjectVaultID
	ProjectAgentsID
	ProjectLabID
	ProjectHandbookID
	ProjectStatsID
	ProjectDotfilesID
	ProjectIntranetID
)

// Pipelines of the seeded world.
const (
	PipelineMain     int64 = 100        // ProjectWidgets, main: a job in every status, and the bridges
	PipelineTopic    int64 = 110        // ProjectWidgets, the unprotected branch "topic"
	PipelineStable   int64 = 120        // ProjectWidgets, the branch "stable" that only Maintainers may push to
	PipelineBig      int64 = 2368124402 // ProjectWidgets, one of the pipelines with ids above 2^31
	PipelineDocs     int64 = 200
	PipelineNested   int64 = 300
	PipelineGadgets  int64 = 400
	PipelineVault    int64 = 500
	PipelineLab      int64 = 700
	PipelineHandbook int64 = 800
	PipelineStats    int64 = 900
	PipelineDotfiles int64 = 1000
	PipelineIntranet int64 = 1100
)

// Jobs of PipelineMain that keep their status until somebody acts on them (contract section 9.1).
const (
	JobSuccess            int64 = 101 // archive, metadata, trace and junit artifacts
	JobFailed             int64 = 102 // script_failure, allowed to fail
	JobRunning            int64 = 103 // runs for a day, log grows every two seconds, cancels gracefully
	JobManual             int64 = 104 // playable
	JobPending            int64 = 105
	JobCreated            int64 = 106
	JobWaitingForResource int64 = 107
	JobPreparing          int64 = 108
	JobWaitingForCallback int64 = 109
	JobCanceling          int64 = 110 // stays so; force=true ends it
	JobCanceled           int64 = 111
	JobSkipped            int64 = 112
	JobScheduled          int64 = 113 // playable
	JobErased             int64 = 114
	JobArchived           int64 = 115 // too old to retry or play
	JobRetried            int64 = 116 // hidden behind JobRetriedBy unless include_retried
	JobRetriedBy          int64 = 117
	JobOrphan             int64 = 118 // no user, no commit
	JobDebug              int64 = 119 // debug trace: the log needs Developer
	JobExpired            int64 = 120 // artifacts past their expiry
	JobInputs             int64 = 121 // manual, takes the inputs "environment" and "dry_run"
	JobLocked             int64 = 122 // every POST is 409, "Resource lock"
	JobSilent             int64 = 123 // success without log and artifacts: not erasable
	JobRunningAbrupt      int64 = 124 // runs for a day on a runner without graceful cancel
	JobDeploy             int64 = 125 // runs for a day, environment "production"
	JobAdmin              int64 = 126 // runs for a day, started by the administrator
	JobManualDone         int64 = 127 // a manual job that has finished: play makes a new one
)

// Bridges (trigger jobs) of PipelineMain.
const (
	JobBridge        int64 = 131 // success, with a downstream pipeline
	JobBridgeFailed  int64 = 132 // failed, without one
	JobBridgeManual  int64 = 133 // playable
	JobBridgeRunning int64 = 134 // running, with a downstream pipeline that runs
	JobBridgeRetried int64 = 135 // hidden unless include_retried is sent
)

// Jobs that live through the first minutes of the world, and jobs of other pipelines.
const (
	JobLive        int64 = 141         // created, pending at 5 s, running at 10 s, success at 70 s
	JobLiveFailed  int64 = 142         // created, pending at 8 s, running at 15 s, failed at 100 s
	JobLiveSlow    int64 = 143         // pending, running at 30 s, success at five minutes
	JobTopic       int64 = 151         // finished, on "topic", started by the owner of TokenDeveloper
	JobStable      int64 = 161         // failed, on "stable"
	JobBig         int64 = 13372368128 // ProjectWidgets, an id above 2^33
	JobDocs        int64 = 201
	JobNested      int64 = 301
	JobNestedLive  int64 = 302 // running, holder of JobTokenForeign
	JobNestedPlay  int64 = 303 // manual; only Maintainers may send variables here
	JobGadgets     int64 = 401
	JobGadgetsLive int64 = 402 // running, holder of JobTokenLimited
	JobVault       int64 = 501
	JobLab         int64 = 701
	JobHandbook    int64 = 801
	JobStats       int64 = 901
	JobDotfiles    int64 = 1001 // running, holder of JobTokenPersonal
	JobIntranet    int64 = 1101
)

// Access tokens (contract section 2). Roles are those in the acme and group namespaces.
const (
	TokenMaintainer    = "glpat-sandbox-maintainer"    // ada
	TokenDeveloper     = "glpat-sandbox-developer"     // ben
	TokenReporter      = "glpat-sandbox-reporter"      // cleo
	TokenGuest         = "glpat-sandbox-guest"         // dan
	TokenOutsider      = "glpat-sandbox-outsider"      // finn, member of nothing
	TokenAdmin         = "glpat-sandbox-admin"         // root, scopes api and sudo
	TokenAdminNoSudo   = "glpat-sandbox-admin-no-sudo" // root, scope api only
	TokenReadAPI       = "glpat-sandbox-read-api"      // ada, GET and HEAD only
	TokenNoScope       = "glpat-sandbox-no-scope"      // ada, read_user: 403 insufficient_scope
	TokenGranular      = "glpat-sandbox-granular"      // ada, fine-grained: read_job alone
	TokenAIWorkflows   = "glpat-sandbox-ai-workflows"  // ada, scope ai_workflows: GET and HEAD only
	TokenRevoked       = "glpat-sandbox-revoked"       // 401 invalid_token
	TokenExpired       = "glpat-sandbox-expired"       // 401 invalid_token
	TokenImpersonation = "glpat-sandbox-impersonation" // 401 invalid_token: impersonation is disabled
	TokenDPoP          = "glpat-sandbox-dpop"          // gus, whose account demands a DPoP header
	TokenBlocked       = "glpat-sandbox-blocked"       // hal, a blocked account: 403
	TokenOAuth         = "sandbox-oauth-developer"     // ben, an OAuth token
	TokenOAuthExpired  = "sandbox-oauth-expired"       // 401 invalid_token
	Session            = "sandbox-session-admin"       // root, as the cookie _gitlab_session
	CSRFToken          = "sandbox-csrf"                // the X-CSRF-Token that Session's POSTs need
)

// CI job tokens (contract section 2). They work while their job runs.
const (
	JobTokenRunning  = "glcbt-sandbox-running"  // JobRunning, started by ben
	JobTokenDeploy   = "glcbt-sandbox-deploy"   // JobDeploy, started by ada
	JobTokenLive     = "glcbt-sandbox-live"     // JobLive: dead, then alive, then dead
	JobTokenFinished = "glcbt-sandbox-finished" // JobSuccess: 401
	JobTokenAdmin    = "glcbt-sandbox-admin"    // JobAdmin, started by root
	JobTokenForeign  = "glcbt-sandbox-foreign"  // JobNestedLive: not on the allowlist of acme projects
	JobTokenLimited  = "glcbt-sandbox-limited"  // JobGadgetsLive: on the allowlist, without read_jobs
	JobTokenPersonal = "glcbt-sandbox-personal" // JobDotfiles
)
