-- +goose Up
-- One text for PostgreSQL and SQLite. Times are TIMESTAMPTZ on the one and integer microseconds UTC on the other.

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  username TEXT NOT NULL,
  email TEXT NOT NULL,
  email_verified BOOLEAN NOT NULL,
  claims TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);

-- Every name that finds a user: one namespace for addresses and usernames, so that no value can mean two people.
CREATE TABLE identifiers (
  value TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX identifiers_user ON identifiers (user_id);

-- The roles of the claims document once more, for "who is an administrator".
CREATE TABLE user_roles (
  role TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  PRIMARY KEY (role, user_id)
);
CREATE INDEX user_roles_user ON user_roles (user_id);

CREATE TABLE credentials (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  scheme TEXT NOT NULL,
  secret TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX credentials_user ON credentials (user_id);
CREATE UNIQUE INDEX credentials_one_password ON credentials (user_id) WHERE kind = 'password';

CREATE TABLE identities (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  provider_id TEXT NOT NULL,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  email TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  last_used_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX identities_subject ON identities (issuer, subject);
CREATE INDEX identities_user ON identities (user_id, id);

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  digest BYTEA NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  auth_time TIMESTAMPTZ NOT NULL,
  amr TEXT NOT NULL,
  contexts TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  address TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  last_seen_at TIMESTAMPTZ NOT NULL,
  idle_expires_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  remember_digest BYTEA,
  remember_expires_at TIMESTAMPTZ,
  restored_at TIMESTAMPTZ,
  purge_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, id);
CREATE INDEX sessions_purge ON sessions (purge_at);

-- Which clients got a code in a session, as far as their authorizations no longer tell it: those expire long before the session does.
-- Only clients that hear of its end are here.
CREATE TABLE session_clients (
  session_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (session_id, client_id)
);
CREATE INDEX session_clients_user ON session_clients (user_id);
CREATE INDEX session_clients_expires ON session_clients (expires_at);

-- What applications are to be told of ended sessions, and for a while what came of it. due_at is the lease too: who claims a row moves it.
CREATE TABLE logouts (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  status BIGINT NOT NULL,
  fault TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  due_at TIMESTAMPTZ NOT NULL,
  done_at TIMESTAMPTZ,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX logouts_due ON logouts (due_at) WHERE state = 'waiting';
CREATE INDEX logouts_session ON logouts (session_id, id);
CREATE INDEX logouts_user ON logouts (user_id, id);
CREATE INDEX logouts_client ON logouts (client_id, id);
CREATE INDEX logouts_expires ON logouts (expires_at);

CREATE TABLE grants (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (user_id, client_id)
);
CREATE INDEX grants_client ON grants (client_id);

-- One row per authorization: its code, then its refresh tokens, one after the other in the same columns. No digest is
-- indexed: codes and tokens carry the row's id, and an update that touches no index is the cheap kind on PostgreSQL.
CREATE TABLE authorizations (
  id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  session_id TEXT NOT NULL,
  offline BOOLEAN NOT NULL,
  refreshable BOOLEAN NOT NULL,
  scopes TEXT NOT NULL,
  audience TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  redirect_omitted BOOLEAN NOT NULL,
  code_challenge TEXT NOT NULL,
  request TEXT NOT NULL,
  auth_time TIMESTAMPTZ NOT NULL,
  amr TEXT NOT NULL,
  contexts TEXT NOT NULL,
  issued_at TIMESTAMPTZ NOT NULL,
  code_digest BYTEA NOT NULL,
  code_expires_at TIMESTAMPTZ NOT NULL,
  code_used_at TIMESTAMPTZ,
  refresh_digest BYTEA,
  refresh_previous BYTEA,
  refresh_sealed BYTEA,
  refresh_rotated_at TIMESTAMPTZ,
  refresh_idle_at TIMESTAMPTZ,
  bound_key TEXT NOT NULL,
  revoked_at TIMESTAMPTZ,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX authorizations_user ON authorizations (user_id, client_id);
CREATE INDEX authorizations_client ON authorizations (client_id);
CREATE INDEX authorizations_expires ON authorizations (expires_at);

CREATE TABLE access_tokens (
  digest BYTEA PRIMARY KEY,
  authorization_id TEXT NOT NULL,
  claims TEXT NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX access_tokens_expires ON access_tokens (expires_at);

CREATE TABLE revoked_tokens (
  jti TEXT PRIMARY KEY,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX revoked_tokens_expires ON revoked_tokens (expires_at);

CREATE TABLE interactions (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  browser_digest BYTEA NOT NULL,
  client_id TEXT NOT NULL,
  params TEXT NOT NULL,
  steps TEXT NOT NULL,
  trace_id TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX interactions_browser ON interactions (browser_digest, id);
CREATE INDEX interactions_expires ON interactions (expires_at);

-- Types of authorization details (RFC 9396), each with its JSON schema.
CREATE TABLE authorization_types (
  name TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  definition TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);

-- Authorization requests that clients pushed (RFC 9126). The authorization that follows from one has its id, so that one request gives one code.
CREATE TABLE pushed_requests (
  id TEXT PRIMARY KEY,
  digest BYTEA NOT NULL,
  client_id TEXT NOT NULL,
  params TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX pushed_requests_expires ON pushed_requests (expires_at);
-- What a device asked for and a person decides on at another one (RFC 8628, CIBA), while the client polls. Redeeming it inserts the
-- authorization of the same id. Polls are counted in milliseconds: the engines write intervals in different ways.
CREATE TABLE pending_authorizations (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  digest BYTEA NOT NULL,
  user_code TEXT,
  client_id TEXT NOT NULL,
  scopes TEXT NOT NULL,
  audience TEXT NOT NULL,
  request TEXT NOT NULL,
  state TEXT NOT NULL,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  session_id TEXT NOT NULL,
  session_ended BOOLEAN NOT NULL,
  auth_time TIMESTAMPTZ,
  amr TEXT NOT NULL,
  contexts TEXT NOT NULL,
  address TEXT NOT NULL,
  polled_ms BIGINT NOT NULL,
  interval_ms BIGINT NOT NULL,
  hurried BOOLEAN NOT NULL,
  notify TEXT NOT NULL,
  ping_at TIMESTAMPTZ,
  ping_tries BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  purge_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX pending_authorizations_user_code ON pending_authorizations (user_code);
CREATE INDEX pending_authorizations_client ON pending_authorizations (client_id, expires_at);
CREATE INDEX pending_authorizations_address ON pending_authorizations (address, expires_at);
CREATE INDEX pending_authorizations_user ON pending_authorizations (user_id, client_id);
CREATE INDEX pending_authorizations_ping ON pending_authorizations (ping_at) WHERE ping_at IS NOT NULL;
CREATE INDEX pending_authorizations_purge ON pending_authorizations (purge_at);

-- Whom a pairwise sub means, where a client may name people by theirs (CIBA). The sub is a keyed digest: nothing else leads back from it.
CREATE TABLE pairwise_subjects (
  subject TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX pairwise_subjects_user ON pairwise_subjects (user_id);

CREATE TABLE upstream_logins (
  state_digest BYTEA PRIMARY KEY,
  browser_digest BYTEA NOT NULL,
  interaction_id TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  pending TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX upstream_logins_expires ON upstream_logins (expires_at);

CREATE TABLE clients (
  id TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  disabled BOOLEAN NOT NULL,
  managed_by TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  version BIGINT NOT NULL,
  logout_back BOOLEAN NOT NULL,
  logout_front BOOLEAN NOT NULL
);
CREATE INDEX clients_managed_by ON clients (managed_by, updated_at);

-- Where a client's pages come from: who may call from a browser is looked up by that.
CREATE TABLE client_origins (
  origin TEXT NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  PRIMARY KEY (origin, client_id)
);
CREATE INDEX client_origins_client ON client_origins (client_id);

-- Which client each of the latest changes was about, by the version that changes counts: replicas keep the other clients in memory.
CREATE TABLE client_changes (
  version BIGINT PRIMARY KEY,
  client_id TEXT NOT NULL
);

-- Tokens with which an application may register itself (RFC 7591 §3): how often, until when, and what it may ask for.
CREATE TABLE registration_tokens (
  id TEXT PRIMARY KEY,
  digest BYTEA NOT NULL,
  name TEXT NOT NULL,
  policy TEXT NOT NULL,
  most BIGINT NOT NULL,
  used BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX registration_tokens_expires ON registration_tokens (expires_at);

-- The operator's protected resources (RFC 9728).
CREATE TABLE resources (
  id TEXT PRIMARY KEY,
  identifier TEXT NOT NULL,
  document TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX resources_identifier ON resources (identifier);
CREATE INDEX clients_logout ON clients (id) WHERE logout_back OR logout_front;

CREATE TABLE providers (
  id TEXT PRIMARY KEY,
  document TEXT NOT NULL,
  secret TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  issuer TEXT NOT NULL,
  subjects TEXT NOT NULL -- where they are read: those of one issuer agree
);

CREATE TABLE signing_keys (
  id TEXT PRIMARY KEY,
  algorithm TEXT NOT NULL,
  private TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  active_at TIMESTAMPTZ NOT NULL,
  retired_at TIMESTAMPTZ,
  expires_at TIMESTAMPTZ
);

-- Random values that this server made once and never changes, such as what pairwise subjects are computed with; sealed like signing keys.
CREATE TABLE server_secrets (
  name TEXT PRIMARY KEY,
  sealed TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE audit_events (
  id TEXT PRIMARY KEY,
  at TIMESTAMPTZ NOT NULL,
  type TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  request_id TEXT NOT NULL,
  details TEXT NOT NULL
);
CREATE INDEX audit_events_user ON audit_events (user_id, id);
CREATE INDEX audit_events_at ON audit_events (at);

CREATE TABLE traces (
  id TEXT PRIMARY KEY,
  at TIMESTAMPTZ NOT NULL,
  endpoint TEXT NOT NULL,
  client_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  checks TEXT NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX traces_expires ON traces (expires_at);

CREATE TABLE throttles (
  key TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  window_at TIMESTAMPTZ NOT NULL,
  blocked_until TIMESTAMPTZ,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX throttles_expires ON throttles (expires_at);

CREATE TABLE once_tokens (
  digest BYTEA PRIMARY KEY,
  purpose TEXT NOT NULL,
  subject TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX once_tokens_expires ON once_tokens (expires_at);
CREATE INDEX once_tokens_subject ON once_tokens (purpose, subject);

-- What was used and may not be used again: assertions, proofs, request objects. Digests of what names them, until they expire.
CREATE TABLE replays (
  digest BYTEA PRIMARY KEY,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX replays_expires ON replays (expires_at);

CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until TIMESTAMPTZ NOT NULL
);

-- What replicas keep in memory, and how often it changed: they read this when told, and once a second in any case.
CREATE TABLE changes (
  topic TEXT PRIMARY KEY,
  version BIGINT NOT NULL
);
