package sandbox

// The seed-era shapes of contract section 11, for VersionOld.

type oldUserEntity struct {
	ID           int64   `json:"id"`
	Name         string  `json:"name"`
	Username     string  `json:"username"`
	State        string  `json:"state"`
	AvatarURL    *string `json:"avatar_url"`
	WebURL       string  `json:"web_url"`
	CreatedAt    stamp   `json:"created_at"`
	Bio          *string `json:"bio"`
	Location     *string `json:"location"`
	PublicEmail  *string `json:"public_email"`
	Skype        string  `json:"skype"`
	LinkedIn     string  `json:"linkedin"`
	Twitter      string  `json:"twitter"`
	WebsiteURL   string  `json:"website_url"`
	Organization string  `json:"organization"`
}

type oldUserBasicEntity struct {
	ID        int64   `json:"id"`
	Name      string  `json:"name"`
	Username  string  `json:"username"`
	State     string  `json:"state"`
	AvatarURL *string `json:"avatar_url"`
	WebURL    string  `json:"web_url"`
}

type oldCommitEntity struct {
	ID          string `json:"id"`
	ShortID     string `json:"short_id"`
	CreatedAt   stamp  `json:"created_at"`
	Title       string `json:"title"`
	Message     string `json:"message"`
	AuthorName  string `json:"author_name"`
	AuthorEmail string `json:"author_email"`
}

type oldPipelineEntity struct {
	ID        int64  `json:"id"`
	ProjectID int64  `json:"project_id"`
	Ref       string `json:"ref"`
	SHA       string `json:"sha"`
	Status    string `json:"status"`
}

type oldDownstreamEntity struct {
	oldPipelineEntity
	CreatedAt stamp  `json:"created_at"`
	UpdatedAt stamp  `json:"updated_at"`
	WebURL    string `json:"web_url"`
}

type oldRunnerEntity struct {
	ID          int64   `json:"id"`
	Description *string `json:"description"`
	IPAddress   *string `json:"ip_address"`
	Active      bool    `json:"active"`
	IsShared    bool    `json:"is_shared"`
	Name        *string `json:"name"`
	Online      bool    `json:"online"`
	Status      string  `json:"status"`
}

// oldStatus is what a server of that time calls a status it has no word for.
func oldStatus(status string) string {
	switch status {
	case "waiting_for_callback":
		return "preparing"
	case "canceling":
		return "running"
	}
	return status
}

func (v *view) oldUser(u *user) *oldUserEntity {
	full := v.fullUser(u)
	return &oldUserEntity{
		ID: u.id, Name: full.Name, Username: u.username, State: u.state, AvatarURL: full.AvatarURL,
		WebURL: full.WebURL, CreatedAt: utc(u.createdAt), Bio: full.Bio, Location: full.Location,
		PublicEmail: full.PublicEmail,
	}
}

func (v *view) oldUserBasic(u *user) oldUserBasicEntity {
	b := v.userBasic(u)
	return oldUserBasicEntity{
		ID: b.ID, Name: b.Name, Username: b.Username, State: b.State,
		AvatarURL: b.AvatarURL, WebURL: b.WebURL,
	}
}

func (v *view) oldCommit(c *commit) *oldCommitEntity {
	return &oldCommitEntity{
		ID: c.sha, ShortID: c.sha[:8], CreatedAt: stamp(c.committed), Title: c.title,
		Message: c.message, AuthorName: c.author, AuthorEmail: c.email,
	}
}

func (v *view) oldPipeline(p *pipeline) oldPipelineEntity {
	return oldPipelineEntity{
		ID: p.id, ProjectID: p.project.id, Ref: p.ref, SHA: p.sha,
		Status: v.pipelineStatus(p),
	}
}

func (v *view) oldDownstream(p *pipeline) oldDownstreamEntity {
	full := v.pipelineBasic(p)
	return oldDownstreamEntity{v.oldPipeline(p), full.CreatedAt, full.UpdatedAt, full.WebURL}
}

func oldRunner(r runnerEntity) *oldRunnerEntity {
	return &oldRunnerEntity{
		ID: r.ID, Description: r.Description, Active: r.Active,
		IsShared: r.IsShared, Name: r.Name, Online: r.Online != nil && *r.Online, Status: r.Status,
	}
}
