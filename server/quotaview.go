package server

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/quota"
)

// shownCredentials is how many credentials the view of quotas has.
const shownCredentials = 50

// quotaUse is what the view tells of a credential: its name is eight digits of a digest that
// is another one after each start.
type quotaUse struct {
	Credential string      `json:"credential"`
	Calls      int64       `json:"calls"` // in this minute and the last one
	InFlight   int64       `json:"in_flight"`
	Waiting    int         `json:"waiting"`
	Refused    int64       `json:"refused_by_gitlab"`
	Early      int64       `json:"refused_early"`
	Quota      *quotaLimit `json:"quota,omitempty"`
	Routes     []quotaUsed `json:"routes,omitempty"`
}

type quotaUsed struct {
	Route   string     `json:"route"`
	Waiting int        `json:"waiting"`
	Quota   quotaLimit `json:"quota"`
}

type quotaLimit struct {
	Limit     int64     `json:"limit"`
	Window    string    `json:"window"`
	Remaining int64     `json:"remaining"`
	Reset     time.Time `json:"reset"`
}

// quotaView tells those who run the gateway whose quota is how far used.
func quotaView(api *upstream.Client) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		uses := []quotaUse{}
		top := api.QuotaTop(shownCredentials)
		for i := range top {
			u := &top[i]
			use := quotaUse{
				Credential: u.Credential, Calls: u.Calls, InFlight: u.InFlight, Waiting: u.Waiting, Refused: u.Upstream, Early: u.Early,
			}
			if u.Quota.Limit > 0 {
				limit := limitOf(u.Quota)
				use.Quota = &limit
			}
			for _, r := range u.Routes {
				use.Routes = append(use.Routes, quotaUsed{r.Route, r.Waiting, limitOf(r.Quota)})
			}
			uses = append(uses, use)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(uses)
	})
}

func limitOf(q quota.Quota) quotaLimit {
	return quotaLimit{q.Limit, q.Window.String(), q.Remaining, q.Reset.UTC()}
}
