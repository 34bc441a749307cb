package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jobgate/jobgate/server/certs"
)

// Bounds of a fetch.
const (
	maxSet       = 256 << 10 // bytes
	maxRedirects = 3
	fetchTimeout = 10 * time.Second
)

// source is where the text of a key set comes from.
type source struct {
	path   string // of a file
	url    string
	client *http.Client
	own    *http.Transport // of client, if it is ours
}

// newSource checks where keys come from.
func newSource(jwks string, client *http.Client) (*source, error) {
	if !strings.Contains(jwks, "://") {
		return &source{path: jwks}, nil
	}
	u, err := url.Parse(jwks)
	if err != nil {
		return nil, errors.New("the JWKS URL cannot be read")
	}
	if err := checkURL(u); err != nil {
		return nil, fmt.Errorf("the JWKS URL %w", err)
	}
	s := &source{url: jwks, client: &http.Client{}}
	if client != nil {
		*s.client = *client
	} else {
		s.own = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: fetchTimeout / 2}).DialContext,
			TLSHandshakeTimeout:    fetchTimeout / 2,
			ResponseHeaderTimeout:  fetchTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableKeepAlives:      true, // the next fetch is minutes away
			ForceAttemptHTTP2:      true,
		}
		s.client.Transport = s.own
	}
	s.client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errors.New("too many redirects")
		}
		if err := checkURL(req.URL); err != nil {
			return fmt.Errorf("the redirect %w", err)
		}
		if req.URL.Scheme != "https" && via[0].URL.Scheme == "https" {
			return errors.New("the redirect leaves https")
		}
		return nil
	}
	return s, nil
}

// checkURL says why keys must not be fetched from u.
func checkURL(u *url.URL) error {
	switch {
	case u.User != nil:
		return errors.New("must not hold a credential")
	case u.Hostname() == "":
		return errors.New("names no host")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("must be https, or http to the loopback")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// load reads the text of the set, which takes fetchTimeout at most.
func (s *source) load(ctx context.Context) ([]byte, error) {
	if s.url == "" {
		text, err := certs.ReadRules(s.path)
		if err != nil {
			return nil, err
		}
		return bounded(bytes.NewReader(text))
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // a query can hold a secret
		}
		return nil, fmt.Errorf("fetching the keys: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching the keys: status %d", resp.StatusCode)
	}
	return bounded(resp.Body)
}

func bounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSet+1))
	if err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	if len(text) > maxSet {
		return nil, errors.New("the key set is larger than 256 KiB")
	}
	return text, nil
}

// close gives the connections back.
func (s *source) close() {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}
