package sandbox

import "net/http"

// The three JSON forms of contract section 3.

type messageBody struct {
	Message any `json:"message"`
}

type errorBody struct {
	Error string `json:"error"`
}

type tokenErrorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Scope       string `json:"scope,omitempty"`
}

// apiError is an error in the form of GitLab's own helpers.
func apiError(status int, message string) *reply {
	return jsonReply(status, messageBody{message})
}

// grapeError is an error in the form of the API framework.
func grapeError(status int, text string) *reply {
	return jsonReply(status, errorBody{text})
}

func unauthorized() *reply { return apiError(http.StatusUnauthorized, "401 Unauthorized") }

// forbidden gives the reason, if there is one to give.
func forbidden(reason string) *reply {
	if reason == "" {
		return apiError(http.StatusForbidden, "403 Forbidden")
	}
	return apiError(http.StatusForbidden, "403 Forbidden - "+reason)
}

func badRequest(reason string) *reply {
	return apiError(http.StatusBadRequest, "400 Bad request - "+reason)
}

// notFound names what was looked for; an empty name is the lower-case form for jobs and pipelines.
func notFound(what string) *reply {
	if what == "" {
		return apiError(http.StatusNotFound, "404 Not found")
	}
	return apiError(http.StatusNotFound, "404 "+what+" Not Found")
}

// deadToken is the answer to a known token that no longer works.
func deadToken(kind, description string) *reply {
	out := jsonReply(http.StatusUnauthorized, tokenErrorBody{Error: kind, Description: description})
	out.set("WWW-Authenticate", `Bearer realm="Protected by OAuth 2.0", error="`+kind+
		`", error_description="`+description+`"`)
	return out
}

func insufficientScope(scopes string) *reply {
	return jsonReply(http.StatusForbidden, tokenErrorBody{
		Error:       "insufficient_scope",
		Description: "The request requires higher privileges than provided by the access token.",
		Scope:       scopes,
	})
}

func insufficientGranularScope(permission string) *reply {
	return jsonReply(http.StatusForbidden, tokenErrorBody{
		Error:       "insufficient_granular_scope",
		Description: "The fine-grained access token lacks a permission this request requires: " + permission + ".",
	})
}

func serverError() *reply {
	return apiError(http.StatusInternalServerError, "500 Internal Server Error")
}

const (
	keysetUnavailable = "Keyset pagination is not yet available for this type of request"
	offsetTooDeep     = "Offset pagination has a maximum allowed offset of %d for requests that return " +
		"objects of type Ci::Build. Remaining records can be retrieved using keyset pagination."
)

func conflict(message string) *reply { return apiError(http.StatusConflict, message) }
