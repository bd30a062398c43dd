-- SPDX-License-Identifier: MIT
-- What the newest claims of each device were given, so that a repeat of it takes nothing more. Kept for some minutes.
CREATE TABLE keyx_claims (
    caller_user   BLOB NOT NULL CHECK (length(caller_user) = 16),
    caller_device BLOB NOT NULL CHECK (length(caller_device) = 16),
    request_id    BLOB NOT NULL CHECK (length(request_id) = 16),
    suite         BIGINT NOT NULL,
    user_id       BLOB NOT NULL CHECK (length(user_id) = 16),
    device_id     BLOB NOT NULL CHECK (length(device_id) = 16),
    last_resort   BIGINT NOT NULL CHECK (last_resort IN (0, 1)),
    package       BLOB NOT NULL,
    expires_ms    BIGINT NOT NULL,
    PRIMARY KEY (caller_user, caller_device, request_id, suite, user_id, device_id)
);
CREATE INDEX keyx_claims_age ON keyx_claims (expires_ms);
CREATE INDEX keyx_claims_device ON keyx_claims (user_id, device_id);
