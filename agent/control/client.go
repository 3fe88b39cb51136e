package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// Client speaks to a running agent.
type Client struct {
	http http.Client
}

// NewClient returns a client of the agent that serves the socket.
func NewClient(path string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := dial(ctx, path)
			if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
				return nil, fmt.Errorf("%w (%s)", ErrNotRunning, path)
			}
			if errors.Is(err, syscall.EACCES) {
				return nil, fmt.Errorf("%s: %w; join the group lamppost or use sudo", path, err)
			}
			return conn, err
		},
	}}}
}

// Get decodes the JSON answer to a GET into v.
func (c *Client) Get(ctx context.Context, path string, v any) error {
	return c.call(ctx, http.MethodGet, path, v)
}

// Post decodes the JSON answer to a POST into v.
func (c *Client) Post(ctx context.Context, path string, v any) error {
	return c.call(ctx, http.MethodPost, path, v)
}

// Stream copies the answer to a GET to w.
func (c *Client) Stream(ctx context.Context, path string, w io.Writer) error {
	body, err := c.do(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(w, body)
	return err
}

func (c *Client) call(ctx context.Context, method, path string, v any) error {
	body, err := c.do(ctx, method, path)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(v)
}

func (c *Client) do(ctx context.Context, method, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://lamppost"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, ErrNotRunning) {
			return nil, ErrNotRunning
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // what came of it is told
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return resp.Body, nil
}
