package upstream

// URL is where the client's GitLab is, down to its API. It holds no credential.
func (c *Client) URL() string { return c.base.scheme + "://" + c.base.host + c.base.path }
