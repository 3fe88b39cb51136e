package httplink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/lamppost-city/lamppost/sync/credentials"
)

// authorize proves who the gateway is. What an answer must not show of that is
// the header as it is, what follows its first word, and the secret itself.
func (l *Link) authorize(ctx context.Context, r *http.Request) (secrets []string, err error) {
	secret, err := l.prove(ctx, r)
	if err != nil || secret == "" {
		return nil, err
	}
	_, proof, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return []string{proof, secret}, nil
}

// shortest is how long a secret must be to be looked for in an answer: shorter
// ones stand there by chance.
const shortest = 6

// redacted returns an answer without secrets: some servers say all they heard in
// their errors.
func redacted(body []byte, secrets []string) []byte {
	for _, secret := range secrets {
		if len(secret) >= shortest {
			body = bytes.ReplaceAll(body, []byte(secret), []byte("…"))
		}
	}
	return body
}

// prove sets the header and returns the secret in it.
func (l *Link) prove(ctx context.Context, r *http.Request) (secret string, err error) {
	switch s := l.settings; {
	case s.Username != "":
		if secret, err = credentials.Secret("password_file", s.PasswordFile); err != nil {
			return "", err
		}
		r.SetBasicAuth(s.Username, secret)
	case s.TokenFile != "":
		if secret, err = credentials.Secret("token_file", s.TokenFile); err != nil {
			return "", err
		}
		r.Header.Set("Authorization", "Bearer "+secret)
	case s.TokenURL != "":
		if secret, err = l.tokens.get(ctx, l); err != nil {
			return "", err
		}
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	return secret, nil
}

// tokens keeps an OAuth2 token until it is about to expire (RFC 6749, 4.4).
type tokens struct {
	mu    sync.Mutex
	token string
	until time.Time
}

func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = ""
}

// early is how long before its end a token is not used any more.
const early = 10 * time.Second

func (t *tokens) get(ctx context.Context, l *Link) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token != "" && time.Now().Before(t.until) {
		return t.token, nil
	}
	s := l.settings
	secret, err := credentials.Secret("client_secret_file", s.ClientSecretFile)
	if err != nil {
		return "", err
	}
	form := strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.TokenURL, form)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(secret))
	res, err := l.client.Do(r)
	if err != nil {
		return "", fmt.Errorf("token_url: %w", credentials.Explain(unwrap(err), "server"))
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken string  `json:"access_token"`
		TokenType   string  `json:"token_type"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", res.StatusCode) // its body may hold what was sent
	}
	if err == nil && (json.Unmarshal(body, &answer) != nil || answer.AccessToken == "" || !strings.EqualFold(answer.TokenType, "bearer")) {
		err = errors.New("the answer has no bearer token")
	}
	if err != nil {
		return "", fmt.Errorf("token_url: %w; check client_id and client_secret_file", err)
	}
	t.token, t.until = answer.AccessToken, time.Now().Add(lifetime(answer.ExpiresIn))
	return t.token, nil
}

// Lifetimes of tokens: of one that does not say, and the longest that is believed.
// One that ends before is asked for again when it is refused.
const (
	unsaid  = 5 * time.Minute
	longest = 24 * time.Hour
)

// lifetime is how long a token is used that says it expires after seconds.
func lifetime(seconds float64) time.Duration {
	if seconds <= 0 {
		return unsaid
	}
	return time.Duration(min(seconds, longest.Seconds())*float64(time.Second)) - early
}
