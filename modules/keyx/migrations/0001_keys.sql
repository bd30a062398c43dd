-- SPDX-License-Identifier: MIT
-- Public keys, KeyPackages and sealed backups. Nothing here opens a message.

CREATE TABLE keyx_identities (
    user_id      BLOB NOT NULL PRIMARY KEY CHECK (length(user_id) = 16),
    identity_key BLOB NOT NULL CHECK (length(identity_key) = 32),
    signature    BLOB NOT NULL CHECK (length(signature) = 64),
    log_count    BIGINT NOT NULL CHECK (log_count >= 0),
    log_head     BLOB NOT NULL CHECK (length(log_head) = 32),
    published_ms BIGINT NOT NULL
);

CREATE TABLE keyx_devices (
    user_id       BLOB NOT NULL REFERENCES keyx_identities (user_id),
    device_id     BLOB NOT NULL CHECK (length(device_id) = 16),
    signature_key BLOB NOT NULL CHECK (length(signature_key) = 32),
    certificate   BLOB NOT NULL,
    label         TEXT NOT NULL,
    added_ms      BIGINT NOT NULL,
    PRIMARY KEY (user_id, device_id)
);

-- The hash chain of a user: hash = SHA-256(hash before || entry).
CREATE TABLE keyx_log (
    user_id BLOB NOT NULL REFERENCES keyx_identities (user_id),
    number  BIGINT NOT NULL CHECK (number >= 1),
    entry   BLOB NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (user_id, number)
);

CREATE TABLE keyx_packages (
    ref         BLOB NOT NULL PRIMARY KEY CHECK (length(ref) = 32),
    user_id     BLOB NOT NULL,
    device_id   BLOB NOT NULL,
    suite       BIGINT NOT NULL,
    last_resort BIGINT NOT NULL CHECK (last_resort IN (0, 1)),
    expires_ms  BIGINT NOT NULL,
    package     BLOB NOT NULL,
    FOREIGN KEY (user_id, device_id) REFERENCES keyx_devices (user_id, device_id)
);
CREATE INDEX keyx_packages_pick
    ON keyx_packages (user_id, device_id, suite, last_resort, expires_ms);
CREATE UNIQUE INDEX keyx_packages_last
    ON keyx_packages (user_id, device_id, suite) WHERE last_resort = 1;
CREATE INDEX keyx_packages_expiry ON keyx_packages (expires_ms);

-- What was handed out, until it would have expired: a repeated upload must not offer it again.
CREATE TABLE keyx_spent (
    ref        BLOB NOT NULL PRIMARY KEY,
    expires_ms BIGINT NOT NULL
);
CREATE INDEX keyx_spent_expiry ON keyx_spent (expires_ms);

CREATE TABLE keyx_backups (
    user_id   BLOB NOT NULL REFERENCES keyx_identities (user_id),
    counter   BIGINT NOT NULL CHECK (counter >= 1),
    container BLOB NOT NULL,
    stored_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, counter)
);
