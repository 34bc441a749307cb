package sandbox

// The entities of contract section 8, members in GitLab's order. A pointer is null when nil; a
// member with omitempty or omitzero is absent instead.

type jobBasicEntity struct {
	ID             int64               `json:"id"`
	Status         string              `json:"status"`
	Stage          string              `json:"stage"`
	Name           string              `json:"name"`
	Ref            string              `json:"ref"`
	Tag            bool                `json:"tag"`
	Coverage       *rubyFloat          `json:"coverage"`
	AllowFailure   bool                `json:"allow_failure"`
	CreatedAt      stamp               `json:"created_at"`
	StartedAt      *stamp              `json:"started_at"`
	FinishedAt     *stamp              `json:"finished_at"`
	ErasedAt       *stamp              `json:"erased_at"`
	Duration       *rubyFloat          `json:"duration"`
	QueuedDuration *rubyFloat          `json:"queued_duration"`
	User           any                 `json:"user"`
	Commit         any                 `json:"commit"`
	Pipeline       any                 `json:"pipeline"`
	FailureReason  string              `json:"failure_reason,omitempty"`
	WebURL         string              `json:"web_url"`
	Project        projectScopesEntity `json:"project"`
}

type projectScopesEntity struct {
	TokenScope bool `json:"ci_job_token_scope_enabled"`
}

type jobEntity struct {
	jobBasicEntity
	ArtifactsFile     *artifactsFileEntity          `json:"artifacts_file,omitempty"`
	Artifacts         []artifactEntity              `json:"artifacts"`
	Runner            any                           `json:"runner"`
	RunnerManager     nullable[runnerManagerEntity] `json:"runner_manager,omitzero"`
	ArtifactsExpireAt *stamp                        `json:"artifacts_expire_at"`
	Archived          *bool                         `json:"archived,omitempty"`
	TagList           []string                      `json:"tag_list"`
}

type bridgeEntity struct {
	jobBasicEntity
	DownstreamPipeline any `json:"downstream_pipeline"`
}

type artifactsFileEntity struct {
	Filename string `json:"filename"`
	Size     int64  `json:"size"`
}

type artifactEntity struct {
	FileType   string  `json:"file_type"`
	Size       int64   `json:"size"`
	Filename   string  `json:"filename"`
	FileFormat *string `json:"file_format"`
}

type pipelineEntity struct {
	ID        int64   `json:"id"`
	IID       int64   `json:"iid"`
	ProjectID int64   `json:"project_id"`
	SHA       string  `json:"sha"`
	Ref       string  `json:"ref"`
	Status    string  `json:"status"`
	Source    *string `json:"source"`
	CreatedAt stamp   `json:"created_at"`
	UpdatedAt stamp   `json:"updated_at"`
	WebURL    string  `json:"web_url"`
}

type userBasicEntity struct {
	ID          int64   `json:"id"`
	Username    string  `json:"username"`
	PublicEmail *string `json:"public_email"`
	Name        string  `json:"name"`
	State       string  `json:"state"`
	Locked      bool    `json:"locked"`
	AvatarURL   *string `json:"avatar_url"`
	WebURL      string  `json:"web_url"`
}

type userEntity struct {
	userBasicEntity
	CreatedAt       *stamp  `json:"created_at,omitempty"`
	Bio             *string `json:"bio"`
	Location        *string `json:"location"`
	LinkedIn        *string `json:"linkedin"`
	Twitter         *string `json:"twitter"`
	Discord         *string `json:"discord"`
	WebsiteURL      *string `json:"website_url"`
	GitHub          *string `json:"github"`
	JobTitle        *string `json:"job_title"`
	Pronouns        *string `json:"pronouns"`
	Organization    *string `json:"organization"`
	Bot             bool    `json:"bot"`
	WorkInformation *string `json:"work_information"`
	Followers       *int    `json:"followers,omitempty"`
	Following       *int    `json:"following,omitempty"`
	LocalTime       *string `json:"local_time"`
}

type commitEntity struct {
	ID               string    `json:"id"`
	ShortID          string    `json:"short_id"`
	CreatedAt        stamp     `json:"created_at"`
	ParentIDs        []string  `json:"parent_ids"`
	Title            string    `json:"title"`
	Message          string    `json:"message"`
	AuthorName       string    `json:"author_name"`
	AuthorEmail      string    `json:"author_email"`
	AuthoredDate     stamp     `json:"authored_date"`
	CommitterName    string    `json:"committer_name"`
	CommitterEmail   string    `json:"committer_email"`
	CommittedDate    stamp     `json:"committed_date"`
	Trailers         pairs     `json:"trailers"`
	ExtendedTrailers listPairs `json:"extended_trailers"`
	WebURL           string    `json:"web_url"`
}

type runnerEntity struct {
	ID                 int64            `json:"id"`
	Description        *string          `json:"description"`
	IPAddress          *string          `json:"ip_address"`
	Active             bool             `json:"active"`
	Paused             bool             `json:"paused"`
	IsShared           bool             `json:"is_shared"`
	RunnerType         string           `json:"runner_type"`
	Name               *string          `json:"name"`
	Online             *bool            `json:"online"`
	CreatedBy          *userBasicEntity `json:"created_by,omitempty"`
	CreatedAt          stamp            `json:"created_at"`
	Status             string           `json:"status"`
	JobExecutionStatus string           `json:"job_execution_status"`
}

type runnerManagerEntity struct {
	ID                 int64  `json:"id"`
	SystemID           string `json:"system_id"`
	Version            string `json:"version"`
	Revision           string `json:"revision"`
	Platform           string `json:"platform"`
	Architecture       string `json:"architecture"`
	CreatedAt          stamp  `json:"created_at"`
	ContactedAt        stamp  `json:"contacted_at"`
	IPAddress          string `json:"ip_address"`
	Status             string `json:"status"`
	JobExecutionStatus string `json:"job_execution_status"`
}

type allowedAgentsEntity struct {
	AllowedAgents []agentEntity      `json:"allowed_agents"`
	Job           idEntity           `json:"job"`
	Pipeline      idEntity           `json:"pipeline"`
	Project       agentProject       `json:"project"`
	User          any                `json:"user"`
	Environment   *environmentEntity `json:"environment,omitempty"`
}

type agentEntity struct {
	ID            int64           `json:"id"`
	ConfigProject projectIdentity `json:"config_project"`
	Configuration map[string]any  `json:"configuration,omitzero"`
}

type idEntity struct {
	ID int64 `json:"id"`
}

type agentProject struct {
	ID     int64      `json:"id"`
	Groups []idEntity `json:"groups"`
}

type agentUser struct {
	ID       int64    `json:"id"`
	Username string   `json:"username"`
	Roles    []string `json:"roles_in_project"`
}

type environmentEntity struct {
	Tier string `json:"tier"`
	Slug string `json:"slug"`
}

type projectIdentity struct {
	ID                int64   `json:"id"`
	Description       *string `json:"description"`
	Name              string  `json:"name"`
	NameWithNamespace string  `json:"name_with_namespace"`
	Path              string  `json:"path"`
	PathWithNamespace string  `json:"path_with_namespace"`
	CreatedAt         stamp   `json:"created_at"`
}
