-- Accounts, open logins, and what must be remembered about refresh tokens and ended logins.
CREATE TABLE auth_users (
    user_id     BLOB   NOT NULL PRIMARY KEY, -- 16 bytes
    name        TEXT   NOT NULL,             -- as it was registered
    name_key    TEXT   NOT NULL UNIQUE,      -- lower case; also the OPAQUE credential identifier
    record      BLOB   NOT NULL,             -- OPAQUE RegistrationRecord, 192 bytes
    idempotency BLOB   NOT NULL,             -- 16 bytes of the registration
    created_ms  BIGINT NOT NULL
);

-- One row for each open login; at most one for each device of a user.
CREATE TABLE auth_logins (
    login_id       BLOB   NOT NULL PRIMARY KEY, -- 16 bytes; claim sid of its access tokens
    user_id        BLOB   NOT NULL REFERENCES auth_users (user_id),
    device_id      BLOB   NOT NULL,
    label          TEXT   NOT NULL,
    user_agent     TEXT   NOT NULL,
    address        TEXT   NOT NULL,
    created_ms     BIGINT NOT NULL,
    used_ms        BIGINT NOT NULL,             -- last login or refresh
    counter        BIGINT NOT NULL,             -- number of the current refresh token, from 0
    rotated_ms     BIGINT NOT NULL,             -- when the current refresh token was made
    refresh_until  BIGINT NOT NULL,             -- seconds
    access_until   BIGINT NOT NULL,             -- seconds; of the newest access token
    UNIQUE (user_id, device_id)
);
CREATE INDEX auth_logins_until ON auth_logins (refresh_until);

-- SHA-256 of every refresh token of an open login, used ones too: a used one that comes back is theft.
CREATE TABLE auth_refresh (
    hash     BLOB   NOT NULL PRIMARY KEY, -- 32 bytes
    login_id BLOB   NOT NULL REFERENCES auth_logins (login_id) ON DELETE CASCADE,
    counter  BIGINT NOT NULL,
    until    BIGINT NOT NULL              -- seconds
);
CREATE INDEX auth_refresh_login ON auth_refresh (login_id);
CREATE INDEX auth_refresh_until ON auth_refresh (until);

-- Logins that ended while an access token of theirs may still be within its time.
CREATE TABLE auth_ended (
    login_id BLOB   NOT NULL PRIMARY KEY,
    until    BIGINT NOT NULL              -- seconds; afterwards every token of it has expired
);
CREATE INDEX auth_ended_until ON auth_ended (until);

-- The public half of the OPAQUE setup that the records belong to: tells when DATA/secrets/opaque is another one.
CREATE TABLE auth_setup (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    public_key BLOB    NOT NULL
);
